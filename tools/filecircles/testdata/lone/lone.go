// Package lone has one file.
package lone

func walk(n int) { walk(n) }

// Package generated has a file that a program wrote.
package generated

func Use(table int) {}

// Package pair has two circles of two files.
package pair

type A struct{ next *B }

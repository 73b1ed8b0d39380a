// Package methods has a circle of three files that need each other through a
// method, a variable and a type parameter's constraint.
package methods

type Square struct{ side int }

func (s *Square) Side() int { return s.side }

// Sorter is an interface with a method of its own.
type Sorter interface{ Less(i, j int) bool }

var largest = biggest(defaultSquares)

// Package clean has nothing to report.
package clean

const maxPairs = 3

func pairOf(first, second int) [2]int { return [2]int{first, second} }

// Option shows the name of a type that is not exported.
type Option func(*settings) error

type settings struct{}

// Package layers has arrows in one direction only.
package layers

// The field that bottom.go declares makes no arrow.
func Top() int { return middleOf(makeSettings()) + makeSettings().limit }

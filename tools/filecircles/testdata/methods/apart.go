package methods

// Apart uses the circle, and nobody uses it.
func Apart() int { return largest }

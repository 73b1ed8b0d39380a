package layers

// Tests do not count: this would be an arrow back up.
var _ = Top

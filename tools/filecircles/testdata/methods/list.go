package methods

// List is generic.
type List[T any] struct{ items []T }

func (l List[T]) First() T { return l.items[0] }

var defaultSquares = List[*Square]{}

func before(s Sorter) bool { return s.Less(0, 1) }

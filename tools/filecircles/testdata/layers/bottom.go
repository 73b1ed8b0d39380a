package layers

const baseLimit = 3

type Settings struct{ limit int }

// limitOf has a local name that top.go and middle.go declare, too.
func limitOf(s Settings) int {
	middleOf := s.limit
	return middleOf
}

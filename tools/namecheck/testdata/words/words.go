// Package words has names of one word and of two.
package words

const limit, maxLimit = 1, 2

var (
	cache  = map[string]int{}
	cache2 = cache
	x, é   = 1, 2
	été    = 3
	snake_ = 4
	_      = maxLimit
)

type plain struct{ field int }

type plainType = plain

func build() {}

// Methods may have one word, and so may exported names.
func (p plain) method() {}

func (p plain) main() {}

func Exported() {}

type Buyer struct{}

// The package's name is not one in its scope.
const words, ab = 1, 2

func init() { build() }

// Package decimal compares decimal numbers by their text: exactly, without
// floats and without allocating.
package decimal

// MaxDigits is how many digits a number may have, as it is written and written
// out without its exponent.
const MaxDigits = 400

// Text is what numbers are written in.
type Text interface{ ~string | ~[]byte }

// Form is what a text is as a number.
type Form uint8

// The forms of a text.
const (
	NoNumber Form = iota
	TooLong       // a number of more than MaxDigits digits
	Exact         // a number that compares
)

// Number is a number where it is in its text. The zero Number is 0.
type Number[T Text] struct {
	text       T
	sign       int // -1, 0 or +1
	start, end int // from the first digit that is not 0 to the last one; the point may lie between
	point      int // how many digits after start the point is
}

// IsPlain reports whether text is an optional minus, digits, and optionally a
// point and more digits: no exponent, no blanks, no separators.
func IsPlain(text string) bool {
	i := 0
	if i < len(text) && text[i] == '-' {
		i++
	}
	whole := i
	if i = skipDigits(text, i); i == whole {
		return false
	}
	if i == len(text) {
		return true
	}
	fraction := i + 1
	return text[i] == '.' && fraction < len(text) && skipDigits(text, fraction) == len(text)
}

// Cmp compares two plain decimals by value: -1, 0 or +1. What it says of other
// text means nothing.
func Cmp(a, b string) int {
	x, _ := readMantissa(a)
	y, _ := readMantissa(b)
	return Compare(x, y)
}

// ParsePlain reads a plain decimal.
func ParsePlain[T Text](text T) (Number[T], Form) {
	n, end := readMantissa(text)
	if end < 0 || end < len(text) {
		return Number[T]{}, NoNumber
	}
	return n.fitting(end)
}

// Parse reads a plain decimal, or one with an exponent, as JSON writes it.
func Parse[T Text](text T) (Number[T], Form) {
	n, end := readMantissa(text)
	if end < 0 {
		return Number[T]{}, NoNumber
	}
	if end < len(text) {
		exponent, ok := readExponent(text, end)
		if !ok {
			return Number[T]{}, NoNumber
		}
		n.point += exponent
	}
	return n.fitting(end)
}

// Compare compares by value: -1, 0 or +1.
func Compare[T, U Text](a Number[T], b Number[U]) int {
	switch {
	case a.sign != b.sign:
		return signOf(a.sign - b.sign)
	case a.sign == 0:
		return 0
	case a.point != b.point:
		return a.sign * signOf(a.point-b.point)
	default:
		return a.sign * compareDigits(a, b)
	}
}

// AppendPlain appends the number without an exponent and without zeros around
// it.
func (n Number[T]) AppendPlain(dst []byte) []byte {
	if n.sign == 0 {
		return append(dst, '0')
	}
	if n.sign < 0 {
		dst = append(dst, '-')
	}
	if n.point <= 0 {
		dst = append(dst, '0', '.')
		for range -n.point {
			dst = append(dst, '0')
		}
	}
	written := 0
	for i := n.start; i < n.end; i++ {
		if n.text[i] == '.' {
			continue
		}
		if written == n.point && written > 0 {
			dst = append(dst, '.')
		}
		dst = append(dst, n.text[i])
		written++
	}
	for ; written < n.point; written++ {
		dst = append(dst, '0')
	}
	return dst
}

// compareDigits compares from the first digit on, past the points.
func compareDigits[T, U Text](a Number[T], b Number[U]) int {
	i, j := a.start, b.start
	for i < a.end && j < b.end {
		x, y := a.text[i], b.text[j]
		switch {
		case x == y:
			i, j = i+1, j+1
		case x == '.':
			i++
		case y == '.':
			j++
		default:
			return signOf(int(x) - int(y))
		}
	}
	return signOf((a.end - i) - (b.end - j)) // what is left does not end in 0
}

// readMantissa reads a number up to its exponent, which starts at end; -1 when
// there is none.
func readMantissa[T Text](text T) (n Number[T], end int) {
	n = Number[T]{text: text, sign: 1}
	i := 0
	if i < len(text) && text[i] == '-' {
		n.sign = -1
		i++
	}
	n.start = i
	whole := skipDigits(text, i)
	if whole == i {
		return n, -1
	}
	n.end, end = whole, whole
	if whole < len(text) && text[whole] == '.' {
		if end = skipDigits(text, whole+1); end == whole+1 {
			return n, -1
		}
		n.end = end
	}
	n.strip(whole)
	return n, end
}

// strip leaves out the zeros around the number, whose point is at whole.
func (n *Number[T]) strip(whole int) {
	for n.start < n.end && (n.text[n.start] == '0' || n.text[n.start] == '.') {
		n.start++
	}
	if n.start == n.end {
		n.sign = 0
		return
	}
	for n.text[n.end-1] == '0' || n.text[n.end-1] == '.' {
		n.end--
	}
	n.point = whole - n.start
	if n.point < 0 {
		n.point++ // the point itself
	}
}

// fitting refuses what is too long as it is written, up to end, or written out.
func (n Number[T]) fitting(end int) (Number[T], Form) {
	const near = MaxDigits/2 - 1 // with so few digits so close to the point, no count is needed
	if end <= near && -near <= n.point && n.point <= near {
		return n, Exact
	}
	if end > MaxDigits && n.written(end) > MaxDigits {
		return Number[T]{}, TooLong
	}
	if n.sign == 0 {
		return n, Exact
	}
	significant := n.end - n.start
	for i := n.start; i < n.end; i++ {
		if n.text[i] == '.' {
			significant--
			break
		}
	}
	if max(n.point, 1)+max(significant-n.point, 0) > MaxDigits {
		return Number[T]{}, TooLong
	}
	return n, Exact
}

// written counts the digits before end.
func (n Number[T]) written(end int) int {
	count := 0
	for i := range end {
		if '0' <= n.text[i] && n.text[i] <= '9' {
			count++
		}
	}
	return count
}

// readExponent reads e+10 at i, up to the end of the text. One that is far too
// large stays so.
func readExponent[T Text](text T, i int) (value int, ok bool) {
	if text[i] != 'e' && text[i] != 'E' {
		return 0, false
	}
	i++
	direction := 1
	if i < len(text) && (text[i] == '+' || text[i] == '-') {
		if text[i] == '-' {
			direction = -1
		}
		i++
	}
	start := i
	for ; i < len(text) && text[i]-'0' <= 9; i++ {
		value = min(value*10+int(text[i]-'0'), 1<<40)
	}
	return direction * value, start < len(text) && i == len(text)
}

// skipDigits returns the first place from i on that is not a digit.
func skipDigits[T Text](text T, i int) int {
	for i < len(text) && text[i]-'0' <= 9 {
		i++
	}
	return i
}

func signOf(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	default:
		return 0
	}
}

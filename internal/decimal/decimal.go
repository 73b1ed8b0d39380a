// Package decimal compares decimal numbers by their text: exactly, without
// floats and without allocating.
package decimal

// IsPlain reports whether text is an optional minus, digits, and optionally a
// point and more digits: no exponent, no blanks, no separators.
func IsPlain(text string) bool {
	i := 0
	if i < len(text) && text[i] == '-' {
		i++
	}
	whole := digits(text[i:])
	if whole == 0 {
		return false
	}
	i += whole
	if i == len(text) {
		return true
	}
	if text[i] != '.' {
		return false
	}
	i++
	fraction := digits(text[i:])
	return fraction > 0 && i+fraction == len(text)
}

// Cmp compares two plain decimals by value: -1, 0 or +1. What it says of other
// text means nothing.
func Cmp(a, b string) int {
	x, y := split(a), split(b)
	switch {
	case x.sign != y.sign:
		return sign(x.sign - y.sign)
	case x.sign < 0:
		return y.cmpMagnitude(x)
	default:
		return x.cmpMagnitude(y)
	}
}

// parts is a decimal without its leading and trailing zeros. The sign of zero
// is 0.
type parts struct {
	sign            int
	whole, fraction string
}

func split(text string) parts {
	p := parts{sign: 1}
	if text != "" && text[0] == '-' {
		p.sign, text = -1, text[1:]
	}
	n := digits(text)
	p.whole = text[:n]
	if n < len(text) {
		p.fraction = text[n+1:]
	}
	for p.whole != "" && p.whole[0] == '0' {
		p.whole = p.whole[1:]
	}
	for p.fraction != "" && p.fraction[len(p.fraction)-1] == '0' {
		p.fraction = p.fraction[:len(p.fraction)-1]
	}
	if p.whole == "" && p.fraction == "" {
		p.sign = 0
	}
	return p
}

func (p parts) cmpMagnitude(q parts) int {
	switch {
	case len(p.whole) != len(q.whole):
		return sign(len(p.whole) - len(q.whole))
	case p.whole != q.whole:
		return cmpText(p.whole, q.whole)
	default:
		return cmpText(p.fraction, q.fraction)
	}
}

func cmpText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	default:
		return 0
	}
}

func digits(text string) int {
	n := 0
	for n < len(text) && '0' <= text[n] && text[n] <= '9' {
		n++
	}
	return n
}

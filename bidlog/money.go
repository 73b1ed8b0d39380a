// Sums and comparisons of payouts, exactly.

package bidlog

import (
	"math"
	"math/big"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/decimal"
)

// amountSum is an exact sum. Nearly all amounts have few digits, and are summed as
// integers.
type amountSum struct {
	byPlaces [maxPlaces + 1]int64 // by the digits after the point
	places   int                  // the most that an amount had
	rest     *big.Rat             // what did not fit
}

const (
	maxPlaces       = 6
	maxSmallDigits  = 12
	noSmallOverflow = math.MaxInt64 / 2
)

// add adds a plain decimal. It ignores anything else.
func (s *amountSum) add(text []byte) {
	if value, places, isSmall := smallDecimal(text); isSmall && s.byPlaces[places] < noSmallOverflow && s.byPlaces[places] > -noSmallOverflow {
		s.byPlaces[places] += value
		s.places = max(s.places, places)
		return
	}
	amount, err := trackdrive.ParseAmount(string(text))
	if err != nil {
		return
	}
	r, _ := amount.Rat()
	if s.rest == nil {
		s.rest = new(big.Rat)
	}
	s.rest.Add(s.rest, r)
}

// smallDecimal reads a plain decimal of few digits: value divided by 10 to the places.
func smallDecimal(text []byte) (value int64, places int, ok bool) {
	digits := text
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	point := -1
	for i, c := range digits {
		switch {
		case '0' <= c && c <= '9':
			value = 10*value + int64(c-'0')
		case c == '.' && point < 0 && i > 0:
			point = i
		default:
			return 0, 0, false
		}
		if i > maxSmallDigits {
			return 0, 0, false
		}
	}
	if point >= 0 {
		places = len(digits) - point - 1
	}
	if len(digits) == 0 || point == len(digits)-1 || places > maxPlaces {
		return 0, 0, false
	}
	if len(digits) < len(text) {
		value = -value
	}
	return value, places, true
}

// amount returns the sum, with at least two digits after the point.
func (s *amountSum) amount() trackdrive.Amount {
	total, unit, ten := new(big.Rat), big.NewInt(1), big.NewInt(10)
	for _, value := range s.byPlaces {
		total.Add(total, new(big.Rat).SetFrac(big.NewInt(value), unit))
		unit = new(big.Int).Mul(unit, ten)
	}
	places := max(2, s.places)
	if s.rest != nil {
		total.Add(total, s.rest)
		n, _ := total.FloatPrec()
		places = max(places, n)
	}
	amount, err := trackdrive.ParseAmount(total.FloatString(places))
	if err != nil { // longer than an Amount
		amount, _ = trackdrive.ParseAmount(total.FloatString(2))
	}
	return amount
}

// bidValue is what bids are ranked by.
type bidValue struct {
	isSet bool
	plain decimal.Number[string] // the payout, if exact is nil
	text  string
	exact *big.Rat // with weight and margin
}

func (v *bidValue) rat() *big.Rat {
	if v.exact != nil {
		return v.exact
	}
	r, _ := new(big.Rat).SetString(v.text)
	return r
}

// isMore reports whether v ranks before another. A value that is not set is the least.
func (v *bidValue) isMore(other *bidValue) bool {
	switch {
	case !v.isSet || !other.isSet:
		return v.isSet && !other.isSet
	case v.exact == nil && other.exact == nil:
		return decimal.Compare(v.plain, other.plain) > 0
	default:
		return v.rat().Cmp(other.rat()) > 0
	}
}

// Sums and comparisons of payouts, exactly.

package bidlog

import (
	"math"
	"math/big"

	"github.com/trackdrive-go/trackdrive"
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

// bidValue is what bids are ranked by: the payout with the weight and the margin of a
// plan. A value without a payout is not set.
type bidValue struct {
	isSet  bool
	payout []byte
	plan   *sourcePlan
	near   float64 // the value, nearly
	size   float64 // what near was made of; its error is in proportion to this
}

// nearlyEqual is the proportion within which two values are compared exactly. That of
// the error of a float64 is much smaller.
const nearlyEqual = 1e-12

var powersOfTen = [maxPlaces + 1]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6}

// valueOf returns the value of a payout, which is not set if it is hidden or missing. It
// keeps the payout's bytes.
func (p *sourcePlan) valueOf(payout []byte) bidValue {
	v := bidValue{payout: payout, plan: p}
	if value, places, isSmall := smallDecimal(payout); isSmall {
		v.isSet, v.near = true, float64(value)/powersOfTen[places]
	} else if amount, err := trackdrive.ParseAmount(string(payout)); err == nil && payout[0] != '$' {
		v.isSet, v.near = true, amount.Float64()
	}
	v.size = math.Abs(v.near)
	if !p.isPlain {
		v.near = v.near*p.nearWeight - p.nearMargin
		v.size = v.size*p.nearWeight + math.Abs(p.nearMargin)
	}
	return v
}

// exact returns a value that is set.
func (v *bidValue) exact() *big.Rat {
	r, _ := new(big.Rat).SetString(string(v.payout))
	r.Mul(r, v.plan.weight)
	return r.Sub(r, v.plan.margin)
}

// cmp compares two values. One that is not set is the least.
func (v *bidValue) cmp(other *bidValue) int {
	difference := v.near - other.near
	switch within := nearlyEqual * (v.size + other.size); {
	case !v.isSet && !other.isSet:
		return 0
	case !other.isSet:
		return 1
	case !v.isSet:
		return -1
	case difference > within:
		return 1
	case difference < -within:
		return -1
	case v.plan == other.plan && string(v.payout) == string(other.payout):
		return 0
	default:
		return v.exact().Cmp(other.exact())
	}
}

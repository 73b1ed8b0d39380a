// Money: exact sums.

package prom

import (
	"math"
	"math/big"
	"strings"
	"sync"

	"github.com/trackdrive-go/trackdrive"
)

// moneySum is an exact sum of amounts. It is safe for concurrent use.
type moneySum struct {
	mu    sync.Mutex
	units int64    // in 1/unitsPerOne
	rest  *big.Rat // what does not fit into units; nil if everything does
}

// Sums are kept in units of 0.0001.
const (
	unitDigits  = 4
	unitsPerOne = 10_000
)

// add adds an amount; nothing if it is unset.
func (s *moneySum) add(a trackdrive.Amount) {
	units, isExact := unitsOf(a.String())
	s.mu.Lock()
	defer s.mu.Unlock()
	if isExact && units <= math.MaxInt64-s.units {
		s.units += units
		return
	}
	if exact, isSet := a.Rat(); isSet {
		if s.rest == nil {
			s.rest = new(big.Rat)
		}
		s.rest.Add(s.rest, exact)
	}
}

// float returns the float64 that is nearest to the sum.
func (s *moneySum) float() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := big.NewRat(s.units, unitsPerOne)
	if s.rest != nil {
		sum.Add(sum, s.rest)
	}
	f, _ := sum.Float64()
	return f
}

// unitsOf returns an amount in units, if it is not negative and has few digits.
func unitsOf(text string) (units int64, isExact bool) {
	const mostDigits = 14 // before the point; with unitDigits they fit into an int64
	whole, fraction, _ := strings.Cut(text, ".")
	if whole == "" || whole[0] == '-' || len(whole) > mostDigits || len(fraction) > unitDigits {
		return 0, false
	}
	for i := range len(whole) {
		units = units*10 + int64(whole[i]-'0')
	}
	for i := range unitDigits {
		units *= 10
		if i < len(fraction) {
			units += int64(fraction[i] - '0')
		}
	}
	return units, true
}

// isNegative reports whether an amount is less than 0.
func isNegative(a trackdrive.Amount) bool {
	return strings.HasPrefix(a.String(), "-") && !a.Equal(zeroAmount)
}

var zeroAmount = trackdrive.MustAmount("0")

// absoluteAmount returns the amount without its sign.
func absoluteAmount(a trackdrive.Amount) trackdrive.Amount {
	return trackdrive.MustAmount(strings.TrimPrefix(a.String(), "-"))
}

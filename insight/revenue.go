// Revenue: exact sums of money.

package insight

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/trackdrive-go/trackdrive"
)

// exactSum is an exact sum of money. Usual payouts are added as integers.
type exactSum struct {
	micros   int64
	rest     *big.Rat // of what has more digits; nil if there is nothing. It is never changed, so that copies may share it
	decimals int      // how many decimals the sum may have
}

const (
	microDecimals = 6
	microDigits   = 12 // before the point
	mostDigits    = 18 // before the point: no payout has more
)

// revenueOf returns a payout as a sum, or false if it is unset, or beyond all money.
func revenueOf(payout trackdrive.Amount) (exactSum, bool) {
	text := payout.String()
	whole, decimals, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	whole = strings.TrimLeft(whole, "0")
	switch {
	case text == "", len(whole) > mostDigits:
		return exactSum{}, false
	case len(whole) <= microDigits && len(decimals) <= microDecimals:
		return exactSum{micros: microsOf(text), decimals: len(decimals)}, true
	default:
		exact, isSet := payout.Rat()
		return exactSum{rest: exact, decimals: len(decimals)}, isSet
	}
}

// microsOf reads a plain decimal with at most six decimals.
func microsOf(text string) int64 {
	var n int64
	missing, isPastPoint := microDecimals, false
	for i := range len(text) {
		switch c := text[i]; c {
		case '-':
		case '.':
			isPastPoint = true
		default:
			n = n*10 + int64(c-'0')
			if isPastPoint {
				missing--
			}
		}
	}
	for range missing {
		n *= 10
	}
	if strings.HasPrefix(text, "-") {
		return -n
	}
	return n
}

// add adds another sum.
func (r *exactSum) add(other *exactSum) {
	r.decimals = max(r.decimals, other.decimals)
	if sum := r.micros + other.micros; (sum > r.micros) == (other.micros > 0) {
		r.micros = sum
	} else { // it overflows
		r.addRest(big.NewRat(r.micros, 1e6))
		r.micros = other.micros
	}
	if other.rest != nil {
		r.addRest(other.rest)
	}
}

func (r *exactSum) addRest(more *big.Rat) {
	sum := new(big.Rat).Set(more)
	if r.rest != nil {
		sum.Add(sum, r.rest)
	}
	r.rest = sum
}

// leastDecimals is how many decimals an amount is shown with.
const leastDecimals = 2

// amount returns the sum. It is rounded only if it does not fit an Amount.
func (r *exactSum) amount() trackdrive.Amount {
	if r.rest == nil {
		a, _ := trackdrive.ParseAmount(withoutZeros(microsText(r.micros)))
		return a
	}
	sum := big.NewRat(r.micros, 1e6)
	sum.Add(sum, r.rest)
	for decimals := max(r.decimals, leastDecimals); decimals >= 0; decimals-- {
		if a, err := trackdrive.ParseAmount(withoutZeros(sum.FloatString(decimals))); err == nil {
			return a
		}
	}
	return trackdrive.Amount{} // more than all the money there is
}

// microsText returns millionths with six decimals.
func microsText(micros int64) string {
	sign, size := "", uint64(micros)
	if micros < 0 {
		sign, size = "-", -size
	}
	return fmt.Sprintf("%s%d.%06d", sign, size/1e6, size%1e6)
}

// withoutZeros cuts zeros from the decimals, but for two.
func withoutZeros(text string) string {
	for point := strings.IndexByte(text, '.'); point >= 0 && len(text)-point-1 > leastDecimals && text[len(text)-1] == '0'; {
		text = text[:len(text)-1]
	}
	return text
}

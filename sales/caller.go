// Callers: one person's number, however it is written, and what takes its place.

package sales

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"github.com/trackdrive-go/trackdrive/internal/display"
)

// caller returns what a store keeps of a caller's number, and by what it finds the
// caller's other leads.
func (d *Desk) caller(number string) (kept, key string) {
	digits := display.NationalNumber(number)
	if len(d.config.CallerKey) == 0 {
		return number, digits
	}
	if digits == "" {
		return "", ""
	}
	mac := hmac.New(sha256.New, d.config.CallerKey)
	mac.Write([]byte(digits))
	sum := hex.EncodeToString(mac.Sum(nil))
	return sum, sum
}

// withoutNumbers takes the phone numbers out of a text that a store keeps, if stores
// are not to have the caller's: a text may quote it without its area code or country
// code, or next to other digits.
func (d *Desk) withoutNumbers(text string) string {
	if len(d.config.CallerKey) == 0 {
		return text
	}
	return display.HideNumbers(text)
}

// Callers: one person's number, however it is written, and what takes its place.

package sales

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// fewestDigits is the least number of digits in a phone number. What has fewer, such
// as "anonymous", is nobody's.
const fewestDigits = 7

// digitsOf returns the digits of a phone number, without the country code of North
// America; "" if it is not a phone number.
func digitsOf(number string) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, number)
	switch {
	case len(digits) < fewestDigits:
		return ""
	case len(digits) == 11 && digits[0] == '1':
		return digits[1:]
	default:
		return digits
	}
}

// caller returns what a store keeps of a caller's number, and by what it finds the
// caller's other leads.
func (d *Desk) caller(number string) (kept, key string) {
	digits := digitsOf(number)
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

// withoutNumber takes a caller's number out of a text that a store keeps, if stores
// are not to have it.
func (d *Desk) withoutNumber(text, number string) string {
	digits := digitsOf(number)
	if len(d.config.CallerKey) == 0 || digits == "" {
		return text
	}
	var kept strings.Builder
	for text != "" {
		start := strings.IndexFunc(text, isDigit)
		if start < 0 {
			break
		}
		end := numberEnd(text[start:]) + start
		kept.WriteString(text[:start])
		if strings.HasSuffix(digitsOf(text[start:end]), digits) {
			kept.WriteString("…")
		} else {
			kept.WriteString(text[start:end])
		}
		text = text[end:]
	}
	return kept.String() + text
}

// numberEnd returns the end of the digits that begin a text, with the usual
// punctuation between them.
func numberEnd(text string) int {
	end := 0
	for i, r := range text {
		switch {
		case isDigit(r):
			end = i + 1
		case i > end+1 || !strings.ContainsRune("-. ()", r):
			return end
		}
	}
	return end
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

package attempt

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
)

// RetryAfter returns what a reply's Retry-After asks for: seconds, or the time
// until an HTTP date. It returns 0 when there is none, more than one, or one
// that is negative, fractional, in the past, or of more seconds than a Duration
// holds; a date past that is the longest Duration.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	values := h["Retry-After"]
	if len(values) != 1 {
		return 0
	}
	text := values[0]
	if ascii.IsDigits(text) {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil || seconds > math.MaxInt64/int64(time.Second) {
			return 0
		}
		return time.Duration(seconds) * time.Second
	}
	date, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return max(0, date.Sub(now))
}

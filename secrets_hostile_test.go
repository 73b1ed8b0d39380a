package trackdrive_test

// Refusals that are made to take long to read.

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

// hostileUnits are the parts of a hostile reply: texts that are nearly secrets, and
// nested escapes.
var hostileUnits = map[string]string{
	"nearly": strings.Repeat("a", 39) + "c", "backslashes": `\`, "mixed": `%25252541\u0026amp;`,
	"chains": "%" + strings.Repeat("25", 600) + "&" + strings.Repeat("amp;", 300) + `\` + strings.Repeat("u005c", 240),
}

// hostileRefusals are refusals of about 1 MiB, each a JSON document.
func hostileRefusals() map[string]string {
	const size = 1<<20 - 1<<10
	refusals := make(map[string]string)
	for name, unit := range hostileUnits {
		quoted := jsonInside(unit)
		text := strings.Repeat(quoted, size/len(quoted))
		short := strings.Repeat(quoted, max(1, 8/len(quoted)))
		refusals["one reason of "+name] = `{"success":false,"errors":["` + text + `"]}`
		refusals["a message of "+name] = `{"success":false,"message":"` + text + `"}`
		refusals["a status of "+name] = `{"success":false,"status":"` + text + `"}`
		refusals["a field of "+name] = `{"success":false,"errors":{"` + text + `":"x"}}`
		refusals["short reasons of "+name] = `{"success":false,"errors":["` + strings.Repeat(short+`","`, size/(len(short)+3)) + `"]}`
		refusals["reasons in a field of "+name] = `{"success":false,"errors":{"` + text[:len(text)/2/len(quoted)*len(quoted)] + `":{` + strings.Repeat(`"a":1,`, size/2/6) + `"b":1}}}`
		refusals["a chain of fields of "+name] = `{"success":false,"errors":` + strings.Repeat(`{"`+short+`":["x",`, 250) + `"x"` + strings.Repeat(`]}`, 250) + `}`
	}
	return refusals
}

func jsonInside(text string) string {
	quoted := fmt.Sprintf("%q", text)
	return quoted[1 : len(quoted)-1]
}

// manyCredentials is an authenticator with many credentials, some of the kind that
// makes a search look at a text again and again.
func manyCredentials() trackdrive.Authenticator {
	return trackdrive.AuthenticatorFunc(func(_ context.Context, r *trackdrive.AuthRequest) error {
		r.SetHeader("Authorization", "Token "+strings.Repeat("a", 40)+"b")
		for i, secret := range []string{
			`"\%&aaaaaa`, strings.Repeat("ab", 500), strings.Repeat("%25", 100) + "x", strings.Repeat("A", 63) + "=", "&amp;#37;25&amp;", "made-up-key-0123456789",
		} {
			r.SetParam(fmt.Sprintf("key_%d", i), secret)
		}
		return nil
	})
}

func TestAHostileRefusalIsReadWithinTheLimit(t *testing.T) {
	t.Parallel()
	limit := time.Second
	if withRaceDetector() {
		limit *= 10 // it slows loops down that much
	}
	for name, body := range hostileRefusals() {
		for _, status := range []int{200, 422} {
			c := newClient(t, &answering{status: status, body: body}, trackdrive.WithAuth(manyCredentials()))
			start := time.Now()
			ping, err := c.Ping(t.Context(), "sell", onePing, trackdrive.WithTimeout(limit))
			require.Less(t, time.Since(start), limit, "%d with %s", status, name)
			var e *trackdrive.Error
			if status == 200 {
				require.NoError(t, err, name)
				require.False(t, ping.Accepted, name)
				requireBounded(t, ping.Status, ping.Errors)
			} else {
				require.ErrorAs(t, err, &e, name)
				requireBounded(t, e.Status, e.Errors)
			}
		}
	}
}

func requireBounded(t *testing.T, status string, reasons []trackdrive.FieldError) {
	t.Helper()
	require.LessOrEqual(t, len(status), 1<<10)
	require.LessOrEqual(t, len(reasons), 100)
	for _, r := range reasons {
		require.LessOrEqual(t, len(r.Field), 1<<10)
		require.LessOrEqual(t, len(r.Message), 1<<10)
	}
}

// A field's name is cut before it is scrubbed: no half of a credential is left.
func TestASecretInALongFieldLeavesNoHalf(t *testing.T) {
	t.Parallel()
	const token = "PLANTED-token-0123456789"
	for _, around := range []int{1 << 10, 2 << 10} {
		for pad := around - 2*len(token); pad < around+2; pad++ {
			body := `{"success":false,"errors":{"` + strings.Repeat(".", pad/2) + `":{"` + strings.Repeat(".", pad-pad/2-1) + token + strings.Repeat(".", around) + `":"is wrong"}}}`
			c := newClient(t, &answering{status: 200, body: body}, trackdrive.WithAuth(trackdrive.DeveloperToken(token)))
			ping, err := c.Ping(t.Context(), "sell", onePing)
			require.NoError(t, err)
			require.Len(t, ping.Errors, 1)
			require.NotContains(t, ping.Errors[0].Field, token[:4])
			require.Equal(t, "is wrong", ping.Errors[0].Message)
		}
	}
}

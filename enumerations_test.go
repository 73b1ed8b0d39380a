package trackdrive_test

import (
	"encoding"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

// enumeration is a type whose constants count from 0 and have names.
type enumeration interface {
	~int
	fmt.Stringer
	encoding.TextMarshaler
}

func TestEnumerationsHaveNames(t *testing.T) {
	t.Parallel()
	checkEnumeration[trackdrive.Verdict](t, "undetermined", "rejected", "accepted")
	checkEnumeration[trackdrive.Encoding](t, "json", "form", "query", "post_query")
	checkEnumeration[trackdrive.Repeatable](t, "never", "refused", "safe")
	checkEnumeration[trackdrive.TrackingMode](t, "unknown", "ring_pool", "static")
	checkEnumeration[trackdrive.Delivery](t, "unknown", "answered", "not_sent")
	checkEnumeration[trackdrive.ReplyFormat](t, "json", "xml", "text", "form")
	checkEnumeration[trackdrive.MissingPolicy](t, "fails", "blank", "stays")
}

func checkEnumeration[T enumeration, P interface {
	*T
	encoding.TextUnmarshaler
}](t *testing.T, names ...string) {
	t.Helper()
	for i, name := range names {
		require.Equal(t, name, T(i).String())
		text, err := T(i).MarshalText()
		require.NoError(t, err)
		require.Equal(t, name, string(text))
		for _, spelled := range []string{name, strings.ToUpper(name)} {
			var v T
			require.NoError(t, P(&v).UnmarshalText([]byte(spelled)))
			require.Equal(t, T(i), v)
		}
	}
	for _, unknown := range []T{-1, T(len(names))} {
		require.Contains(t, unknown.String(), fmt.Sprintf("(%d)", int(unknown)))
		_, err := unknown.MarshalText()
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	}
	for _, text := range []string{"", "other", names[0] + " "} {
		v := T(1)
		require.ErrorIs(t, P(&v).UnmarshalText([]byte(text)), trackdrive.ErrInvalidArgument)
		require.Equal(t, T(1), v, "a mistake changes nothing")
	}
}

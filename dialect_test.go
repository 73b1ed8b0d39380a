package trackdrive

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDialectTextForm(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]Dialect{
		"trackdrive": DialectTrackDrive,
		"ringba":     DialectRingba,
		"callgrid":   DialectCallGrid,
		"handlebars": DialectHandlebars,
		"vicidial":   DialectViciDial,
		"braces":     DialectBraces,
		"angle":      DialectAngle,
		"<% %>":      mustDialect(t, "<%", "%>"),
		"% %":        mustDialect(t, "%", "%"),
		"$a a$":      mustDialect(t, "$a", "a$"),
	} {
		require.Equal(t, name, d.String())
		text, err := d.MarshalText()
		require.NoError(t, err)
		require.Equal(t, name, string(text))
		var back Dialect
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, d, back)
		require.True(t, d == back)
	}
}

func TestDialectNamesAreReadWithoutCase(t *testing.T) {
	t.Parallel()
	var list []Dialect
	require.NoError(t, json.Unmarshal([]byte(`["TrackDrive", "<< >>"]`), &list))
	require.Equal(t, []Dialect{DialectTrackDrive, mustDialect(t, "<<", ">>")}, list)
}

func TestDialectTextThatIsNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", " ", "mustache", "<%", "<%%>", "a b", "<% b", "a %>", "<%  %>", " %>", "<% ", "<% % >", "\xff \xff"} {
		d := DialectAngle
		require.ErrorIs(t, d.UnmarshalText([]byte(text)), ErrInvalidArgument, "%q", text)
		require.Equal(t, DialectAngle, d, "a failed read changes nothing")
	}
}

func TestZeroDialectIsAnError(t *testing.T) {
	t.Parallel()
	var zero Dialect
	require.Empty(t, zero.String())
	_, err := zero.MarshalText()
	require.ErrorIs(t, err, ErrInvalidArgument)
	_, err = ParseTemplate(FormatText, "x", InDialect(zero))
	require.ErrorIs(t, err, ErrInvalidArgument)
	_, err = ParseTemplate(FormatText, "x", InDialect(DialectAngle, zero))
	require.ErrorIs(t, err, ErrInvalidArgument)
	_, err = mustParse(t, FormatText, "[a]").Convert(zero)
	require.ErrorIs(t, err, ErrInvalidArgument)
}

func TestNewDialectTakesDelimitersThatAreMoreThanLettersAndDigits(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{{"<%", "%>"}, {"%", "%"}, {"_", "_"}, {"a$", "$1"}, {"«", "»"}, {"< ", " >"}, {":", "."}} {
		_, err := NewDialect(pair[0], pair[1])
		require.NoError(t, err, "%q", pair)
	}
	for _, pair := range [][2]string{{"", ""}, {"", "%"}, {"%", ""}, {"a", "%"}, {"%", "b2"}, {"1", "1"}, {"é", "%"}, {"\xff", "%"}} {
		d, err := NewDialect(pair[0], pair[1])
		require.ErrorIs(t, err, ErrInvalidArgument, "%q", pair)
		require.Zero(t, d)
	}
}

func TestDelimitersWithBlanksHaveNoTextForm(t *testing.T) {
	t.Parallel()
	d := mustDialect(t, "< ", " >")
	require.Equal(t, "<   >", d.String())
	_, err := d.MarshalText()
	require.ErrorIs(t, err, ErrInvalidArgument)
}

func mustDialect(t *testing.T, opening, closing string) Dialect {
	t.Helper()
	d, err := NewDialect(opening, closing)
	require.NoError(t, err)
	return d
}

package trackdrive

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLeftoverTokenIsATokenOrPlaceholderAsAWhole(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"[caller_id]", "[_x]", "[a1]",
		"[caller_id]{}", "[caller_id]{none given}", "[tag:User:zip]{[zip]}",
		"[tag:InboundNumber:Number]", "[Call:ConversionPayout]", "[tag:Address:Zip 5]", "[a-b.c]",
		"[user:zip|gather:zip]", "[a|b|c]", "[true|false]",
		"[[tag:CallerId]]", "[[caller_id]]",
		"{{caller_id}}", "{{ caller_id }}", "{{a.b-c}}",
		"--A--phone_number--B--",
		"REPLACE_ME", "REPLACE_ME: With Your TrackDrive Authorization Token", "{REPLACE_ME}",
		"TEMPLATE_TRACKDRIVE_NUMBER", "TRACKDRIVE_SUBDOMAIN_HERE", "TRACKDRIVE_CALL_UUID_HERE", "TRACKDRIVE_CALL_UUID", "BASIC_AUTH_PASSWORD_HERE",
		"{TRACKDRIVE_SUBDOMAIN_HERE}", "{TRACKDRIVE_CALL_UUID}",
	} {
		require.True(t, leftoverToken(value), "%q", value)
	}
}

func TestLeftoverTokenLetsOtherTextPass(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"", "[", "]", "{", "}", "-", "B", "[]", "{}", "[[", "]]", "[[]]", "{{}}", "--A--", "--A----B--", "--A--B--",
		"[1,2]", `["a"]`, "[true]", "[false]", "[null]", "[[true]]", "[1]", "[-a]", "[ a]", "[a ]", "[a, b]", "[|a]", "[a|]", "[a||b]",
		"see [caller_id]", "[caller_id] ", "[a][b]", "[[a]", "[a]]", "[a]{{b}}", "[a]{b}c", "[a]{b", "[a]{", "[a]}", "[[a]]{}", "{{a}}{b}", "[a] {b}", "[a]{{b}",
		"{caller_id}", "<caller_id>", "{{#if}}", "{{{a}}}", "{{a}} {{b}}", "--A--a-b--B--", "--A--a--B----A--b--B--",
		"+15555550100", "acme", "TRACKDRIVE", "TRACKDRIVE_CALL_UUID_HERE_TOO", "my TRACKDRIVE_CALL_UUID", "{TRACKDRIVE_CALL_UUID", "replace_me",
	} {
		require.False(t, leftoverToken(value), "%q", value)
	}
}

func TestLeftoverTokenAllocatesNothing(t *testing.T) {
	values := []string{"+15555550100", "[tag:User:zip|gather:zip]", "[a]{b}", "{{ name }}", "REPLACE_ME now", "[" + strings.Repeat("1,", 4000) + "1]"}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for _, value := range values {
			leftoverToken(value)
		}
	}))
}

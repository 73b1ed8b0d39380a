package trackdrive

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/template"
)

func TestLeftoverTokenIsATokenOrPlaceholderAsAWhole(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"[caller_id]", "[_x]", "[a1]", "[CALLER_ID]", "[_]", "[A.B]", "[Caller]", "[aCME]", "[unknown_number]", "[Test:none]",
		"[caller_id]{}", "[caller_id]{none given}", "[tag:User:zip]{[zip]}", "[unknown]{x}", "[ACME]{}",
		"[tag:InboundNumber:Number]", "[Call:ConversionPayout]", "[tag:Address:Zip 5]", "[a-b.c]", "[tag:Zip 5]",
		"[user:zip|gather:zip]", "[a|b|c]", "[true|false]",
		"[[tag:CallerId]]", "[[caller_id]]", "[[a|b]]", "[[tag:Zip 5]]",
		"{{caller_id}}", "{{ caller_id }}", "{{a.b-c}}", "{{tag:X}}", "{{{caller_id}}}", "{{{ a }}}",
		"--A--phone_number--B--", "--A--a-b--B--",
		"{caller_id}", "{call_id}", "{CALL_ID}", "{tag:X y}", "{a|b}",
		"<caller_id>", "<lead_token_from_step_1>", "<br>",
		"REPLACE_ME", "REPLACE_ME: With Your TrackDrive Authorization Token", "{REPLACE_ME}",
		"TEMPLATE_TRACKDRIVE_NUMBER", "TRACKDRIVE_SUBDOMAIN_HERE", "TRACKDRIVE_CALL_UUID_HERE", "TRACKDRIVE_CALL_UUID", "BASIC_AUTH_PASSWORD_HERE",
		"{TRACKDRIVE_SUBDOMAIN_HERE}", "{TRACKDRIVE_CALL_UUID}",
	} {
		require.True(t, LeftoverToken(value), "%q", value)
	}
}

func TestLeftoverTokenLetsOtherTextPass(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"", "[", "]", "{", "}", "<", ">", "-", "B", "[]", "{}", "<>", "[[", "]]", "[[]]", "{{}}", "{{{}}}", "--A--", "--A----B--", "--A--B--",
		"[1,2]", `["a"]`, "[true]", "[false]", "[null]", "[[true]]", "{{true}}", "{null}", "[1]", "[-a]", "[ a]", "[a ]", "[a, b]", "[|a]", "[[ a ]]", "{ a }",
		"see [caller_id]", "[caller_id] ", "[a][b]", "[[a]", "[a]]", "[a]{{b}}", "[a]{b}c", "[a]{b", "[a]{", "[a]}", "[[a]]{}", "{{a}}{b}", "[a] {b}", "[a]{{b}",
		"{{#if}}", "{{a}} {{b}}", "{{a b}}", "--A--a--B----A--b--B--", "--a--x--b--", "<a b>", "<a href>", "a<b>", "{a}{b}", "<a><b>",
		"[email protected]", "[not provided]", "[Not Provided]", "[ACME]", "[ACME2]", "[A]", "[[ACME]]", "{ACME}", "<ACME>", "--A--ACME--B--", "{{ ACME }}", "[Zoë]",
		"+15555550100", "acme", "TRACKDRIVE", "TRACKDRIVE_CALL_UUID_HERE_TOO", "my TRACKDRIVE_CALL_UUID", "{TRACKDRIVE_CALL_UUID", "replace_me",
	} {
		require.False(t, LeftoverToken(value), "%q", value)
	}
	for _, word := range []string{
		"unknown", "redacted", "none", "null", "na", "provided", "hidden", "private", "blocked", "anonymous", "empty", "removed", "deleted", "test", "withheld",
	} {
		for _, spelled := range []string{word, strings.ToUpper(word), strings.ToUpper(word[:1]) + word[1:]} {
			for _, d := range [][2]string{{"[", "]"}, {"[[", "]]"}, {"{{", "}}"}, {"{{ ", " }}"}, {"{", "}"}, {"<", ">"}, {"--A--", "--B--"}} {
				require.False(t, LeftoverToken(d[0]+spelled+d[1]), "%s%s%s", d[0], spelled, d[1])
			}
		}
	}
}

func TestLeftoverTokenAllocatesNothing(t *testing.T) {
	values := []string{"+15555550100", "[tag:User:zip|gather:zip]", "[a]{b}", "{{ name }}", "REPLACE_ME now", "[" + strings.Repeat("1,", 4000) + "1]"}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for _, value := range values {
			template.IsLeftover(value)
		}
	}))
}

package trackdrive_test

import (
	"encoding/json"
	"encoding/xml"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

// textMember is a member of a reply.
type textMember struct{ name, text string }

// conditionsOn returns conditions on a field, with one operand.
func conditionsOn(path, operand string) []trackdrive.Condition {
	f := trackdrive.Field(path)
	return []trackdrive.Condition{
		f.Equals(operand), f.NotEquals(operand), f.In(operand, "x"), f.NotIn(operand, "x"), f.GreaterThan(operand), f.AtLeast(operand), f.LessThan(operand), f.AtMost(operand),
		f.Contains(operand), f.NotContains(operand), f.StartsWith(operand), f.EndsWith(operand), f.Matches(operand),
		f.Exists(), f.Missing(), f.IsNull(), f.NotNull(), f.IsEmpty(), f.NotEmpty(), f.IsTrue(), f.IsFalse(),
	}
}

// asMembers groups the texts by name.
func asMembers(data []textMember) map[string]any {
	members := make(map[string]any)
	for _, d := range data {
		switch before := members[d.name].(type) {
		case nil:
			members[d.name] = d.text
		case string:
			members[d.name] = []any{before, d.text}
		case []any:
			members[d.name] = append(before, d.text)
		}
	}
	return members
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}

func asForm(data []textMember) string {
	form := url.Values{}
	for _, d := range data {
		form.Add(d.name, d.text)
	}
	return form.Encode()
}

// asElements writes the texts as elements.
func asElements(t testing.TB, data []textMember) string {
	t.Helper()
	var out strings.Builder
	for _, d := range data {
		out.WriteString("<" + d.name + ">")
		require.NoError(t, xml.EscapeText(&out, []byte(d.text)))
		out.WriteString("</" + d.name + ">")
	}
	return out.String()
}

var (
	plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)
	xmlText   = regexp.MustCompile(`^[\t\n\r\x{20}-\x{FFFC}\x{10000}-\x{10FFFF}]*$`)
)

// The same data as JSON, XML and a form is judged the same.
func FuzzSameDataSameVerdict(f *testing.F) {
	f.Add("status", "accepted", "bid", "25.50", "0", "25.50", uint8(4))
	f.Add("a", "", "b", "x", "y", "null", uint8(9))
	f.Add("a", `<&">]]>'\`, "b", "ü😀", "true", "ü", uint8(13))
	f.Add("a", "1\r\n2\t3", "a", "7", "8", "7.0", uint8(5))
	f.Fuzz(func(t *testing.T, name1, text1, name2, text2, text3, operand string, operator uint8) {
		data := []textMember{{name1, text1}, {name2, text2}, {name2, text3}}
		for _, d := range data {
			if !plainName.MatchString(d.name) || !xmlText.MatchString(d.text) || strings.TrimSpace(d.text) != d.text {
				return
			}
		}
		judge := func(reply trackdrive.ReplyFormat, body, path string) trackdrive.Verdict {
			t.Helper()
			list := conditionsOn(path, operand)
			acceptance := trackdrive.All(list[int(operator)%len(list)])
			if acceptance.Err() != nil {
				return 0 // of all three
			}
			w, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{URL: "https://api.example.com/", Reply: reply, Acceptance: acceptance})
			require.NoError(t, err)
			result := judged2xx(t, w, body, "")
			require.NotNil(t, result.Document, body)
			if !strings.ContainsAny(path, "*") { // with it, each shows an element of its choice
				require.Equal(t, result.Decision.Checks[0].Got != "", result.Field(path).Exists(), path)
			}
			return result.Decision.Verdict
		}
		members, elements := asJSON(t, asMembers(data)), asElements(t, data)
		for _, path := range []string{name1, name2, name2 + ".0", name2 + ".1", name2 + ".2", name2 + ".*", name2 + ".#", "missing", "missing.0", "missing.*"} {
			want := judge(trackdrive.ReplyJSON, members, path)
			require.Equal(t, want, judge(trackdrive.ReplyForm, asForm(data), path), "%s in %s", path, members)
			require.Equal(t, want, judge(trackdrive.ReplyXML, "<r>"+elements+"</r>", "r."+path), "%s in %s", path, elements)
		}
		for _, list := range [][]any{{asMembers(data)}, {asMembers(data), asMembers(data[1:])}} {
			inList := asJSON(t, map[string]any{"r": map[string]any{"list": list}})
			inXML := "<p:r><list>" + elements + "</list>"
			if len(list) == 2 {
				inXML += "<list>" + asElements(t, data[1:]) + "</list>"
			}
			inXML += "</p:r>"
			for _, path := range []string{"r.list.0." + name1, "r.list[1]." + name1, "r.list.*." + name1, "r.list.*." + name2 + ".1", "r.list.#", "r.list.2", "r.missing.*.x"} {
				require.Equal(t, judge(trackdrive.ReplyJSON, inList, path), judge(trackdrive.ReplyXML, inXML, path), "%s in %s", path, inXML)
			}
		}
	})
}

package console_test

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/console"
)

var (
	previewPanel = regexp.MustCompile(`(?s)<h2 id="h-preview">.*?<details>`)
	markedText   = regexp.MustCompile(`<mark>([^<]*)</mark>`)
)

// markedIn returns what is marked in a preview, in order, and its text.
func markedIn(t *testing.T, text string) (marked []string, panel string) {
	t.Helper()
	panel = previewPanel.FindString(text)
	require.NotEmpty(t, panel, words(text))
	for _, m := range markedText.FindAllStringSubmatch(panel, -1) {
		marked = append(marked, html.UnescapeString(m[1]))
	}
	return marked, html.UnescapeString(panel)
}

// Marks are where tokens were, and nowhere else.
func TestPreviewMarksWhatWasFilledIn(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config string
		values []string
		want   []string
	}{
		"a rule, a default and a short value": {
			`{"url":"https://acme.example/x?n=[n]","body":"{\"caller_id\":\"[caller_id]\",\"zip\":\"[zip]{90210}\",\"state\":\"[state]\"}","tokens":{"caller_id":{"as":"phone_e164"}}}`,
			[]string{"value:caller_id", "(555) 555-0142", "value:n", "5", "value:state", "ca"}, []string{"5", "+15555550142", "90210", "ca"},
		},
		"a map":               {`{"url":"https://acme.example/x?n=[n]","tokens":{"n":{"from":"a","map":{"1":"one"}}}}`, []string{"value:a", "1"}, []string{"one"}},
		"a fixed value":       {`{"url":"https://acme.example/[account]/x","values":{"account":"north"}}`, nil, []string{"north"}},
		"escaped in a query":  {`{"url":"https://acme.example/x?n=[n]"}`, []string{"value:n", "a b&c=d"}, []string{"a+b%26c%3Dd"}},
		"escaped in a body":   {`{"url":"https://acme.example/x","body":"{\"n\":\"[n]\"}"}`, []string{"value:n", `a "b" <script>`}, []string{`a \"b\" <script>`}},
		"a number":            {`{"url":"https://acme.example/x","body":"{\"bid\": [bid], \"more\": {\"bid\": 5}}"}`, []string{"value:bid", "5"}, []string{"5"}},
		"a form":              {`{"url":"https://acme.example/x","content_type":"application/x-www-form-urlencoded","body":"a=[a]&b=a"}`, []string{"value:a", "a"}, []string{"a"}},
		"a header":            {`{"url":"https://acme.example/x","header":{"X-Source":"a [a] a"}}`, []string{"value:a", "a"}, []string{"a"}},
		"what is left out":    {`{"url":"https://acme.example/x?b=[b]&a=[a]","body":"{\"b\":\"[b]\",\"a\":\"[a]\"}","tokens":{"b":{"omit_blank":true}}}`, []string{"value:a", "a"}, []string{"a", "a"}},
		"a part of a text":    {`{"url":"https://acme.example/x","body":"{\"note\":\"bb [b] bb\"}"}`, []string{"value:b", "b"}, []string{"b"}},
		"nothing":             {`{"url":"https://acme.example/x?ca=ca"}`, nil, nil},
		"a credential":        {`{"url":"https://acme.example/x?api_key=[k]&n=[n]"}`, []string{"value:k", plantedText, "value:n", "7"}, []string{"<api_key>", "7"}},
		"beside a credential": {`{"url":"https://acme.example/x?n=[n]","header":{"Authorization":"Bearer ` + plantedText + `-[n]"}}`, []string{"value:n", "7"}, []string{"[redacted]", "[redacted]"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := newPage(t, console.Config{Transport: noTransport{t}})
			_, text := openForm(t, page, "/webhook").send("preview", append([]string{"json", test.config}, test.values...)...)
			marked, panel := markedIn(t, text)
			if name == "a credential" {
				require.Len(t, marked, 2)
				require.Equal(t, "7", marked[1])
			} else {
				require.Equal(t, test.want, marked, panel)
			}
			require.NotContains(t, panel, plantedText)
		})
	}
}

// Numbers are masked within marks, too.
func TestPreviewMarksMaskedNumbers(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{Transport: noTransport{t}, Authorize: func(*http.Request) (console.Viewer, error) { return console.Viewer{}, nil }})
	_, text := openForm(t, page, "/webhook").send("preview", "json", plainWebhook, "value:caller_id", "+15555550142")
	marked, panel := markedIn(t, text)
	require.Equal(t, []string{"…42"}, marked)
	require.NotContains(t, panel, "0142")
}

// Where something is hidden, marks are looked for with a bound on the work.
func TestMarksAreBounded(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{Transport: noTransport{t}})
	body := `{\"api_key\":\"` + plantedText + `\"`
	for n := range 200 {
		body += fmt.Sprintf(`,\"x%d\":\"%s[a]\"`, n, strings.Repeat("ab", 150))
	}
	_, text := openForm(t, page, "/webhook").send("preview", "json", `{"url":"https://acme.example/x","body":"`+body+`}"}`, "value:a", "7")
	marked, panel := markedIn(t, text)
	require.NotEmpty(t, marked)
	require.Less(t, len(marked), 100)
	require.NotContains(t, panel, plantedText)
}

package console_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/console"
)

var (
	shownInputs    = regexp.MustCompile(`<input [^>]*name="([^"]*)"[^>]*>`)
	shownAreas     = regexp.MustCompile(`(?s)<textarea [^>]*name="([^"]*)"[^>]*>(.*?)</textarea>`)
	shownSelects   = regexp.MustCompile(`(?s)<select [^>]*name="([^"]*)"[^>]*>(.*?)</select>`)
	shownOptions   = regexp.MustCompile(`<option(?: value="([^"]*)")?( selected)?>([^<]*)`)
	valueAttribute = regexp.MustCompile(` value="([^"]*)"`)
	anyBreak       = regexp.MustCompile(`\r\n|\r|\n`)
)

// asSent is a text in a form as browsers send it: whatever ends a line becomes CRLF.
func asSent(text string) string { return anyBreak.ReplaceAllString(text, "\r\n") }

// browserForm returns the form of the page that posts to the webhook page, as a browser
// sends it if nobody edits anything.
func browserForm(text string) url.Values {
	_, text, _ = strings.Cut(text, "data-live>")
	form := url.Values{}
	for _, m := range shownInputs.FindAllStringSubmatch(text, -1) {
		value := ""
		if v := valueAttribute.FindStringSubmatch(m[0]); v != nil {
			value = html.UnescapeString(v[1])
		}
		if !strings.Contains(m[0], `type="hidden"`) {
			value = strings.NewReplacer("\r", "", "\n", "").Replace(value)
		}
		form.Set(html.UnescapeString(m[1]), asSent(value))
	}
	for _, m := range shownAreas.FindAllStringSubmatch(text, -1) {
		form.Set(html.UnescapeString(m[1]), asSent(strings.TrimPrefix(html.UnescapeString(m[2]), "\n")))
	}
	for _, m := range shownSelects.FindAllStringSubmatch(text, -1) {
		options := shownOptions.FindAllStringSubmatch(m[2], -1)
		chosen := options[0]
		for _, o := range options {
			if o[2] != "" {
				chosen = o
			}
		}
		value := chosen[1]
		if !strings.Contains(chosen[0], "value=") {
			value = chosen[3]
		}
		form.Set(html.UnescapeString(m[1]), html.UnescapeString(value))
	}
	return form
}

// pressUnedited opens a stored webhook, and presses a button without editing anything.
func pressUnedited(t *testing.T, page http.Handler, do string, changes ...string) (form url.Values, text string) {
	t.Helper()
	_, text = answer(page, local(http.MethodGet, "/webhook?name=It", nil))
	form = browserForm(text)
	form.Set("do", do)
	for i := 0; i < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
	}
	_, text = answer(page, local(http.MethodPost, "/webhook", form))
	return form, text
}

// What nobody edits stays as it is stored.
func TestAButtonChangesNothing(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]string{
		"an unknown method":       `{"url":"https://acme.example/x","method":"HEAD"}`,
		"a method in lower case":  `{"url":"https://acme.example/x","method":"post","repeat":"safe","header":{"X-Api-Key":"made-up-key"}}`,
		"POST":                    `{"url":"https://acme.example/x","method":"POST","repeat":"safe","header":{"X-Api-Key":"made-up-key"}}`,
		"CRLF in a body":          `{"url":"https://acme.example/x","repeat":"safe","header":{"X-Api-Key":"made-up-key"},"body":"{\r\n \"a\": 1\r\n}"}`,
		"CR in a body":            `{"url":"https://acme.example/x","repeat":"safe","body":"{\r\"a\": 1\r}"}`,
		"CRLF without a key":      `{"url":"https://acme.example/x","repeat":"safe","body":"{\r\n \"a\": 1\r\n}"}`,
		"blanks around a body":    `{"url":"https://acme.example/x","repeat":"safe","body":"\n\n {\"a\": 1}\n "}`,
		"CRLF between members":    "{\"url\":\"https://acme.example/x\",\r\n\"repeat\":\"safe\",\r\n\"header\":{\"X-Api-Key\":\"made-up-key\"}}\r\n",
		"a leading line":          "\n\n{\"url\":\"https://acme.example/x\",\"repeat\":\"safe\",\"header\":{\"X-Api-Key\":\"made-up-key\"}}",
		"a line in the name":      `{"url":"https://acme.example/x","repeat":"safe","name":"a\nb","header":{"X-Api-Key":"made-up-key"}}`,
		"a timeout in seconds":    `{"url":"https://acme.example/x","repeat":"safe","timeout":"90s","header":{"X-Api-Key":"made-up-key"}}`,
		"enumerations in capital": `{"url":"https://acme.example/x","repeat":"SAFE","reply":"JSON","on_missing":"FAILS","header":{"X-Api-Key":"made-up-key"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := newPage(t, console.Config{Webhooks: stored("It", config), Transport: echo{}})
			form, text := pressUnedited(t, page, "check")
			after := browserForm(text)
			require.Equal(t, form.Get("json"), after.Get("json"))
			require.NotContains(t, words(text), "both changed")
			require.Equal(t, form.Get("f:method"), after.Get("f:method"))
			_, text = pressUnedited(t, page, "run")
			if name == "an unknown method" {
				require.Contains(t, words(text), "Fix the mistakes first; nothing was done.")
				return
			}
			require.Contains(t, text, "The run", words(text))
		})
	}
}

// One field that is edited changes that field alone.
func TestAFieldChangesItselfAlone(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{Webhooks: stored("It", `{"url":"https://acme.example/x","method":"post","name":"a\nb","body":"{\r\n\"a\": 1}","timeout":"1m30s"}`)})
	_, text := pressUnedited(t, page, "check", "f:url", "https://acme.example/y")
	require.JSONEq(t, `{"url":"https://acme.example/y","method":"post","name":"a\nb","body":"{\r\n\"a\": 1}","timeout":"1m30s","on_missing":"fails","repeat":"never"}`, browserForm(text).Get("json"))
}

// A method that there is not can be seen, and another be chosen.
func TestAnUnknownMethodIsShown(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{Webhooks: stored("It", `{"url":"https://acme.example/x","method":"HEAD"}`)})
	form, text := pressUnedited(t, page, "check")
	require.Equal(t, "HEAD", form.Get("f:method"))
	require.Contains(t, words(text), "1 mistake")
	_, text = pressUnedited(t, page, "check", "f:method", "GET")
	require.NotContains(t, text, "mistake")
	require.JSONEq(t, `{"url":"https://acme.example/x","method":"GET","on_missing":"fails","repeat":"never"}`, browserForm(text).Get("json"))
}

// Every stored name can be opened.
func TestEveryNameCanBeOpened(t *testing.T) {
	t.Parallel()
	const name = " Bids  at\tacme "
	page := newPage(t, console.Config{Webhooks: stored(name, plainWebhook)})
	_, text := answer(page, local(http.MethodGet, "/webhook", nil))
	options := shownOptions.FindAllStringSubmatch(text, -1)
	require.Equal(t, name, html.UnescapeString(options[1][1]))
	status, text := answer(page, local(http.MethodGet, "/webhook?name="+url.QueryEscape(name), nil))
	require.Equal(t, http.StatusOK, status, text)
}

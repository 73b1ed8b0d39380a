package console_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/console"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// tokenWebhook may sell, and takes its credential as a value.
const tokenWebhook = `{
  "url": "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/sell?api_key=[api_key]",
  "body": "{\"caller_id\": \"[caller_id]\"}"
}
`

// askedPage returns a page that asks about tokenWebhook, and the form of the question.
func askedPage(t *testing.T, authorize func(*http.Request) (console.Viewer, error)) (*trackdrivetest.Fake, *pageForm) {
	t.Helper()
	fake := newMarket()
	page := newPage(t, console.Config{Webhooks: stored("It", tokenWebhook), Transport: fake.Transport(), Authorize: authorize})
	f := openForm(t, page, "/webhook?name=It")
	_, text := f.send("run", "value:api_key", plantedText, "value:caller_id", "+15555550142")
	require.Contains(t, words(text), "Send it?")
	require.NotContains(t, text, plantedText)
	f.read(text)
	return fake, f
}

// What is asked about can be confirmed as it is shown, also with a credential among the
// values, which no page shows.
func TestAQuestionWithACredentialIsConfirmedAsShown(t *testing.T) {
	t.Parallel()
	fake, f := askedPage(t, nil)
	require.Equal(t, "+15555550142", f.form.Get("value:caller_id"))
	require.False(t, f.form.Has("value:api_key"))
	for _, isAgain := range []bool{false, true} {
		_, text := f.send("confirm")
		require.Contains(t, text, "The run", words(text))
		require.Equal(t, isAgain, strings.Contains(text, "The request was not sent again") || strings.Contains(text, "the request was not sent again"))
		require.NotContains(t, text, plantedText)
		require.Len(t, fake.Requests(), 1)
	}
	require.Equal(t, plantedText, fake.Requests()[0].Query.Get("api_key"))
}

func TestAQuestionIsDeclined(t *testing.T) {
	t.Parallel()
	fake, f := askedPage(t, nil)
	_, text := f.send("preview")
	require.Contains(t, text, "What is sent")
	require.NotContains(t, text, "Send it?")
	require.NotContains(t, text, plantedText)
	require.Empty(t, fake.Requests())
}

// The credential that is kept goes where it was asked about, and for nobody else.
func TestAKeptCredentialGoesNowhereElse(t *testing.T) {
	t.Parallel()
	viewer := "Ada"
	fake, f := askedPage(t, func(*http.Request) (console.Viewer, error) {
		return console.Viewer{Name: viewer, MayRun: true, SeesNumbers: true}, nil
	})
	for name, change := range map[string][]string{
		"another host": {"json", strings.Replace(tokenWebhook, "acme.", "evil.", 1)}, "another name": {"name", ""}, "another place": {"json", strings.Replace(tokenWebhook, "api_key=", "note=", 1)},
		"another token": {"token", "made-up"},
	} {
		for _, do := range []string{"confirm", "run", "preview"} {
			_, text := f.send(do, change...)
			require.Contains(t, words(text), "A value is missing or does not fit; nothing was sent.", name)
		}
	}
	viewer = "Bob"
	_, text := f.send("confirm")
	require.Contains(t, words(text), "A value is missing or does not fit; nothing was sent.")
	require.Empty(t, fake.Requests())
}

func TestAKeptCredentialExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake, f := askedPage(t, nil)
		<-time.After(16 * time.Minute)
		_, text := f.send("confirm")
		require.Contains(t, words(text), "A value is missing or does not fit; nothing was sent. What is entered for a credential is kept for 15 minutes: enter it again.")
		require.Empty(t, fake.Requests())
	})
}

var (
	anyForm   = regexp.MustCompile(`(?s)<form method="post".*?</form>`)
	anyButton = regexp.MustCompile(`<button[^>]* value="([^"]*)"`)
)

// Enter in a field presses the first button of its form: one that sends nothing.
func TestEnterInAFieldSendsNothing(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{Webhooks: stored("It", tokenWebhook, "Broken", `{"metod":1}`), Transport: noTransport{t}})
	f := openForm(t, page, "/webhook?name=It")
	_, asked := f.send("run", "value:api_key", plantedText, "value:caller_id", "+15555550142")
	_, plain := answer(page, local(http.MethodGet, "/webhook?name=It", nil))
	_, broken := answer(page, local(http.MethodGet, "/webhook?name=Broken", nil))
	require.Len(t, anyForm.FindAllString(asked, -1), 2, "the question has a form of its own")
	for _, text := range []string{asked, plain, broken} {
		for _, form := range anyForm.FindAllString(text, -1) {
			if !strings.Contains(form, "<textarea") && !regexp.MustCompile(`<input (?:id|name)`).MatchString(form) {
				continue // the question has no field
			}
			first := anyButton.FindStringSubmatch(form)[1]
			require.Contains(t, []string{"preview", "check"}, first)
		}
	}
}

// Check has a visible result where the page begins.
func TestCheckSaysWhatItFound(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{Webhooks: stored("It", tokenWebhook)})
	_, text := openForm(t, page, "/webhook?name=It").send("check")
	require.Regexp(t, `(?s)<p class="notice" role="status">The configuration is valid\.</p>.*<form method="post"`, text)
}

// A value that is too long is not kept.
func TestALongCredentialIsNotKept(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{Webhooks: stored("It", tokenWebhook), Transport: newMarket().Transport()})
	f := openForm(t, page, "/webhook?name=It")
	_, text := f.send("run", "value:api_key", strings.Repeat("x", 8_000), "value:caller_id", "+15555550142", "value:other_token", strings.Repeat("y", 10_000))
	f.read(text)
	_, text = f.send("confirm")
	require.Contains(t, words(text), "A value is missing or does not fit; nothing was sent.")
}

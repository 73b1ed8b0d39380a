package trackdrive_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

// brokenBodies are bodies that do not name the call.
func brokenBodies(t *testing.T) map[string]struct {
	contentType, encoding string
	body                  io.ReadCloser
	why                   string // what an error says; "" if that does not matter
} {
	t.Helper()
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err := w.Write([]byte(`{"trackdrive_subdomain":"acme","trackdrive_call_uuid":"u-1"}`))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	text := func(s string) io.ReadCloser { return io.NopCloser(strings.NewReader(s)) }
	const object = `{"trackdrive_subdomain":"acme","trackdrive_call_uuid":"u-1"}`
	type body = struct {
		contentType, encoding string
		body                  io.ReadCloser
		why                   string
	}
	return map[string]body{
		"half an object":              {"application/json", "", text(object[:40]), "JSON"},
		"half an object without type": {"", "", text(object[:40]), "JSON"},
		"half an object as text":      {"text/plain", "", text(object[:40]), "JSON"},
		"two objects":                 {"application/json", "", text(object + object), "JSON"},
		"a list":                      {"application/json", "", text("[" + object + "]"), "not a JSON object"},
		"null":                        {"application/json", "", text("null"), "not a JSON object"},
		"text as JSON":                {"application/vnd.api+json", "", text("hello"), "JSON"},
		"a form as JSON":              {"application/json", "", text("a=b"), "JSON"},
		"Latin-1 in JSON":             {"application/json; charset=iso-8859-1", "", text("{\"city\":\"Montr\xe9al\"}"), "UTF-8"},
		"Latin-1 in a form":           {"application/x-www-form-urlencoded", "", text("city=Montr\xe9al&x=\xe9"), ""},
		"UTF-16":                      {"application/json", "", text("\xff\xfe{\x00}\x00"), "JSON"},
		"bad escapes":                 {"application/x-www-form-urlencoded", "", text("discount=5%&x=%zz"), "escape"},
		"bad escapes where it counts": {"application/x-www-form-urlencoded", "", text("trackdrive_subdomain=%zz&trackdrive_call_uuid=%"), "escape"},
		"semicolons":                  {"application/x-www-form-urlencoded", "", text("a=1;b=2"), "semicolon"},
		"multipart":                   {"multipart/form-data; boundary=x", "", text("--x\r\n\r\n--x--"), "multipart"},
		"multipart without boundary":  {"multipart/form-data", "", text("--x"), "multipart"},
		"XML":                         {"text/xml", "", text("<call/>"), "text/xml"},
		"bytes":                       {"application/octet-stream", "", text("\x00\x01"), "application/octet-stream"},
		"a type that cannot be read":  {"application/", "", text("\x00\x01"), ""},
		"gzip":                        {"application/json", "gzip", io.NopCloser(bytes.NewReader(zipped.Bytes())), "compressed"},
		"gzip of a form":              {"application/x-www-form-urlencoded", "gzip", io.NopCloser(bytes.NewReader(zipped.Bytes())), "compressed"},
		"too long":                    {"application/json", "", text(object + strings.Repeat(" ", 64<<10)), "65536"},
		"a body that breaks off":      {"application/json", "", io.NopCloser(io.MultiReader(strings.NewReader(object), failing{})), "broken"},
		"a body that breaks at once":  {"application/json", "", io.NopCloser(failing{}), "broken"},
		"a body that the server cuts": {"application/json", "", http.MaxBytesReader(httptest.NewRecorder(), text(object), 10), "too large"},
		"empty":                       {"application/json", "", text(""), ""},
		"blanks":                      {"application/json", "", text(" \r\n"), ""},
		"a byte order mark":           {"application/json", "", text("\ufeff"), ""},
		"an empty text":               {"application/json", "", text(`""`), "not a JSON object"},
		"an empty object":             {"application/json", "", text(`{}`), ""},
		"an empty form":               {"application/x-www-form-urlencoded", "", text(""), ""},
		"no bytes":                    {"application/json", "", http.NoBody, ""},
		"no body":                     {"application/json", "", nil, ""},
		"blank values":                {"application/json", "", text(`{"trackdrive_subdomain":"","trackdrive_call_uuid":null}`), ""},
		"values of another kind":      {"application/json", "", text(`{"trackdrive_subdomain":["acme"],"trackdrive_call_uuid":{}}`), ""},
	}
}

func TestACompleteQueryWinsOverABrokenBody(t *testing.T) {
	t.Parallel()
	for name, tt := range brokenBodies(t) {
		r := httptest.NewRequest("POST", "/forward?trackdrive_subdomain=Acme&x=%zz&trackdrive_call_uuid=u-1", nil)
		r.Body = tt.body
		r.Header.Set("Content-Type", tt.contentType)
		r.Header.Set("Content-Encoding", tt.encoding)
		r.ContentLength = 7
		ref, err := trackdrive.ParseCallRef(r)
		require.NoError(t, err, name)
		require.Equal(t, trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}, ref, name)
	}
}

// A form that the handler has read is as good as a query.
func TestACompleteFormWinsOverTheRestOfTheBody(t *testing.T) {
	t.Parallel()
	for name, tt := range brokenBodies(t) {
		r := &http.Request{
			Method: "POST", Body: tt.body, Header: http.Header{"Content-Type": {tt.contentType}},
			PostForm: url.Values{"trackdrive_subdomain": {"acme"}, "trackdrive_call_uuid": {"u-1"}},
		}
		ref, err := trackdrive.ParseCallRef(r)
		require.NoError(t, err, name)
		require.Equal(t, trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}, ref, name)
	}
}

func TestAnIncompleteQuerySaysWhatIsMissingAndWhy(t *testing.T) {
	t.Parallel()
	for query, missing := range map[string][]string{
		"":                          {"trackdrive_subdomain", "trackdrive_call_uuid"},
		"trackdrive_subdomain=acme": {"trackdrive_call_uuid"},
		"trackdrive_call_uuid=u-1&trackdrive_subdomain=": {"trackdrive_subdomain"},
	} {
		for name, tt := range brokenBodies(t) {
			r := httptest.NewRequest("POST", "/forward?"+query, nil)
			r.Body = tt.body
			r.Header.Set("Content-Type", tt.contentType)
			r.Header.Set("Content-Encoding", tt.encoding)
			_, err := trackdrive.ParseCallRef(r)
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, name)
			for _, parameter := range missing {
				require.ErrorContains(t, err, parameter, name)
			}
			require.ErrorContains(t, err, tt.why, name)
			require.NotContains(t, err.Error(), "acme", "values are not shown")
			require.Equal(t, 1, strings.Count(err.Error(), "invalid argument"), err)
		}
	}
	r := httptest.NewRequest("POST", "/", http.MaxBytesReader(httptest.NewRecorder(), io.NopCloser(strings.NewReader("0123456789")), 5))
	_, err := trackdrive.ParseCallRef(r)
	require.ErrorAs(t, err, new(*http.MaxBytesError), "a server answers that with 413")
	broken := errors.New("broken")
	_, err = trackdrive.ParseCallRef(&http.Request{Method: "POST", Body: io.NopCloser(&failsWith{broken})})
	require.ErrorIs(t, err, broken)
}

type failsWith struct{ err error }

func (f *failsWith) Read([]byte) (int, error) { return 0, f.err }

func TestAQueryDoesNotWinOverABodyThatSaysOtherwise(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ contentType, body string }{
		"a form":              {"application/x-www-form-urlencoded", "trackdrive_subdomain=globex"},
		"a form with escapes": {"application/x-www-form-urlencoded", "x=%zz&trackdrive_call_uuid=u-2"},
		"a form twice":        {"application/x-www-form-urlencoded", "trackdrive_subdomain=acme&trackdrive_subdomain=globex"},
		"JSON":                {"application/json", `{"trackdrive_call_uuid":"u-2"}`},
		"JSON twice":          {"application/json", `{"trackdrive_subdomain":"acme","trackdrive_subdomain":"globex"}`},
		"a number":            {"application/json", `{"trackdrive_call_uuid":7}`},
		"an escaped name":     {"application/json", `{"trackdrive\u005fcall_uuid":"u-2"}`},
	} {
		r := httptest.NewRequest("POST", "/?trackdrive_subdomain=acme&trackdrive_call_uuid=u-1", strings.NewReader(tt.body))
		r.Header.Set("Content-Type", tt.contentType)
		_, err := trackdrive.ParseCallRef(r)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, name)
		require.ErrorContains(t, err, "trackdrive_", name)
		require.NotContains(t, err.Error(), "globex", name)
	}
}

// The handler can read what ParseCallRef could not.
func TestABrokenBodyStaysReadable(t *testing.T) {
	t.Parallel()
	body := "{\"city\":\"Montr\xe9al\"}" + strings.Repeat(" ", 70<<10)
	r := httptest.NewRequest("POST", "/?trackdrive_subdomain=acme&trackdrive_call_uuid=u-1", strings.NewReader(body))
	_, err := trackdrive.ParseCallRef(r)
	require.NoError(t, err)
	after, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Equal(t, body, string(after))

	r = httptest.NewRequest("POST", "/?trackdrive_subdomain=acme&trackdrive_call_uuid=u-1", io.MultiReader(strings.NewReader("half"), failing{}))
	_, err = trackdrive.ParseCallRef(r)
	require.NoError(t, err)
	after, err = io.ReadAll(r.Body)
	require.Error(t, err)
	require.Equal(t, "half", string(after))
}

package trackdrivetest

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Names without brackets are read as by net/url; brackets never cause an error.
func FuzzParseForm(f *testing.F) {
	for _, seed := range []string{"", "a=1&a=2", "a[b][c]=1&a=2", "a[]=1&a[]=2", "[]=1", "a[=1&]=2", "a%5Bb%5D=%zz", "a[b=1&a[b]=2&a[b][]=3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, wantErr := url.ParseQuery(text)
		got, err := parseForm(text)
		if errors.Is(err, errTooDeep) {
			return
		}
		require.Equal(t, wantErr == nil, err == nil)
		if err != nil {
			return
		}
		for name, values := range want {
			if !strings.ContainsAny(name, "[]") {
				require.Equal(t, values[len(values)-1], plainOf(got, name, want))
			}
		}
		for name := range got.Flat() {
			got.Text(name)
		}
	})
}

// plainOf returns the parameter, or net/url's value if a hash of the same name
// replaced it.
func plainOf(got Params, name string, want url.Values) string {
	if _, isText := got[name].(string); isText {
		return got.Text(name)
	}
	return want[name][len(want[name])-1]
}

// No input makes the fake panic, and what it reads from JSON is what was sent.
func FuzzParseParams(f *testing.F) {
	f.Add("a=1", "application/json", []byte(`{"a":{"b":[1,2.50,null,true,"x"]}}`))
	f.Add("", "", []byte(`{"a":1}{}`))
	f.Add("a[b]=1", "application/x-www-form-urlencoded", []byte("a[c]=2"))
	f.Fuzz(func(t *testing.T, query, contentType string, body []byte) {
		params, err := parseParams(query, contentType, body)
		if err != nil {
			require.Nil(t, params)
			return
		}
		for name := range params.Flat() {
			params.Text(name)
		}
		for name := range params {
			require.True(t, params.Has(name))
		}
	})
}

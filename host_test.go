package trackdrive_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

// Each message says what is wrong with a subdomain, and what to give instead.
func TestSubdomainMessages(t *testing.T) {
	t.Parallel()
	const example = `; give the company's subdomain, such as "acme"`
	for text, want := range map[string]string{
		"https://acme.trackdrive.com":                     `"https://acme.trackdrive.com" is a URL; give "acme"`,
		"HTTP://ACME.TrackDrive.com:443/api/v1":           `"HTTP://ACME.TrackDrive.com:443/api/v1" is a URL; give "acme"`,
		" https://acme.trackdrive.net/ ":                  `" https://acme.trackdrive.net/ " is a URL; give "acme"`,
		"//acme.trackdrive.com":                           `"//acme.trackdrive.com" is a URL; give "acme"`,
		"https://acme":                                    `"https://acme" is a URL; give "acme"`,
		"https://user:PLANTED@acme.trackdrive.com":        `is a URL; give "acme"`,
		"https://acme.trackdrive.com/?auth_token=PLANTED": `is a URL; give "acme"`,
		"https://acme.trackdrive.com#PLANTED":             `is a URL; give "acme"`,
		"https://trackdrive.com":                          `"https://trackdrive.com" is a URL without a company` + example,
		"https://www.trackdrive.com/":                     `"https://www.trackdrive.com/" is a URL without a company` + example,
		"https://calls.example.com":                       `"https://calls.example.com" is a URL of another host` + example + `; WithBaseURL takes other hosts`,
		"https://":                                        `"https://" is a URL of another host` + example + `; WithBaseURL takes other hosts`,
		"acme.trackdrive.com":                             `"acme.trackdrive.com" is a host; give "acme"`,
		"Acme.Trackdrive.com.":                            `"Acme.Trackdrive.com." is a host; give "acme"`,
		"acme.trackdrive.com:8443":                        `"acme.trackdrive.com:8443" is a host; give "acme"`,
		"acme.trackdrive.com/api/v1":                      `"acme.trackdrive.com/api/v1" is a host; give "acme"`,
		"acme/":                                           `"acme/" is a host; give "acme"`,
		"acme.":                                           `"acme." is a host; give "acme"`,
		"acme:80":                                         `"acme:80" is a host; give "acme"`,
		"trackdrive.com":                                  `"trackdrive.com" is a host without a company` + example,
		"www.trackdrive.com":                              `"www.trackdrive.com" is a host without a company` + example,
		"a.b":                                             `"a.b" is another host` + example + `; WithBaseURL takes other hosts`,
		"evil.example/":                                   `"evil.example/" is another host` + example + `; WithBaseURL takes other hosts`,
		"127.0.0.1":                                       `"127.0.0.1" is another host` + example + `; WithBaseURL takes other hosts`,
		"user:PLANTED@acme":                               `is a host; give "acme"`,
		" acme":                                           `" acme" has blanks around it; give "acme"`,
		"acme\r\n":                                        `"acme\r\n" has blanks around it; give "acme"`,
		"\t":                                              `"\t" is blank` + example,
		"ac me":                                           `"ac me" has a blank; give only letters, digits and hyphens, such as "acme"`,
		"acme_corp":                                       `"acme_corp" has an underscore, which no subdomain has; perhaps give "acme-corp"`,
		"_":                                               `"_" has an underscore, which no subdomain has` + example,
		"www":                                             `"www" is not a company` + example,
		"WWW":                                             `"WWW" is not a company` + example,
		"null":                                            `"null" is a placeholder for a missing value` + example,
		"Undefined":                                       `"Undefined" is a placeholder for a missing value` + example,
		"none":                                            `"none" is a placeholder for a missing value` + example,
		"-acme":                                           `"-acme" begins or ends with a hyphen; give "acme"`,
		"acme-":                                           `"acme-" begins or ends with a hyphen; give "acme"`,
		"-":                                               `"-" begins or ends with a hyphen` + example,
		"xn--acme":                                        `"xn--acme" is an internationalized name; give only letters, digits and hyphens, such as "acme"`,
		"ünï":                                             `"ünï" has characters that no subdomain has; give only letters, digits and hyphens, such as "acme"`,
		"acme\x00":                                        `"acme\x00" has characters that no subdomain has; give only letters, digits and hyphens, such as "acme"`,
		strings.Repeat("a", 64):                           `"` + strings.Repeat("a", 64) + `" is longer than 63 characters` + example,
		strings.Repeat("a", 1000):                         `"` + strings.Repeat("a", 64) + `…" is longer than 63 characters` + example,
		"[subdomain]":                                     "",
	} {
		takers := map[string]func() error{
			"subdomain":  func() error { _, err := trackdrive.NewClient(text); return err },
			"subdomain ": func() error { _, err := newClient(t, &answering{}).ForSubdomain(text); return err },
			"subdomain  ": func() error {
				_, err := trackdrive.NewClient("acme", trackdrive.WithAuth(trackdrive.PerSubdomain(map[string]trackdrive.Authenticator{text: nil})))
				return err
			},
			"trackdrive_subdomain": func() error { _, err := trackdrive.NewCallRef(text, "u-1"); return err },
			"trackdrive_subdomain ": func() error {
				_, err := newClient(t, &answering{}).UpdateCallAt(t.Context(), trackdrive.CallRef{Subdomain: text, UUID: "u-1"}, oneUpdate)
				return err
			},
		}
		for field, take := range takers {
			err := take()
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, text)
			require.NotContains(t, err.Error(), "PLANTED")
			if want != "" {
				require.True(t, strings.HasSuffix(err.Error(), "invalid argument: "+strings.TrimSpace(field)+": "+want), "%q: %v\nwant %s", text, err, want)
			} else {
				require.ErrorIs(t, err, trackdrive.ErrLeftoverToken)
			}
		}
	}
	_, err := trackdrive.NewCallRef("", "u-1")
	require.ErrorContains(t, err, `trackdrive_subdomain: is empty; give the company's subdomain, such as "acme"`)
	_, err = trackdrive.NewClient("acme", trackdrive.WithAuth(trackdrive.PerSubdomain(map[string]trackdrive.Authenticator{"ACME": nil, "acme": nil})))
	require.ErrorContains(t, err, `subdomain: "acme" is given twice, in different case`)
}

// A valid subdomain is accepted, in lower case.
func TestSubdomainsThatAreTaken(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"acme": "acme", "ACME": "acme", "a": "a", "4-u": "4-u", strings.Repeat("a", 63): strings.Repeat("a", 63), "": ""} {
		c, err := trackdrive.NewClient(text)
		require.NoError(t, err, text)
		require.Equal(t, want, c.Subdomain())
	}
}

func TestBaseURLsWithTheAPIsPathAreRefused(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"https://calls.example.com/api/v1":       `base URL: has /api/v1 in its path, which the package adds; give "https://calls.example.com"`,
		"https://calls.example.com/api/v1/":      `base URL: has /api/v1 in its path, which the package adds; give "https://calls.example.com"`,
		"https://calls.example.com/API/V1":       `base URL: has /api/v1 in its path, which the package adds; give "https://calls.example.com"`,
		"https://calls.example.com/api/v1/calls": `base URL: has /api/v1 in its path, which the package adds; give "https://calls.example.com"`,
		"https://calls.example.com/td/x/api/v1":  `base URL: has /api/v1 in its path, which the package adds; give "https://calls.example.com/td/x"`,
		"http://127.0.0.1:8080/api/v1":           `base URL: has /api/v1 in its path, which the package adds; give "http://127.0.0.1:8080"`,
		"https://acme.trackdrive.com/api/v1":     `base URL: has /api/v1 in its path, which the package adds; give "https://acme.trackdrive.com"`,
		"calls.example.com":                      `base URL: has no https://; give "https://calls.example.com"`,
		"calls.example.com/x":                    `base URL: has no https://; give "https://calls.example.com/x"`,
		"//calls.example.com":                    `base URL: has no https://; give "https://calls.example.com"`,
		"ftp://calls.example.com":                `base URL: must begin with https://`,
		"":                                       `base URL: is empty; give the address of the host, such as "https://calls.example.com"`,
		"http://calls.example.com":               `base URL: must begin with https://; plain http is for loopback addresses`,
		"https://user:PLANTED@calls.example.com": `base URL: has user info; give credentials to WithAuth instead`,
		"user:PLANTED@calls.example.com":         `base URL: has user info; give credentials to WithAuth instead`,
		"https://calls.example.com?x=PLANTED":    `base URL: has a query or a fragment; leave it out`,
		"calls.example.com?x=PLANTED":            `base URL: has a query or a fragment; leave it out`,
	} {
		_, err := trackdrive.NewClient("acme", trackdrive.WithBaseURL(base))
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, base)
		require.ErrorContains(t, err, want, base)
		require.NotContains(t, err.Error(), "PLANTED")
	}
	for _, base := range []string{"https://calls.example.com/api", "https://calls.example.com/v1", "https://calls.example.com/api/v10", "https://calls.example.com/xapi/v1", "https://calls.example.com/v1/api"} {
		_, err := trackdrive.NewClient("acme", trackdrive.WithBaseURL(base))
		require.NoError(t, err, base)
	}
}

func TestDoRefusesPathsThatAreNotSegments(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		path []string
		want string
	}{
		{nil, "path: is empty; give the segments below /api/v1"},
		{[]string{"calls/live_calls"}, `path[0]: has a slash; give each segment on its own: "calls", "live_calls"`},
		{[]string{"/calls/u-1/"}, "path[0]: has a slash; give each segment on its own"},
		{[]string{"https://acme.trackdrive.com/api/v1/calls"}, "path[0]: has a slash; give each segment on its own"},
		{[]string{"calls", "u-1/events"}, "path[1]: has a slash; give each segment on its own"},
		{[]string{"calls", "PLANTED/u"}, "path[1]: has a slash; give each segment on its own"},
		{[]string{"api", "v1", "calls"}, `path[0]: is "api"; leave out /api/v1, which the package adds`},
		{[]string{"API", "calls"}, `path[0]: is "api"; leave out /api/v1, which the package adds`},
		{[]string{"v1", "calls"}, `path[0]: is "v1"; leave out /api/v1, which the package adds`},
		{[]string{"calls", ""}, "path[1]: is empty"},
		{[]string{"calls", ".."}, "path[1]: must not be a dot segment"},
	} {
		rt := &answering{status: 200, body: lead}
		_, err := newClient(t, rt).Do(t.Context(), &trackdrive.Request{Method: "GET", Path: tt.path}, nil)
		requireRefused(t, err, "")
		require.ErrorContains(t, err, tt.want)
		require.NotContains(t, err.Error(), "PLANTED")
		require.Empty(t, rt.sent)
	}
	for want, path := range map[string][]string{
		"/api/v1/calls/{}":     {"calls", "api"},
		"/api/v1/leads/{}/{}":  {"leads", "v1", "u-1"},
		"/api/v1/apis":         {"apis"},
		"/api/v1/calls/{}/{}":  {"calls", "a\\b", "a b"},
		"/api/v1/call_logs/{}": {"call_logs", "4711"},
		"/api/v1/secure/{}/{}": {"secure", "PLANTED-token", "calls"},
	} {
		_, err := newClient(t, &answering{status: 404, body: "{}"}).Do(t.Context(), &trackdrive.Request{Method: "GET", Path: path}, nil)
		require.ErrorContains(t, err, "https://acme.trackdrive.com"+want+": 404")
		require.NotContains(t, err.Error(), "PLANTED")
	}
}

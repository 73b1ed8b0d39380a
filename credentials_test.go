package trackdrive_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

// All secrets in these tables contain letters in a sequence that no message has.
const (
	secretPair   = "tdpub-qzx1:tdprv-qzx2"
	encodedPair  = "dGRwdWItcXp4MTp0ZHBydi1xengy" // of secretPair
	paddedPair   = "cXp4cXp4OnF6eHF6eA=="         // of qzxqzx:qzxqzx
	unpaddedPair = "cXp4cXp4OnF6eHF6eA"
	pairWith63   = "cXp4Pz8/OnF6eD4+Pg==" // of qzx???:qzx>>>, with + and /
	urlSafePair  = "cXp4Pz8_OnF6eD4-Pg"
)

// authorization returns what credentials put on a request. They must not be refused
// only then.
func authorization(t *testing.T, auth trackdrive.Authenticator) string {
	t.Helper()
	rt := &answering{status: 200, body: lead}
	_, err := newClient(t, rt, trackdrive.WithAuth(auth)).Ping(t.Context(), "sell", onePing)
	require.NoError(t, err)
	return rt.sent[0].header.Get("Authorization")
}

func TestParseCredentials(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		secretPair:                           "Basic " + encodedPair,
		"qzxqzx:qzxqzx":                      "Basic " + paddedPair,
		"tdpub:tdprv:qzx":                    "Basic dGRwdWI6dGRwcnY6cXp4",
		"tdpub:qzx qzx":                      "Basic dGRwdWI6cXp4IHF6eA==",
		"qzx???:qzx>>>":                      "Basic " + pairWith63,
		"Basic " + encodedPair:               "Basic " + encodedPair,
		"basic   " + encodedPair:             "Basic " + encodedPair,
		"BASIC " + paddedPair:                "Basic " + paddedPair,
		"Basic " + unpaddedPair:              "Basic " + paddedPair,
		"Basic " + pairWith63:                "Basic " + pairWith63,
		"Basic " + urlSafePair:               "Basic " + pairWith63,
		"Basic " + urlSafePair + "==":        "Basic " + pairWith63,
		"Token qzx":                          "Token qzx",
		"TOKEN  qzx-_.~+/=":                  "Token qzx-_.~+/=",
		"Token token=qzx":                    "Token token=qzx",
		"Token basic-qzx":                    "Token basic-qzx",
		"Basically:qzx":                      "Basic " + base64.StdEncoding.EncodeToString([]byte("Basically:qzx")),
		"Authorization: Basic " + paddedPair: "",
	} {
		auth, err := trackdrive.ParseCredentials(text)
		if want == "" {
			require.Error(t, err, text)
			continue
		}
		require.NoError(t, err, text)
		require.Equal(t, want, authorization(t, auth), text)
		for _, printed := range printings(auth) {
			require.NotContains(t, printed, "qzx", text)
		}
	}
}

func TestCredentialsThatAreRefused(t *testing.T) {
	t.Parallel()
	const (
		needed = `credentials: have an unknown form; give "Basic ...", "Token ..." or "public:private"`
		noPair = `basic token: is not the base64 of "public:private"`
	)
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for text, says := range map[string]string{
		"":                                     "credentials: are empty; give",
		" ":                                    "credentials: must be printable ASCII without leading or trailing blanks",
		" " + secretPair:                       "credentials: must be printable ASCII without leading or trailing blanks",
		"Basic " + encodedPair + "\n":          "credentials: must be printable ASCII without leading or trailing blanks",
		"Basic " + encodedPair + "\r\nX: qzx":  "credentials: must be printable ASCII",
		"tdpub:tdprv-qzx\r\n":                  "credentials: must be printable ASCII",
		"Basic\t" + encodedPair:                "credentials: must be printable ASCII",
		"qzxé:qzx":                             "credentials: must be printable ASCII",
		"qzx":                                  needed,
		"qzx qzx":                              needed,
		encodedPair:                            `credentials: are a ready-made token without a scheme; give "Basic " before it`,
		unpaddedPair:                           `credentials: are a ready-made token without a scheme; give "Basic " before it`,
		"Basic":                                "basic token: is empty",
		"Basic ":                               "credentials: must be printable ASCII without leading or trailing blanks",
		"Token":                                "developer token: is empty",
		"token  ":                              "credentials: must be printable ASCII without leading or trailing blanks",
		"Bearer qzx":                           `credentials: have the scheme Bearer; TrackDrive takes Basic and Token`,
		"bearer qzx:qzx":                       `credentials: have the scheme Bearer`,
		"Authorization: Basic " + encodedPair:  `credentials: begin with "Authorization:"; give the text after it`,
		"authorization:Token qzx":              `credentials: begin with "Authorization:"; give the text after it`,
		`"` + secretPair + `"`:                 "credentials: are in quotation marks; give the text between them",
		"'Basic " + encodedPair + "'":          "credentials: are in quotation marks",
		`{"acme":"Basic ` + encodedPair + `"}`: "credentials: are a JSON object; give the text of one company",
		"https://qzx:qzx@acme.trackdrive.com":  "credentials: are a URL; give",
		"Basic Basic " + encodedPair:           "basic token: begins with a scheme word",
		"Basic Token qzx":                      "basic token: begins with a scheme word",
		"Token Basic " + encodedPair:           "developer token: begins with a scheme word",
		"Token Token qzx":                      "developer token: begins with a scheme word",
		"Basic " + secretPair:                  "basic token: is a pair of keys; use BasicAuth(publicKey, privateKey), or give the pair alone to ParseCredentials",
		"Basic qzx":                            noPair,
		"Basic " + encode("qzx"):               noPair,
		"Basic " + encode("qzx\x00:qzx"):       noPair,
		"Basic " + encode("qzx\n:qzx\n"):       noPair,
		"Basic " + encode(" qzx:qzx"):          noPair,
		"Basic " + encode("qzx:é"):             noPair,
		"Basic " + encode(":qzx"):              "basic token: has no public key before the colon",
		"Basic " + encode("qzx:"):              "basic token: has no private key after the colon",
		"Basic " + encode("Basic qzx:qzx"):     noPair,
		"Basic " + paddedPair + "=":            noPair,
		"Basic " + encodedPair + "!":           noPair,
		":qzx":                                 "public key: is empty",
		"qzx:":                                 "private key: is empty",
		"qzx :qzx":                             "public key: must be printable ASCII without leading or trailing blanks",
		"qzx: qzx":                             "private key: must be printable ASCII without leading or trailing blanks",
		"Token tdprv-qzx":                      "developer token: is a key of a company access token",
		"Token " + secretPair:                  "developer token: is a key of a company access token",
		"Token " + encodedPair:                 "developer token: is a key of a company access token",
		"Token [qzx]":                          "developer token",
		"Basic BASIC_AUTH_PASSWORD_HERE":       "basic token",
		"tdpub:[qzx]":                          "private key",
		"Basic " + encode("tdpub:[qzx]"):       "basic token",
	} {
		t.Run(fmt.Sprintf("%q", text), func(t *testing.T) {
			t.Parallel()
			auth, err := trackdrive.ParseCredentials(text)
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
			require.ErrorContains(t, err, says)
			require.Nil(t, auth)
			require.NotContains(t, strings.ToLower(err.Error()), "qzx")
			require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
		})
	}
}

// Anything but the base64 of a pair is never sent.
func TestBasicTokenIsThePairInBase64(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		encodedPair: encodedPair, "Basic " + encodedPair: encodedPair, "bAsIc  " + encodedPair: encodedPair,
		unpaddedPair: paddedPair, urlSafePair: pairWith63, urlSafePair + "==": pairWith63, paddedPair: paddedPair,
	} {
		require.Equal(t, "Basic "+want, authorization(t, trackdrive.BasicToken(text)), text)
	}
	for text, says := range map[string]string{
		secretPair:               "basic token: is a pair of keys; use BasicAuth(publicKey, privateKey)",
		"Basic " + secretPair:    "basic token: is a pair of keys",
		"tdpub:[qzx]":            "basic token: is a pair of keys",
		"qzx":                    `basic token: is not the base64 of "public:private"; give the text that the dashboard shows`,
		"Token qzx":              "basic token: begins with a scheme word",
		" " + encodedPair:        "basic token: must be printable ASCII without leading or trailing blanks",
		encodedPair + "\n":       "basic token: must be printable ASCII without leading or trailing blanks",
		encodedPair + "\r\nX: y": "basic token: must be printable ASCII without leading or trailing blanks",
		"Basic":                  "basic token: is empty",
		"":                       "basic token: is empty",
		"cXp4":                   "basic token: is not the base64",
	} {
		_, err := trackdrive.NewClient("acme", trackdrive.WithAuth(trackdrive.BasicToken(text)))
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, text)
		require.ErrorContains(t, err, says, text)
		require.NotContains(t, strings.ToLower(err.Error()), "qzx")
	}
	for _, text := range []string{secretPair, "tdprv-qzx", encodedPair} {
		_, err := trackdrive.NewClient("acme", trackdrive.WithAuth(trackdrive.DeveloperToken(text)))
		require.ErrorContains(t, err, "developer token: is a key of a company access token; use BasicAuth or BasicToken")
		require.NotContains(t, err.Error(), "qzx")
	}
}

package template

// Credentials in paths: which segments are credentials, for whatever shows a URL.

import (
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/redact"
)

// SegmentCredentials returns, for each segment of a path, the name of the
// credential that it is; "" for any other. Below TrackDrive's API it is known which
// are; elsewhere it is a segment after a credential's name or after "hook", and one
// that looks random.
func SegmentCredentials(segments []string) []string {
	names := make([]string, len(segments))
	if first := APIResource(segments); first >= 0 {
		secrets := PathSecrets(segments[first:])
		for i, segment := range segments[first:] {
			switch {
			case segment == "" || !slices.Contains(secrets, segment):
			case i > 0 && segments[first+i-1] == "leads":
				names[first+i] = "lead_token"
			default:
				names[first+i] = "token"
			}
		}
		return names
	}
	for i, segment := range segments {
		named := IsNamedSegment(segments, i) || i > 0 && slices.Contains(hookSegments, segments[i-1])
		behindCredential := i > 0 && names[i-1] != ""
		switch {
		case segment == "":
		case named && !behindCredential:
			names[i] = segments[i-1]
		case named && !strings.ContainsAny(segments[i-1], "0123456789"), // token/secret/...: which is the name?
			LooksLikeToken(segment):
			names[i] = "token"
		}
	}
	return names
}

// hookSegments are what comes before the secret of a webhook's address.
var hookSegments = []string{"hook", "hooks", "webhook", "webhooks"}

// APIResource returns where the resource begins in a path of TrackDrive's API, or
// -1 for any other path.
func APIResource(segments []string) int {
	api := []string{"api", "v1"}
	for i := range segments {
		if len(segments) > i+len(api) && slices.Equal(segments[i:i+len(api)], api) {
			return i + len(api)
		}
	}
	return -1
}

// PathSecrets returns the credentials in a path. TrackDrive has them in
// /secure/{token}/… and /leads/{lead_token}/{number}/by_caller_number; others
// follow their name.
func PathSecrets(segments []string) []string {
	if len(segments) > 1 && segments[0] == "secure" ||
		len(segments) == 4 && segments[0] == "leads" && segments[3] == "by_caller_number" {
		return segments[1:2]
	}
	var list []string
	for i, segment := range segments {
		if IsNamedSegment(segments, i) {
			list = append(list, segment)
		}
	}
	return list
}

// IsNamedSegment reports whether a segment follows a credential's name:
// /token/abcdef.
func IsNamedSegment(segments []string, i int) bool {
	return i > 0 && redact.IsCredentialName(segments[i-1])
}

// Literals returns the texts beside the tokens, and the tokens' defaults.
func (t *Template) Literals() []string {
	var list []string
	for i := range t.tokens {
		list = append(list, t.tokens[i].before, t.tokens[i].fallback)
	}
	return append(list, t.tail)
}

// Names returns the names of each token; more than one if it is a chain.
func (t *Template) Names() [][]string {
	var list [][]string
	for i := range t.tokens {
		list = append(list, t.tokens[i].Names())
	}
	return list
}

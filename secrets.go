// Secrets: the credentials in a call, wherever they are. A reply may echo all of
// them.

package trackdrive

import (
	"net/url"
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/redact"
	"github.com/trackdrive-go/trackdrive/internal/template"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// secrets returns what an authenticator set.
func (c *authCredentials) secrets() []string {
	var list []string
	for _, set := range [...][]namedText{c.params, c.headers} {
		for _, t := range set {
			list = redact.AppendParts(list, t.text)
		}
	}
	return list
}

// knownSecrets keeps the secrets of the last credentials, which few programs
// change: every refusal is searched for them.
type knownSecrets struct {
	headers, params []namedText
	secrets         redact.Secrets // never searched: each call gets a copy
}

func (k *knownSecrets) isOf(c *authCredentials) bool {
	return slices.Equal(k.headers, c.headers) && slices.Equal(k.params, c.params)
}

// secrets returns the values under a credential's name in the query and the body.
func (p *wirePayload) secrets() []string {
	var list []string
	if p.url != nil {
		list = appendFormSecrets(list, p.url.RawQuery)
	}
	switch {
	case len(p.body) == 0:
		return list
	case strings.HasPrefix(ascii.Lower(p.contentType), "application/x-www-form-urlencoded"):
		return appendFormSecrets(list, string(p.body))
	}
	var s jsonscan.Scanner
	s.Reset(p.body)
	return appendJSONSecrets(list, &s, p.body, false)
}

// appendFormSecrets reads a form or a query. It ignores what cannot be read, as
// servers do.
func appendFormSecrets(list []string, text string) []string {
	values, _ := url.ParseQuery(text)
	for name, all := range values {
		if !redact.IsCredentialName(name) {
			continue
		}
		for _, value := range all {
			list = redact.AppendParts(list, value)
		}
	}
	return list
}

// appendJSONSecrets walks through a document. If within is true, an enclosing
// member has a credential's name.
func appendJSONSecrets(list []string, s *jsonscan.Scanner, doc []byte, within bool) []string {
	kind := s.Kind()
	if kind == jsonscan.Object || kind == jsonscan.Array {
		for s.Enter(); s.Next(); {
			named := within || kind == jsonscan.Object && redact.IsCredentialName(s.Name())
			list = appendJSONSecrets(list, s, doc, named)
		}
		return list
	}
	v := s.Read()
	if !within || v.Kind != jsonscan.String && v.Kind != jsonscan.Number {
		return list
	}
	text := doc[v.Start:v.End]
	if v.Escaped {
		text = jsonscan.AppendUnescaped(nil, text)
	}
	return redact.AppendParts(list, string(text))
}

// namedSegments returns the segments of an escaped path that follow a credential's
// name.
func namedSegments(path string) []string {
	var list []string
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		if template.IsNamedSegment(segments, i) {
			list = append(list, urlpart.UnescapeSegment(segment))
		}
	}
	return list
}

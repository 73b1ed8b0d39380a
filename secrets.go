// Secrets: the credentials in a call, wherever they are. A reply may echo all of
// them.

package trackdrive

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

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

// toHide returns the secrets of the credentials. It puts them together once.
func (c *authCredentials) toHide() redact.Secrets {
	known := c.found.Load()
	if known == nil {
		known = new(redact.Secrets)
		known.Add(c.secrets()...)
		c.found.Store(known)
	}
	return known.Clone()
}

// credentials returns all credentials of the call, for its reply's Meta; nil if it has
// none. Those of most calls are an authenticator's alone, which never change.
func (c *apiCall) credentials() *fixedAuth {
	hasOwn := c.params.of == nil || c.params.mayHoldCredentials() // without parameters, it is a webhook
	fixed, isFixed := c.who.(*fixedAuth)
	switch {
	case hasOwn:
	case len(c.sent) == 0:
		return nil
	case isFixed:
		return fixed
	}
	all := new(authCredentials)
	for _, auth := range c.sent {
		all.params = slices.Concat(all.params, auth.params, auth.headers)
	}
	if hasOwn {
		all.params = appendTexts(all.params, c.secret)
		all.params = appendTexts(all.params, c.wire.secrets())
	}
	return &fixedAuth{made: hideValue(all)}
}

func appendTexts(list []namedText, texts []string) []namedText {
	for _, text := range texts {
		list = append(list, namedText{text: text})
	}
	return list
}

// mayHoldCredentials reports whether a parameter has a credential's name, or is made of
// others, which may have one.
func (p *callParams) mayHoldCredentials() bool {
	for i := range p.typed {
		if t := &p.typed[i]; t.isSent() && (t.hash != nil || redact.IsCredentialName(t.name)) {
			return true
		}
	}
	for name, value := range p.fields {
		switch value.(type) {
		case nil, string, ID, bool, int, int64, float64, json.Number, Amount, time.Time:
		default:
			return true
		}
		if redact.IsCredentialName(name) {
			return true
		}
	}
	return false
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

// Package advice says what to do about a call that was refused, where
// TrackDrive's documents say it and its replies do not.
package advice

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
)

// Refusal is what is known of a call that was refused.
type Refusal struct {
	Status    int      // the HTTP status
	Body      []byte   // the reply, or its start
	Company   string   // the subdomain that was called; "" where nobody knows
	Anonymous bool     // no credentials were sent
	Update    bool     // it was an update of a call
	Lookup    bool     // it was to read calls
	Sent      []string // the names of the update's parameters; nil where nobody knows
}

// Text is the advice; "" without any.
func (r *Refusal) Text() string {
	text := r.whatToDo()
	if r.Lookup && text != "" {
		text += "; the right to read calls is Enable Developer API Access with access type Calls"
	}
	return text
}

func (r *Refusal) whatToDo() string {
	switch {
	case r.Status == http.StatusUnauthorized && isMarkup(r.Body),
		r.Status == http.StatusForbidden && IsForeign(r.Body):
		return "this is not an answer of TrackDrive's: a proxy or a firewall may have refused it"
	case r.Status == http.StatusUnauthorized && r.Anonymous:
		return "no credentials were sent; give those of " + r.company() + " with WithAuth"
	case r.Status == http.StatusUnauthorized:
		return r.company() + " does not know the credentials; a company token goes as Basic, a developer token as Token"
	case !r.Update && !r.Lookup:
		return ""
	case r.Status == http.StatusForbidden && len(r.Body) == 0:
		return "no reason was given: a proxy or a firewall refused it, or the team of the credentials " + r.permissions()
	case r.Status == http.StatusForbidden:
		return "the credentials are right, but their team " + r.permissions()
	case r.Lookup:
		return ""
	case r.Status == http.StatusNotFound:
		return "wrong call uuid, or wrong subdomain for this call: a call is updated at the company that owns it, and this went to " + r.company()
	case r.Status == http.StatusUnprocessableEntity:
		return "a value was refused; contact fields belong in post_call_tokens"
	}
	return ""
}

func (r *Refusal) company() string {
	if r.Company == "" {
		return "the company"
	}
	return r.Company
}

// updatePermissions are what a team needs for parameters of an update.
var updatePermissions = []struct {
	name       string
	parameters []string
}{
	{"Buyer Converted", []string{"buyer_converted"}},
	{"Buyer Revenue", []string{"revenue", "add_revenue"}},
	{"TS Converted", []string{"offer_converted"}},
	{"TS Payout", []string{"payout", "add_payout"}},
}

// permissions says what the team lacks: a 403 does not say what is missing.
func (r *Refusal) permissions() string {
	if r.Lookup {
		return "at " + r.company() + " may not do this"
	}
	needed := []string{"Enable Developer API Access", "access type Calls"}
	others := slices.DeleteFunc(slices.Clone(r.Sent), func(name string) bool { return name == "auth_token" })
	for _, right := range updatePermissions {
		rest := slices.DeleteFunc(slices.Clone(others), func(name string) bool { return slices.Contains(right.parameters, name) })
		if r.Sent == nil || len(rest) < len(others) {
			needed = append(needed, right.name)
		}
		others = rest
	}
	if r.Sent == nil || len(others) > 0 { // post_call_tokens, and what may be a contact field
		needed = append(needed, "Contact Fields")
	}
	return "at " + r.company() + " lacks one of the permissions " + strings.Join(needed, ", ")
}

// IsForeign reports whether a reply is not TrackDrive's: neither a JSON object,
// or its start, nor empty.
func IsForeign(body []byte) bool {
	start := startOf(body)
	return len(start) > 0 && start[0] != '{'
}

func isMarkup(body []byte) bool {
	start := startOf(body)
	return len(start) > 0 && start[0] == '<'
}

func startOf(body []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
}

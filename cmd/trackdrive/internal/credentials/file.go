package credentials

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
	"github.com/trackdrive-go/trackdrive/internal/suggest"
)

// fileReader reads a file of credentials. Its mistakes have a place, and never show a
// value.
type fileReader struct {
	path     string
	terminal *term.Terminal
	set      *Set
	mistakes []placedText
}

// placedText is a mistake with its line, by which mistakes are ordered.
type placedText struct {
	line int
	text string
}

// parse reads the text of a file of credentials: a YAML document, or one line.
func (s *Set) parse(t *term.Terminal, path string, data []byte) error {
	document, err := parser.ParseBytes(data, 0)
	if err != nil {
		return term.Failed(errors.New(path + positionOf(err) + ": not YAML; a text with \": \" or \" #\" in it needs quotation marks"))
	}
	r := &fileReader{path: path, terminal: t, set: s}
	switch {
	case len(document.Docs) != 1 || document.Docs[0].Body == nil:
		return term.Failed(fmt.Errorf("%s must hold one document", path))
	default:
		r.document(document.Docs[0].Body)
	}
	if r.mistakes == nil {
		return nil
	}
	slices.SortStableFunc(r.mistakes, func(a, b placedText) int { return a.line - b.line })
	lines := make([]string, len(r.mistakes))
	for i, mistake := range r.mistakes {
		lines[i] = mistake.text
	}
	return term.Failed(errors.New(strings.Join(lines, "\n")))
}

// positionOf returns where a mistake in YAML is: ":3:14". The message is left out: it
// may show a value.
func positionOf(err error) string {
	var located yaml.Error
	if errors.As(err, &located) && located.GetToken() != nil {
		at := located.GetToken().Position
		return fmt.Sprintf(":%d:%d", at.Line, at.Column)
	}
	return ""
}

func (r *fileReader) mistake(node ast.Node, format string, args ...any) {
	at := node.GetToken().Position
	text := fmt.Sprintf("%s:%d:%d: %s", r.path, at.Line, at.Column, fmt.Sprintf(format, args...))
	r.mistakes = append(r.mistakes, placedText{at.Line, text})
}

func (r *fileReader) document(node ast.Node) {
	if text, isText := textOf(node); isText {
		r.set.Called = r.parsed(node, text)
		return
	}
	for _, m := range r.members(node, "companies", "tokens") {
		switch m.name {
		case "companies":
			r.companies(m.value)
		case "tokens":
			r.tokens(m.value)
		}
	}
}

func (r *fileReader) companies(node ast.Node) {
	r.set.Companies = map[string]trackdrive.Authenticator{}
	for _, m := range r.members(node) {
		if text, isText := textOf(m.value); isText {
			r.set.Companies[m.name] = r.parsed(m.value, text)
		} else {
			r.set.Companies[m.name] = r.company(m)
		}
	}
}

func (r *fileReader) tokens(node ast.Node) {
	for _, m := range r.members(node) {
		text, isText := textOf(m.value)
		if !isText {
			r.mistake(m.value, "%s must be a text", m.name)
		}
		r.terminal.Hide(text)
		r.set.Tokens[m.name] = text
	}
}

// parsed reads credentials in one of the forms that ParseCredentials knows.
func (r *fileReader) parsed(node ast.Node, text string) trackdrive.Authenticator {
	hideToken(r.terminal, text)
	auth, err := trackdrive.ParseCredentials(text)
	if err != nil {
		r.mistake(node, "%s", messageOf(err))
	}
	return auth
}

// messageOf drops the package's prefix.
func messageOf(err error) string {
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "trackdrive: "), "invalid argument: ")
}

// company reads the credentials of one company.
func (r *fileReader) company(company yamlMember) trackdrive.Authenticator {
	given := map[string]string{}
	before := len(r.mistakes)
	members := r.members(company.value, "public_key", "private_key", "basic_token", "developer_token", "auth_token")
	for _, m := range members {
		text, isText := textOf(m.value)
		if !isText {
			r.mistake(m.value, "%s must be a text", m.name)
			return nil
		}
		hideToken(r.terminal, text)
		given[m.name] = text
	}
	if len(r.mistakes) > before {
		return nil
	}
	if missing := missingKey(given); missing != "" {
		r.mistake(company.key, "%s is missing", missing)
		return nil
	}
	auth := chooseAuthenticator(given)
	if auth == nil {
		r.mistake(company.key, "give one of: public_key and private_key, basic_token, developer_token, auth_token")
		return nil
	}
	if _, err := trackdrive.NewClient(company.name, trackdrive.WithAuth(auth)); err != nil {
		r.mistake(company.key, "%s", messageOf(err))
	}
	return auth
}

// missingKey returns the name of the key that completes a pair; "" unless exactly one of
// the two keys is given.
func missingKey(given map[string]string) string {
	_, hasPublic := given["public_key"]
	_, hasPrivate := given["private_key"]
	switch {
	case len(given) != 1:
		return ""
	case hasPublic:
		return "private_key"
	case hasPrivate:
		return "public_key"
	}
	return ""
}

// chooseAuthenticator makes the one that is given; nil if none is given, or more than one.
func chooseAuthenticator(given map[string]string) trackdrive.Authenticator {
	_, hasPublic := given["public_key"]
	_, hasPrivate := given["private_key"]
	switch {
	case hasPublic && hasPrivate && len(given) == 2:
		return trackdrive.BasicAuth(given["public_key"], given["private_key"])
	case len(given) != 1:
		return nil
	}
	for name, maker := range map[string]func(string) trackdrive.Authenticator{
		"basic_token": trackdrive.BasicToken, "developer_token": trackdrive.DeveloperToken, "auth_token": trackdrive.AuthToken,
	} {
		if token, isGiven := given[name]; isGiven {
			return maker(token)
		}
	}
	return nil
}

// yamlMember is a name of a mapping with its value.
type yamlMember struct {
	name  string
	key   ast.Node
	value ast.Node
}

// members returns the members of a mapping. If there is a list of known names, others
// are mistakes.
func (r *fileReader) members(node ast.Node, known ...string) (members []yamlMember) {
	var list []*ast.MappingValueNode
	switch mapping := node.(type) {
	case *ast.MappingNode:
		list = mapping.Values
	case *ast.MappingValueNode:
		list = append(list, mapping)
	default:
		r.mistake(node, "must be a mapping: lines such as \"acme: ...\"")
		return nil
	}
	for _, member := range list {
		name := member.Key.GetToken().Value
		switch {
		case slices.ContainsFunc(members, func(m yamlMember) bool { return m.name == name }):
			r.mistake(member.Key, "%s is given twice", name)
		case known != nil && !slices.Contains(known, name):
			if meant := suggest.DidYouMean(suggest.Nearest(name, known)); meant != "" {
				r.mistake(member.Key, "%q %s", name, meant)
			} else {
				r.mistake(member.Key, "this name is unknown; give %s", strings.Join(known, ", ")) // it may be a secret
			}
		default:
			members = append(members, yamlMember{name, member.Key, member.Value})
		}
	}
	return members
}

// textOf returns the text of a scalar. Numbers and words such as "yes" are texts, too:
// a token may consist of digits.
func textOf(node ast.Node) (string, bool) {
	switch value := node.(type) {
	case *ast.StringNode:
		return value.Value, true
	case *ast.LiteralNode:
		return strings.TrimSpace(value.Value.Value), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return node.GetToken().Value, true
	}
	return "", false
}

// Groups whose fields are the names of values, instead of paths in a reply.

package criteria

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// OfNames returns a group with the same rules for the documents of [NamedValues].
// Each field is one name, compared without case, whatever it would mean as a path;
// so mistakes in paths are none here.
func (g *Group) OfNames() *Group {
	if g == nil {
		return nil
	}
	named := &Group{match: g.match, rules: g.rules, faults: g.faults}
	named.compileWith((*planBuilder).name)
	return named
}

// name makes the one step to a named value.
func (b *planBuilder) name(place, text string) jsonscan.Path {
	switch {
	case text == "":
		b.mistake(place, "is empty; give the name of a value")
	case !utf8.ValidString(text):
		b.mistake(place, "is not valid UTF-8")
	}
	return jsonscan.Path{{Op: jsonscan.Member, Name: strings.ToLower(text), Index: -1}}
}

// ParseNames is like [Parse], for a group that is used through [Group.OfNames].
func ParseNames(data []byte) (*Group, []Mistake) {
	g, mistakes := parseDocument(data)
	if mistakes == nil {
		mistakes = g.OfNames().mistakes
	}
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	return g, nil
}

// NamedValues returns a document of values, by name in lower case. It leaves out
// blank ones, which are missing. No two names may differ only in case.
func NamedValues(values map[string]string) []byte {
	document := []byte{'{'}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if strings.TrimSpace(values[name]) == "" {
			continue
		}
		if len(document) > len("{") {
			document = append(document, ',')
		}
		document = append(jsonscan.AppendQuoted(document, strings.ToLower(name)), ':')
		document = jsonscan.AppendQuoted(document, values[name])
	}
	return append(document, '}')
}

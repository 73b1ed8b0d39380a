package template

import (
	"slices"
	"strconv"
	"strings"
)

// Convert writes the template in another dialect. It is a mistake if the dialect
// cannot express a default, a chain or a name, or would read literal text as a
// token.
func (t *Template) Convert(to Dialect) (string, []Mistake) {
	if mistakes := t.sayableIn(to); mistakes != nil {
		return "", mistakes
	}
	text := t.writeIn(to)
	if mistakes := t.sameAs(text, to); mistakes != nil {
		return "", mistakes
	}
	return text, nil
}

// sayableIn reports every token that a dialect cannot express.
func (t *Template) sayableIn(to Dialect) []Mistake {
	var mistakes []Mistake
	for i := range t.tokens {
		k := &t.tokens[i]
		if lack := k.lackIn(to); lack != "" {
			mistakes = append(mistakes, Mistake{PlaceOf(t.text, k.start), strconv.Quote(k.body()) + " " + lack})
		}
	}
	return mistakes
}

// lackIn describes what a dialect cannot express about the token; "" if it can
// express everything.
func (k *Token) lackIn(to Dialect) string {
	switch {
	case k.others != nil && !to.chains:
		return "is a chain, and " + to.String() + " has none"
	case slices.ContainsFunc(k.Names(), func(name string) bool { return !to.isName(name) }):
		return "is not a name in " + to.String()
	case k.hasFallback && !to.defaults:
		return "has a default, and " + to.String() + " has none"
	}
	return ""
}

func (t *Template) writeIn(to Dialect) string {
	var b strings.Builder
	if to == ViciDial {
		b.WriteString(t.text[:t.prefix])
	}
	for i := range t.tokens {
		k := &t.tokens[i]
		b.WriteString(k.before)
		b.WriteString(to.write(k.body()))
		if k.hasFallback {
			b.WriteString("{" + k.fallback + "}")
		}
	}
	b.WriteString(t.tail)
	return b.String()
}

// sameAs checks that text, read in a dialect, is the same template.
func (t *Template) sameAs(text string, in Dialect) []Mistake {
	options := t.options
	options.Dialects = []Dialect{in}
	other, flaw := Parse(t.format, text, options)
	if flaw != nil {
		at := flaw.In(text)
		return aboutAll("in " + in.String() + " the text means something else: " + at.Field + ": " + at.Message)
	}
	for i := range max(len(t.tokens), len(other.tokens)) {
		if i >= len(t.tokens) || i >= len(other.tokens) || !t.tokens[i].reads(&other.tokens[i]) {
			return []Mistake{(&Flaw{Offset: t.misread(&other, i), Message: "means something else in " + in.String()}).In(t.text)}
		}
	}
	return nil
}

// misread returns the place of the text that makes token i of other different.
func (t *Template) misread(other *Template, i int) int {
	if i >= len(other.tokens) {
		return t.tokens[i].start
	}
	o := &other.tokens[i]
	if i < len(t.tokens) && t.tokens[i].before == o.before && t.tokens[i].name == o.name {
		return t.tokens[i].end
	}
	from := t.prefix
	if i > 0 {
		from = t.tokens[i-1].end
	}
	if strings.HasPrefix(t.text[from:], o.before) {
		return from + len(o.before)
	}
	return from
}

// reads reports whether two tokens mean the same in the same place.
func (k *Token) reads(other *Token) bool {
	return k.before == other.before && k.name == other.name && slices.Equal(k.others, other.others) &&
		k.hasFallback == other.hasFallback && k.fallback == other.fallback
}

// Fields: what a mapping may contain, and how it is read and shown. Each
// mapping has one table of fields.

package fakeserver

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/internal/redact"
	"github.com/trackdrive-go/trackdrive/internal/suggest"
)

// docField is a name in a mapping.
type docField struct {
	name string
	read func(r *docReader, n *docNode, path string)
	show func() any // nil if there is nothing to show
}

// docReader collects the mistakes of a document.
type docReader struct {
	file      string // for messages
	dir       string // where files are that the document names
	lookupEnv func(string) (string, bool)
	isBody    bool // the document is the body of a request: it may not name files and variables
	mistakes  []Mistake
	secrets   []string
}

func (r *docReader) mistake(at docPlace, path, format string, args ...any) {
	r.mistakes = append(r.mistakes, Mistake{File: r.file, Line: at.line, Column: at.column, Path: path, Message: fmt.Sprintf(format, args...)})
}

// err returns the mistakes, in the order of the document; nil if there are none.
func (r *docReader) err() error {
	if len(r.mistakes) == 0 {
		return nil
	}
	sortMistakes(r.mistakes)
	return &ConfigError{r.mistakes}
}

// object reads a mapping.
func (r *docReader) object(n *docNode, path string, fields []docField) {
	if !r.is(n, path, mapNode) {
		return
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	seen := map[string]docPlace{}
	for _, m := range n.members {
		at := joinPath(path, m.name)
		i := slices.Index(names, m.name)
		switch first, isTwice := seen[m.name]; {
		case isTwice:
			r.mistake(m.docPlace, at, "is given twice; the first is on line %d", first.line)
			continue
		case i < 0:
			r.mistake(m.docPlace, joinPath(path, display.Line(m.name)), "%s", unknownName(m.name, names))
		case m.value.kind == nullNode:
			r.mistake(m.docPlace, at, "has no value; give one, or leave the name out")
		default:
			fields[i].read(r, m.value, at)
		}
		seen[m.name] = m.docPlace
	}
}

func unknownName(name string, known []string) string {
	if message := suggest.DidYouMean(suggest.Nearest(name, known)); message != "" {
		return message
	}
	return "is unknown; the names here are " + strings.Join(known, ", ")
}

// shownName returns a name for a path, in quotes if it cannot be seen.
func shownName(name string) string {
	if strings.TrimSpace(name) == "" {
		return strconv.Quote(name)
	}
	return display.Line(name)
}

func joinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// is reports whether a node has one of the kinds, and notes a mistake if it does not.
func (r *docReader) is(n *docNode, path string, kinds ...nodeKind) bool {
	if slices.Contains(kinds, n.kind) {
		return true
	}
	words := make([]string, len(kinds))
	for i, k := range kinds {
		words[i] = string(k)
	}
	r.mistake(n.docPlace, path, "must be %s, not %s", strings.Join(words, " or "), n.kind)
	return false
}

// text reads a scalar that is text, or a number as it is written.
func (r *docReader) text(n *docNode, path string) (string, bool) {
	if !r.is(n, path, textNode, numberNode) {
		return "", false
	}
	if strings.TrimSpace(n.text) == "" {
		r.mistake(n.docPlace, path, "is empty; give a value, or leave the name out")
		return "", false
	}
	return n.text, true
}

func showText[T ~string](p *T) func() any {
	return func() any {
		if *p == "" {
			return nil
		}
		return string(*p)
	}
}

func textField[T ~string](name string, p *T) docField {
	return docField{name, func(r *docReader, n *docNode, path string) {
		if text, ok := r.text(n, path); ok {
			*p = T(text)
		}
	}, showText(p)}
}

// amountField is for money, which keeps its digits.
func amountField(name string, p *string) docField {
	return docField{name, func(r *docReader, n *docNode, path string) {
		text, ok := r.text(n, path)
		if !ok {
			return
		}
		if _, err := trackdrive.ParseAmount(text); err != nil {
			r.mistake(n.docPlace, path, "%q is not an amount; give a decimal such as 25.00", display.Line(text))
			return
		}
		*p = text
	}, showText(p)}
}

func boolField(name string, p *bool) docField {
	return docField{name, func(r *docReader, n *docNode, path string) {
		if r.is(n, path, boolNode) {
			*p = strings.EqualFold(n.text, "true")
		}
	}, func() any {
		if !*p {
			return nil
		}
		return true
	}}
}

// countField is for a whole number from least to most.
func countField(name string, p *int, least, most int) docField {
	return docField{name, func(r *docReader, n *docNode, path string) {
		if !r.is(n, path, numberNode) {
			return
		}
		value, err := strconv.Atoi(n.text)
		if err != nil || value < least || value > most {
			r.mistake(n.docPlace, path, "%s is not a whole number from %d to %d", display.Line(n.text), least, most)
			return
		}
		*p = value
	}, func() any {
		if *p == 0 {
			return nil
		}
		return *p
	}}
}

// maxDuration is the longest time in a configuration.
const maxDuration = 366 * 24 * time.Hour

// durationField is for a time such as 90s, in whole units of unit.
func durationField(name string, p *time.Duration, unit, most time.Duration) docField {
	return docField{name, func(r *docReader, n *docNode, path string) {
		if !r.is(n, path, textNode, numberNode) {
			return
		}
		d, err := time.ParseDuration(n.text)
		switch {
		case err != nil && n.kind == numberNode:
			r.mistake(n.docPlace, path, "%s has no unit; write %ss for seconds, or use m, h or ms", display.Line(n.text), display.Line(n.text))
		case err != nil:
			r.mistake(n.docPlace, path, "%q is not a time; write a number and a unit, such as 90s, 5m or 250ms", display.Line(n.text))
		case d <= 0 || d > most:
			r.mistake(n.docPlace, path, "%s is not more than 0s and at most %v", display.Line(n.text), most)
		case d%unit != 0:
			r.mistake(n.docPlace, path, "%s is not in whole seconds", display.Line(n.text))
		default:
			*p = d
		}
	}, func() any {
		if *p == 0 {
			return nil
		}
		return p.String()
	}}
}

func timeField(name string, p *time.Time) docField {
	return docField{name, func(r *docReader, n *docNode, path string) {
		text, ok := r.text(n, path)
		if !ok {
			return
		}
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			r.mistake(n.docPlace, path, "%q is not a time; write it as 2026-01-31T15:04:05Z", display.Line(text))
			return
		}
		*p = at
	}, func() any {
		if p.IsZero() {
			return nil
		}
		return p.Format(time.RFC3339)
	}}
}

// namedChoice is a value with the name that stands for it.
type namedChoice[T any] struct {
	name  string
	value T
}

// choiceField is for one of a few names.
func choiceField[T comparable](name string, p *T, choices []namedChoice[T]) docField {
	return docField{name, func(r *docReader, n *docNode, path string) {
		if value, ok := readChoice(r, n, path, choices); ok {
			*p = value
		}
	}, func() any {
		for _, c := range choices {
			if c.value == *p {
				return c.name
			}
		}
		return nil
	}}
}

func readChoice[T comparable](r *docReader, n *docNode, path string, choices []namedChoice[T]) (value T, ok bool) {
	text, ok := r.text(n, path)
	if !ok {
		return value, false
	}
	names := make([]string, len(choices))
	for i, c := range choices {
		if c.name == text {
			return c.value, true
		}
		names[i] = c.name
	}
	message := suggest.DidYouMean(suggest.Nearest(text, names))
	if message == "" {
		message = "is unknown; give " + orList(names)
	}
	r.mistake(n.docPlace, path, "%q %s", display.Line(text), message)
	return value, false
}

func orList(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// textsField is for a list of texts; check returns what is wrong with one.
func textsField(name string, p *[]string, check func(text string) (problem string)) docField {
	return docField{name, func(r *docReader, n *docNode, path string) {
		if !r.is(n, path, listNode) {
			return
		}
		for i, item := range n.items {
			at := fmt.Sprintf("%s[%d]", path, i)
			text, ok := r.text(item, at)
			if !ok {
				continue
			}
			if check != nil {
				if problem := check(text); problem != "" {
					r.mistake(item.docPlace, at, "%q %s", display.Line(text), problem)
					continue
				}
			}
			if slices.Contains(*p, text) {
				r.mistake(item.docPlace, at, "%q is given twice", display.Line(text))
				continue
			}
			*p = append(*p, text)
		}
	}, func() any {
		if len(*p) == 0 {
			return nil
		}
		return slices.Clone(*p)
	}}
}

// hashField is for texts by name. The value of a name that says that it is a
// credential is read as a secret.
func hashField(name string, p *map[string]string) docField {
	return docField{name, func(r *docReader, n *docNode, path string) {
		if !r.is(n, path, mapNode) {
			return
		}
		*p = map[string]string{}
		for _, m := range n.members {
			at := joinPath(path, m.name)
			if _, isTwice := (*p)[m.name]; isTwice {
				r.mistake(m.docPlace, at, "is given twice")
				continue
			}
			var (
				text string
				ok   bool
			)
			if redact.IsCredentialName(m.name) || m.value.kind == mapNode {
				text, ok = r.secret(m.value, at)
			} else {
				text, ok = r.text(m.value, at)
			}
			if ok {
				(*p)[m.name] = text
			}
		}
	}, func() any {
		if len(*p) == 0 {
			return nil
		}
		shown := map[string]string{}
		for name, text := range *p {
			if shown[name] = text; redact.IsCredentialName(name) {
				shown[name] = redact.Mark
			}
		}
		return shown
	}}
}

// secretField is for a credential: text, {env: NAME} or {file: PATH}. It is never
// shown.
func secretField(name string, p *string) docField {
	return docField{name, func(r *docReader, n *docNode, path string) {
		if text, ok := r.secret(n, path); ok {
			*p = text
		}
	}, func() any {
		if *p == "" {
			return nil
		}
		return redact.Mark
	}}
}

// maxSecret is the maximum size of a credential, in bytes.
const maxSecret = 4 << 10

// secret reads a credential. No message shows it.
func (r *docReader) secret(n *docNode, path string) (string, bool) {
	text := ""
	switch {
	case n.kind == textNode || n.kind == numberNode:
		text = n.text
	case n.kind != mapNode:
		r.mistake(n.docPlace, path, "must be text, {env: NAME} or {file: PATH}, not %s", n.kind)
		return "", false
	case r.isBody:
		r.mistake(n.docPlace, path, "must be text; only the configuration names variables and files")
		return "", false
	default:
		var env, file string
		before := len(r.mistakes)
		r.object(n, path, []docField{textField("env", &env), textField("file", &file)})
		if len(r.mistakes) > before {
			return "", false
		}
		problem := ""
		switch {
		case (env == "") == (file == ""):
			problem = "must be text, {env: NAME} or {file: PATH}"
		case env != "":
			if text, _ = r.lookupEnv(env); text == "" {
				problem = fmt.Sprintf("the environment variable %s is not set", display.Line(env))
			}
		default:
			text, problem = r.secretIn(file)
		}
		if problem != "" {
			r.mistake(n.docPlace, path, "%s", problem)
			return "", false
		}
	}
	switch {
	case strings.TrimSpace(text) == "" || strings.ContainsFunc(text, isControl) || strings.ContainsAny(text, "\r\n"):
		r.mistake(n.docPlace, path, "must be one line of text that is not blank")
		return "", false
	case len(text) > maxSecret:
		r.mistake(n.docPlace, path, "is longer than %d bytes", maxSecret)
		return "", false
	}
	r.secrets = append(r.secrets, text)
	return text, true
}

// secretIn returns the content of a file, without its final line ending.
func (r *docReader) secretIn(file string) (text, problem string) {
	if !filepath.IsAbs(file) {
		file = filepath.Join(r.dir, file)
	}
	data, err := readLimited(file, maxSecret+2)
	if err != nil {
		return "", fmt.Sprintf("the file %s cannot be read: %v", display.Line(file), reasonOf(err))
	}
	return strings.TrimRight(string(term.WithoutMark(data)), "\r\n"), ""
}

// reasonOf returns an error of a file without the name of the file.
func reasonOf(err error) error {
	if failed, ok := err.(*os.PathError); ok {
		return failed.Err
	}
	return err
}

// listField is for a list of mappings. check sees each after it was read.
func listField[T any](name string, p *[]T, fieldsOf func(*T) []docField, check func(v *T, r *docReader, n *docNode, path string)) docField {
	return docField{name, func(r *docReader, n *docNode, path string) {
		if !r.is(n, path, listNode) {
			return
		}
		for i, item := range n.items {
			v, at := new(T), fmt.Sprintf("%s[%d]", path, i)
			r.object(item, at, fieldsOf(v))
			if check != nil && item.kind == mapNode {
				check(v, r, item, at)
			}
			*p = append(*p, *v)
		}
	}, func() any {
		if len(*p) == 0 {
			return nil
		}
		list := make([]any, len(*p))
		for i := range *p {
			list[i] = shownFields(fieldsOf(&(*p)[i]))
		}
		return list
	}}
}

// namedField is for mappings by name, in the order of the document. checkName returns
// what is wrong with a name.
func namedField[T any](name string, p *[]T, nameOf func(*T) *string, checkName func(string) (problem string), fieldsOf func(*T) []docField, check func(v *T, r *docReader, n *docNode, path string)) docField {
	return docField{name, func(r *docReader, n *docNode, path string) {
		if !r.is(n, path, mapNode) {
			return
		}
		seen := map[string]bool{}
		for _, m := range n.members {
			at := joinPath(path, shownName(m.name))
			if problem := checkName(m.name); problem != "" {
				r.mistake(m.docPlace, at, "%s", problem)
			} else if seen[m.name] {
				r.mistake(m.docPlace, at, "is given twice")
			}
			seen[m.name] = true
			v := new(T)
			*nameOf(v) = m.name
			if m.value.kind != nullNode { // "acme:" is a company with nothing set
				r.object(m.value, at, fieldsOf(v))
			}
			if check != nil && (m.value.kind == mapNode || m.value.kind == nullNode) {
				check(v, r, m.value, at)
			}
			*p = append(*p, *v)
		}
	}, func() any {
		if len(*p) == 0 {
			return nil
		}
		var all yaml.MapSlice
		for i := range *p {
			all = append(all, yaml.MapItem{Key: *nameOf(&(*p)[i]), Value: shownFields(fieldsOf(&(*p)[i]))})
		}
		return all
	}}
}

// nestedField is for a mapping in a mapping.
func nestedField(name string, fields []docField) docField {
	return docField{name,
		func(r *docReader, n *docNode, path string) { r.object(n, path, fields) },
		func() any { return shownFields(fields) },
	}
}

// shownFields returns what fields hold, as a mapping in their order.
func shownFields(fields []docField) yaml.MapSlice {
	all := yaml.MapSlice{}
	for _, f := range fields {
		if v := f.show(); v != nil {
			all = append(all, yaml.MapItem{Key: f.name, Value: v})
		}
	}
	return all
}

package template

import (
	"strings"
	"unicode/utf8"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// jsonWalk is a pass over a JSON document whose tokens are masked, so that
// package jsonscan can read it. Letters mask a token between quotes, and a string
// masks any other one. A mask is as long as its token, so offsets do not change.
type jsonWalk struct {
	scan     jsonscan.Scanner
	masked   []byte
	offset   int       // where the document begins in the template's text
	template *Template // nil in a token's default, which holds no tokens
	tokens   []Token   // the tokens still to come
}

func checkJSON(t *Template) *Flaw {
	if at := invalidUTF8(t.text); at >= 0 {
		return &Flaw{Offset: at, Message: "invalid UTF-8"}
	}
	if strings.HasPrefix(t.text, "\ufeff") {
		return &Flaw{Message: "a byte order mark; leave it out"}
	}
	w := &jsonWalk{masked: maskJSON(t), template: t, tokens: t.tokens}
	return w.document()
}

// invalidUTF8 returns the place of the first byte that is not UTF-8, or -1 if
// there is none.
func invalidUTF8(text string) int {
	for at, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[at:], string(utf8.RuneError)) {
			return at
		}
	}
	return -1
}

func maskJSON(t *Template) []byte {
	masked := []byte(t.text)
	for i := range t.tokens {
		k := &t.tokens[i]
		for at := k.start; at < k.end; at++ {
			masked[at] = 'x'
		}
		if !k.quoted {
			masked[k.start], masked[k.end-1] = '"', '"'
		}
	}
	return masked
}

func (w *jsonWalk) document() *Flaw {
	w.scan.Reset(w.masked)
	if flaw := w.value(""); flaw != nil {
		return flaw
	}
	if err := w.scan.End(); err != nil {
		return w.fault(err.(*jsonscan.Error))
	}
	return nil
}

// value walks through one value. Member is the name of the innermost member that
// holds it.
func (w *jsonWalk) value(member string) *Flaw {
	switch w.scan.Kind() {
	case jsonscan.Object:
		return w.object()
	case jsonscan.Array:
		for w.scan.Enter(); w.scan.Next(); {
			if flaw := w.value(member); flaw != nil {
				return flaw
			}
		}
		return nil
	case jsonscan.String:
		return w.text(member)
	default:
		w.scan.Read()
		return nil
	}
}

func (w *jsonWalk) object() *Flaw {
	seen := make(map[string]bool)
	for w.scan.Enter(); w.scan.Next(); {
		if flaw := w.checkName(w.scan.NameOffset(), seen); flaw != nil {
			return flaw
		}
		if flaw := w.value(string(w.scan.Name())); flaw != nil || w.scan.Failed() {
			return flaw
		}
	}
	if !w.scan.Failed() {
		return nil
	}
	// Mistakes in a name come before mistakes after it.
	fault := w.scan.Err().(*jsonscan.Error)
	if k := w.nextBefore(fault.Offset); k != nil {
		return tokenInName(k)
	}
	if fault.Wanted == jsonscan.WantsColon {
		return w.checkName(w.scan.NameOffset(), seen)
	}
	return nil
}

// checkName refuses tokens in the name that begins at start, and a name that is
// given twice.
func (w *jsonWalk) checkName(start int, seen map[string]bool) *Flaw {
	end := start + len(`""`) + len(w.scan.RawName())
	if k := w.nextBefore(end); k != nil {
		return tokenInName(k)
	}
	if flaw := w.checkOpeners(start+1, end-1); flaw != nil {
		return flaw
	}
	name := string(w.scan.Name())
	if seen[name] {
		return &Flaw{Offset: w.offset + start, Message: "a name that this object has already"}
	}
	seen[name] = true
	return nil
}

func tokenInName(k *Token) *Flaw {
	if !k.quoted {
		return &Flaw{Offset: k.start, Message: "a token in place of a name; put the name in quotes"}
	}
	return &Flaw{Offset: k.start, Message: "a token in a name; names in JSON must be fixed"}
}

// text walks through a string, or a token in place of a value.
func (w *jsonWalk) text(member string) *Flaw {
	v := w.scan.Read()
	end := v.End + len(`"`)
	if v.Kind == jsonscan.Invalid {
		end = w.scan.Err().(*jsonscan.Error).Offset
	}
	isLiteral := true
	for k := w.nextBefore(end); k != nil; k = w.nextBefore(end) {
		w.tokens = w.tokens[1:]
		isLiteral = false
		if !k.quoted {
			k.setPlace(inJSON)
			return checkJSONFallback(k)
		}
		k.setPlace(inJSONString)
		if flaw := checkStringFallback(k); flaw != nil {
			return flaw
		}
	}
	if v.Kind == jsonscan.Invalid {
		return nil // document reports it
	}
	if flaw := w.checkOpeners(v.Start, v.End); flaw != nil || !isLiteral || w.template == nil {
		return flaw
	}
	value := w.masked[v.Start:v.End]
	if v.Escaped {
		value = jsonscan.AppendUnescaped(nil, value)
	}
	w.template.notePlaceholder(member, v.Start-1, string(value))
	if w.template.isLiteral(member) {
		return nil
	}
	return w.wholeUnset(v.Start, v.End)
}

// nextBefore returns the next token if it begins before end.
func (w *jsonWalk) nextBefore(end int) *Token {
	if len(w.tokens) == 0 || w.tokens[0].start >= end {
		return nil
	}
	return &w.tokens[0]
}

func (w *jsonWalk) checkOpeners(start, end int) *Flaw {
	if w.template == nil {
		return nil
	}
	return w.template.checkOpeners(start, end)
}

// wholeUnset refuses a string that as a whole is a token in a dialect that is not
// set.
func (w *jsonWalk) wholeUnset(start, end int) *Flaw {
	flaw := w.template.checkUnsetIn(start, end)
	if flaw != nil && flaw.Offset == start && strings.IndexAny(w.template.text[start:end], "}>") == end-start-1 {
		return flaw
	}
	return nil
}

// checkJSONFallback checks the default of a token in place of a value, which must
// be a JSON document.
func checkJSONFallback(k *Token) *Flaw {
	if !k.hasFallback {
		return nil
	}
	w := &jsonWalk{masked: []byte(k.fallback), offset: k.fallbackStart()}
	return w.document()
}

// checkStringFallback checks the default of a token in a string, which must be
// valid inside the string.
func checkStringFallback(k *Token) *Flaw {
	if !k.hasFallback {
		return nil
	}
	w := &jsonWalk{masked: []byte(`"` + k.fallback + `"`), offset: k.fallbackStart() - len(`"`)}
	w.scan.Reset(w.masked)
	closing := len(w.masked) - len(`"`)
	switch v := w.scan.Read(); {
	case v.Kind == jsonscan.Invalid:
		flaw := w.fault(w.scan.Err().(*jsonscan.Error))
		flaw.Offset = min(flaw.Offset, w.offset+closing)
		return flaw
	case v.End < closing:
		return w.faultAt(v.End, "a quote in a default, without a backslash")
	}
	return nil
}

func (w *jsonWalk) faultAt(at int, message string) *Flaw {
	for _, curly := range []string{"“", "”", "„", "‘", "’"} {
		if strings.HasPrefix(string(w.masked[at:]), curly) {
			message += `; curly quotes are not quotes, write "`
		}
	}
	return &Flaw{Offset: w.offset + at, Message: message}
}

// fault reports what package jsonscan found, in the place where the reader of the
// template expects it.
func (w *jsonWalk) fault(e *jsonscan.Error) *Flaw {
	switch e.Wanted {
	case jsonscan.WantsComma:
		closing := "]"
		if w.scan.InObject() {
			closing = "}"
		}
		return w.scalarFault(e.Offset, "a comma or "+closing+" is missing")
	case jsonscan.WantsEnd:
		return w.scalarFault(e.Offset, "text after the document")
	case jsonscan.WantsValue, jsonscan.WantsDigit:
		return w.scalarFault(e.Offset, "not a JSON value")
	case jsonscan.WantsName:
		return w.faultAt(e.Offset, "a name in quotes is missing")
	case jsonscan.WantsColon:
		return w.faultAt(e.Offset, "a colon is missing")
	case jsonscan.WantsQuote:
		return w.faultAt(e.Offset, "a string without its closing quote")
	}
	if e.Offset < len(w.masked) && w.masked[e.Offset] == '\\' {
		return w.faultAt(w.escapePlace(e.Offset+1), e.Message)
	}
	return w.faultAt(e.Offset, e.Message)
}

// scalarFault returns a fault next to a number or a word. If the number or word
// itself is wrong, the fault is where it begins.
func (w *jsonWalk) scalarFault(at int, message string) *Flaw {
	start, end := at, at
	for start > 0 && isScalarByte(w.masked[start-1]) {
		start--
	}
	for end < len(w.masked) && isScalarByte(w.masked[end]) {
		end++
	}
	if start < end && !isScalar(string(w.masked[start:end])) {
		return w.faultAt(start, "not a JSON value")
	}
	return w.faultAt(at, message)
}

// escapePlace returns the place of the wrong character in an escape that begins
// at a place.
func (w *jsonWalk) escapePlace(at int) int {
	if at == len(w.masked) || w.masked[at] != 'u' {
		return at
	}
	for at++; at < len(w.masked) && ascii.IsHex(w.masked[at]); at++ {
	}
	return at
}

func isScalarByte(b byte) bool { return ascii.IsWord(b) || b == '-' || b == '+' || b == '.' }

// isScalar reports whether text is a JSON number, true, false or null.
func isScalar(text string) bool { return jsonscan.IsLiteral(text) || jsonscan.IsNumber(text) }

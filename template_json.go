// Template: JSON documents with tokens in them.

package trackdrive

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// maxNesting bounds how deep lists and objects of a JSON template may go.
const maxNesting = 512

// tokenMark is what peek says of a token; no valid UTF-8 has this byte.
const tokenMark = 0xFF

// jsonCheck is a strict pass over a JSON document with tokens in it.
type jsonCheck struct {
	text     string
	pos      int
	tokens   []token // those still to come
	template *Template
	fallback bool   // it is a token's default, in which nothing is taken for a token
	member   string // the innermost one that the walk is in
}

func checkJSON(t *Template) *flaw {
	if at := invalidUTF8(t.text); at >= 0 {
		return &flaw{offset: at, message: "invalid UTF-8"}
	}
	return (&jsonCheck{text: t.text, tokens: t.tokens, template: t}).document()
}

// invalidUTF8 returns the place of the first byte that is not UTF-8, or -1.
func invalidUTF8(text string) int {
	for at, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[at:], string(utf8.RuneError)) {
			return at
		}
	}
	return -1
}

// peek returns the next byte: 0 at the end, tokenMark where a token stands.
func (c *jsonCheck) peek() byte {
	switch {
	case len(c.tokens) > 0 && c.tokens[0].start == c.pos:
		return tokenMark
	case c.pos == len(c.text):
		return 0
	}
	return c.text[c.pos]
}

// takeToken passes a token and sets its place.
func (c *jsonCheck) takeToken(p place) *token {
	k := &c.tokens[0]
	k.stand(p)
	c.pos = k.end
	c.tokens = c.tokens[1:]
	return k
}

func (c *jsonCheck) fail(message string) *flaw {
	for _, curly := range []string{"“", "”", "„", "‘", "’"} {
		if strings.HasPrefix(c.text[c.pos:], curly) {
			message += "; curly quotes are no quotes"
		}
	}
	return &flaw{offset: c.pos, message: message}
}

func (c *jsonCheck) blanks() {
	for {
		switch c.peek() {
		case ' ', '\t', '\r', '\n':
			c.pos++
		default:
			return
		}
	}
}

func (c *jsonCheck) document() *flaw {
	if f := c.value(0); f != nil {
		return f
	}
	if c.pos < len(c.text) {
		return c.fail("text behind the document")
	}
	return nil
}

// value passes one value and the blanks around it.
func (c *jsonCheck) value(depth int) *flaw {
	c.blanks()
	var f *flaw
	switch c.peek() {
	case tokenMark:
		f = c.wholeValue()
	case '{':
		f = c.object(depth + 1)
	case '[':
		f = c.list(depth + 1)
	case '"':
		f = c.stringValue()
	default:
		f = c.scalar()
	}
	c.blanks()
	return f
}

// wholeValue passes a token that stands for a value. Its default must be a
// document of its own.
func (c *jsonCheck) wholeValue() *flaw {
	k := c.takeToken(inJSON)
	if !k.hasFallback {
		return nil
	}
	end := k.fallbackStart() + len(k.fallback)
	return (&jsonCheck{text: c.text[:end], pos: k.fallbackStart(), template: c.template, fallback: true}).document()
}

func (c *jsonCheck) object(depth int) *flaw {
	seen := make(map[string]bool)
	return c.items('}', depth, func() *flaw {
		start := c.pos
		if c.peek() != '"' {
			return c.fail("a name in quotes is missing")
		}
		name, f := c.quoted(c.inKey)
		if f != nil {
			return f
		}
		if seen[name] {
			return &flaw{offset: start, message: "a name that this object has already"}
		}
		seen[name] = true
		c.blanks()
		if c.peek() != ':' {
			return c.fail("a colon is missing")
		}
		c.pos++
		outer := c.member
		c.member = name
		defer func() { c.member = outer }()
		return c.value(depth)
	})
}

func (c *jsonCheck) list(depth int) *flaw {
	return c.items(']', depth, func() *flaw { return c.value(depth) })
}

// items passes what stands between brackets or braces, with commas between.
func (c *jsonCheck) items(end byte, depth int, item func() *flaw) *flaw {
	if depth > maxNesting {
		return c.fail("nested too deep")
	}
	c.pos++
	c.blanks()
	if c.peek() == end {
		c.pos++
		return nil
	}
	for {
		c.blanks()
		if f := item(); f != nil {
			return f
		}
		switch c.peek() {
		case end:
			c.pos++
			return nil
		case ',':
			c.pos++
		default:
			return c.fail("a comma or " + string(rune(end)) + " is missing")
		}
	}
}

// stringValue passes a string that is no name.
func (c *jsonCheck) stringValue() *flaw {
	start, tokens := c.pos, len(c.tokens)
	text, f := c.quoted(c.inString)
	if f != nil || len(c.tokens) < tokens {
		return f
	}
	c.template.notePlaceholder(c.member, start, text)
	if c.fallback || c.template.isLiteral(c.member) {
		return nil
	}
	return c.wholeUnset(start+len(`"`), c.pos-len(`"`))
}

// wholeUnset refuses a string that is, as a whole, a token in a dialect that is
// not set.
func (c *jsonCheck) wholeUnset(start, end int) *flaw {
	f := c.template.checkUnsetIn(start, end)
	if f != nil && f.offset == start && strings.IndexAny(c.text[start:end], "}>") == end-start-1 {
		return f
	}
	return nil
}

// quoted passes a string and returns its text, as far as no tokens are in it.
// The argument passes such a token.
func (c *jsonCheck) quoted(token func() *flaw) (text string, f *flaw) {
	start, tokens := c.pos, len(c.tokens)
	c.pos++
	if f := c.characters(token); f != nil {
		return "", f
	}
	if c.peek() != '"' {
		return "", c.fail("a string without its closing quote")
	}
	if f := c.template.checkOpeners(start+1, c.pos); f != nil && !c.fallback {
		return "", f
	}
	c.pos++
	if len(c.tokens) < tokens {
		return "", nil
	}
	return unquoteJSON(c.text[start:c.pos]), nil
}

// characters passes the inside of a string.
func (c *jsonCheck) characters(token func() *flaw) *flaw {
	for {
		var f *flaw
		switch b := c.peek(); {
		case b == tokenMark:
			f = token()
		case b == '"', b == 0 && c.pos == len(c.text):
			return nil
		case b == '\\':
			f = c.escape()
		case b < ' ':
			f = c.fail("a control character in a string")
		default:
			c.pos++
		}
		if f != nil {
			return f
		}
	}
}

// inString passes a token in a string. Its default must be characters of a
// string.
func (c *jsonCheck) inString() *flaw {
	k := c.takeToken(inJSONString)
	if !k.hasFallback {
		return nil
	}
	end := k.fallbackStart() + len(k.fallback)
	inside := &jsonCheck{text: c.text[:end], pos: k.fallbackStart(), template: c.template, fallback: true}
	if f := inside.characters(nil); f != nil {
		return f
	}
	if inside.pos < end {
		return inside.fail("a quote in a default, without a backslash")
	}
	return nil
}

func (c *jsonCheck) inKey() *flaw { return c.fail("a token in a name") }

func (c *jsonCheck) escape() *flaw {
	c.pos++
	if c.peek() != 'u' {
		if !strings.ContainsRune(`"\/bfnrt`, rune(c.peek())) {
			return c.fail("no such escape")
		}
		c.pos++
		return nil
	}
	for range 4 {
		c.pos++
		if !ascii.IsHex(c.peek()) {
			return c.fail("no four hex digits")
		}
	}
	c.pos++
	return nil
}

// scalar passes a number or a word.
func (c *jsonCheck) scalar() *flaw {
	start := c.pos
	for isScalarByte(c.peek()) {
		c.pos++
	}
	if !isScalar(c.text[start:c.pos]) {
		c.pos = start
		return c.fail("no JSON value")
	}
	return nil
}

func isScalarByte(b byte) bool { return ascii.IsWord(b) || b == '-' || b == '+' || b == '.' }

// isScalar reports whether text is a JSON number, true, false or null.
func isScalar(text string) bool { return jsonscan.IsLiteral(text) || jsonscan.IsNumber(text) }

// unquoteJSON decodes a string that was found valid.
func unquoteJSON(quoted string) string {
	if !strings.Contains(quoted, `\`) {
		return quoted[1 : len(quoted)-1]
	}
	var text string
	_ = json.Unmarshal([]byte(quoted), &text) // it is valid
	return text
}

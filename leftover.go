// Left-over tokens: values that some platform should have replaced, and did
// not.

package trackdrive

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// placeholders are what the platforms' documents ask their readers to replace.
// They write some of them in curly braces.
var placeholders = []string{
	"TEMPLATE_TRACKDRIVE_NUMBER",
	"TRACKDRIVE_SUBDOMAIN_HERE",
	"TRACKDRIVE_CALL_UUID_HERE",
	"TRACKDRIVE_CALL_UUID",
	"BASIC_AUTH_PASSWORD_HERE",
}

// replaceMe begins a placeholder that goes on with advice to the reader.
const replaceMe = "REPLACE_ME"

// LeftoverToken reports whether text, as a whole, is a token that some platform
// should have replaced, or a placeholder of the documents ("REPLACE_ME…"):
// what typed requests and webhooks refuse to send, with [ErrLeftoverToken]. A
// program can ask it to clean optional fields itself.
//
// A token is a name in [ ], [[ ]], {{ }}, { }, < > or --A-- --B--. The name
// begins with a letter or "_" and goes on with letters, digits and any of
// "_:.|-"; a blank may only follow a colon ([tag:Address:Zip 5]). Capitals alone
// ([ACME]), the words of JSON, and the words that web forms fill in ([unknown],
// [redacted], [not provided]) are not tokens, and neither is text that only
// contains one.
func LeftoverToken(text string) bool { return leftoverToken(text) }

// WithLiteral names fields of typed requests whose values are sent as they
// are, even where [LeftoverToken] takes one for a token: {"company": "[acme]"}.
// A field is a parameter or one of Fields, by its name on the wire, with
// everything that is nested in it; or a contact field of post_call_tokens or
// data, by its own name. Case counts, and a dot or bracket is a character like
// any other.
//
// The values of caller_id, ping_id, buyer_id and lead_token are always looked
// at; naming one of these is [ErrInvalidArgument]. Webhooks are not typed
// requests.
func WithLiteral(fields ...string) Option {
	return clientOption(func(s *clientSettings) error {
		literal := make(map[string]bool, len(s.literal)+len(fields))
		maps.Copy(literal, s.literal)
		for _, field := range fields {
			switch {
			case field == "":
				return invalidArgument("WithLiteral", "a field's name is empty")
			case slices.Contains(neverLiteral, ascii.Lower(rootOf(field))):
				return invalidArgument("WithLiteral", "%s cannot be literal: a token in its place would reach the market", field)
			}
			literal[field] = true
		}
		s.literal = literal
		return nil
	})
}

// neverLiteral are the parameters that name a caller, a bid or an account.
var neverLiteral = []string{"caller_id", "ping_id", "buyer_id", "lead_token"}

// leftoverField names the first text that is a left-over token in what is sent
// of a field's value; "" for none.
func leftoverField(name string, value any) string {
	switch v := value.(type) {
	case string:
		if leftoverToken(v) {
			return name
		}
	case ID:
		return leftoverField(name, string(v))
	case []wireField:
		return leftoverIn(name, v, nil)
	case []any:
		for i, element := range v {
			if leftover := leftoverField(name+"["+strconv.Itoa(i)+"]", element); leftover != "" {
				return leftover
			}
		}
	}
	return ""
}

// leftoverIn is leftoverField for a hash, but for its literal members.
func leftoverIn(name string, hash []wireField, literal map[string]bool) string {
	for _, member := range hash {
		if literal[member.name] {
			continue
		}
		if leftover := leftoverField(name+"["+member.name+"]", member.value); leftover != "" {
			return leftover
		}
	}
	return ""
}

// leftoverToken reports whether value, as a whole, is a token or a placeholder
// of the documents. Text that holds one, or that only has brackets ("[1,2]",
// "[]"), is neither.
func leftoverToken(value string) bool {
	if value == "" {
		return false
	}
	switch value[0] {
	case '[', '-', '<':
		return isToken(value)
	case '{':
		return isToken(value) || isBracedPlaceholder(value)
	case 'B', 'R', 'T':
		return isPlaceholder(value)
	}
	return false
}

// tokenDelimiters stand around a left-over token; the longest come first.
var tokenDelimiters = [...]struct{ open, close string }{
	{"--A--", "--B--"}, {"{{{", "}}}"}, {"{{", "}}"}, {"[[", "]]"}, {"[", "]"}, {"{", "}"}, {"<", ">"},
}

// isToken reports whether text is exactly one token.
func isToken(text string) bool {
	if token := cutDefault(text); token != text {
		body := token[len("[") : len(token)-len("]")]
		return DialectRingba.isBody(body) && !jsonscan.IsLiteral(body)
	}
	for _, d := range &tokenDelimiters {
		name, opened := strings.CutPrefix(text, d.open)
		name, closed := strings.CutSuffix(name, d.close)
		if !opened || !closed {
			continue
		}
		if d.open[0] == '{' && len(d.open) > 1 {
			name = strings.Trim(name, " ")
		}
		return isLeftoverName(name) && !strings.Contains(name, d.close)
	}
	return false
}

// isLeftoverName reports whether text reads like a token's name, and not like
// what people and web forms write in brackets.
func isLeftoverName(text string) bool {
	if text == "" || !startsName(text[0]) {
		return false
	}
	grouped, shouts := false, true
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z':
			shouts = false
		case ascii.IsLetter(c), ascii.IsDigit(c):
		case c == ' ' && grouped:
		case ascii.IsOneOf("_:.|-", c):
			grouped = grouped || c == ':'
			shouts = false
		default:
			return false
		}
	}
	return !shouts && !jsonscan.IsLiteral(text) && !isFiller(text)
}

// isFiller reports whether text is what web forms and exports write in place
// of a value.
func isFiller(text string) bool {
	return slices.ContainsFunc(fillers, func(word string) bool { return strings.EqualFold(word, text) })
}

var fillers = []string{
	"unknown", "redacted", "none", "null", "na", "provided", "hidden", "private", "blocked", "anonymous", "empty",
	"removed", "deleted", "test", "withheld",
}

// cutDefault drops the default of [name]{default}.
func cutDefault(text string) string {
	token, rest, found := strings.Cut(text, "]{")
	fallback, behind, closed := strings.Cut(rest, "}")
	if !found || !closed || behind != "" || strings.HasPrefix(fallback, "{") || !strings.HasPrefix(token, "[") {
		return text
	}
	return text[:len(token)+1]
}

func isPlaceholder(text string) bool {
	return strings.HasPrefix(text, replaceMe) || slices.Contains(placeholders, text)
}

func isBracedPlaceholder(text string) bool {
	return text[len(text)-1] == '}' && isPlaceholder(text[1:len(text)-1])
}

// leftoverMistakes are mistakes of which one is a left-over token. It is
// ErrLeftoverToken and a *ParseError.
type leftoverMistakes struct{ parse *ParseError }

func (e leftoverMistakes) Error() string {
	return ErrLeftoverToken.Error() + ": " + joinReasons(e.parse.Mistakes)
}

func (e leftoverMistakes) Unwrap() []error { return []error{ErrLeftoverToken, e.parse} }

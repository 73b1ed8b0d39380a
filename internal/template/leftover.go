package template

import (
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// knownPlaceholders are the texts that the platforms' documents ask their readers
// to replace. Some of them are in curly braces there.
var knownPlaceholders = []string{
	"TEMPLATE_TRACKDRIVE_NUMBER",
	"TRACKDRIVE_SUBDOMAIN_HERE",
	"TRACKDRIVE_CALL_UUID_HERE",
	"TRACKDRIVE_CALL_UUID",
	"BASIC_AUTH_PASSWORD_HERE",
}

// replaceMe begins a placeholder that continues with advice to the reader.
const replaceMe = "REPLACE_ME"

// IsLeftover reports whether value as a whole is a token, or a placeholder of the
// platforms' documents. It is false for text that merely contains one, and for
// other text in brackets ("[1,2]", "[]").
func IsLeftover(value string) bool {
	if value == "" {
		return false
	}
	switch value[0] {
	case '[', '-', '<':
		return isToken(value)
	case '{':
		return isToken(value) || isBracedPlaceholder(value)
	case 'B', 'R', 'T':
		return IsPlaceholder(value)
	}
	return false
}

// tokenDelimiters are the delimiters of left-over tokens, the longest first.
var tokenDelimiters = [...]struct{ open, close string }{
	{"--A--", "--B--"}, {"{{{", "}}}"}, {"{{", "}}"}, {"[[", "]]"}, {"[", "]"}, {"{", "}"}, {"<", ">"},
}

// isToken reports whether text is exactly one token.
func isToken(text string) bool {
	if token := cutDefault(text); token != text {
		body := token[len("[") : len(token)-len("]")]
		return Ringba.IsBody(body) && !jsonscan.IsLiteral(body)
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

// isLeftoverName reports whether text looks like a token's name, and not like
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

// isFiller reports whether text is one that web forms and exports write in place
// of a value.
func isFiller(text string) bool {
	return slices.ContainsFunc(fillerWords, func(word string) bool { return strings.EqualFold(word, text) })
}

var fillerWords = []string{
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

// IsPlaceholder reports whether text is one that a document asks its reader to
// replace.
func IsPlaceholder(text string) bool {
	return strings.HasPrefix(text, replaceMe) || slices.Contains(knownPlaceholders, text)
}

func isBracedPlaceholder(text string) bool {
	return text[len(text)-1] == '}' && IsPlaceholder(text[1:len(text)-1])
}

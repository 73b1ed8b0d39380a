// Left-over tokens: values that some platform should have replaced, and did
// not.

package trackdrive

import (
	"slices"
	"strings"
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

// leftoverToken reports whether value, as a whole, is a token of a default
// dialect or a placeholder of the documents. Text that holds one, or that only
// has brackets ("[1,2]", "[]"), is neither.
func leftoverToken(value string) bool {
	if value == "" {
		return false
	}
	switch value[0] {
	case '[', '-':
		return isToken(value)
	case '{':
		return isToken(value) || isBracedPlaceholder(value)
	case 'B', 'R', 'T':
		return isPlaceholder(value)
	}
	return false
}

// isToken reports whether text is exactly one token of a default dialect.
func isToken(text string) bool {
	withoutDefault := cutDefault(text)
	for i := range defaultDialects {
		d := &defaultDialects[i]
		whole := text
		if d.hasSingleBrackets() {
			whole = withoutDefault
		}
		body, opened := strings.CutPrefix(whole, d.open)
		body, closed := strings.CutSuffix(body, d.close)
		if opened && closed && d.isBody(body) && !(isJSONWord(body) && d.looksLikeList()) {
			return true
		}
	}
	return false
}

// cutDefault drops the default of [name]{default}.
func cutDefault(text string) string {
	token, rest, found := strings.Cut(text, "]{")
	fallback, behind, closed := strings.Cut(rest, "}")
	if !found || !closed || behind != "" || strings.HasPrefix(fallback, "{") {
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

// Left-over tokens: values that a platform should have replaced.

package trackdrive

import (
	"strconv"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/template"
)

// LeftoverToken reports whether the whole text is a token that a platform should
// have replaced, or a placeholder from the documentation ("REPLACE_ME…"). Typed
// requests and webhooks refuse to send one, with [ErrLeftoverToken]; use
// LeftoverToken to clean optional fields beforehand.
//
// A token is a name in [ ], [[ ]], {{ }}, { }, < > or --A-- --B--. The name
// begins with a letter or "_" and goes on with letters, digits and any of
// "_:.|-"; a blank may only follow a colon ([tag:Address:Zip 5]). Capitals alone
// ([ACME]), the words of JSON, and the words that web forms fill in ([unknown],
// [redacted], [not provided]) are not tokens, and neither is longer text that
// contains one.
func LeftoverToken(text string) bool { return template.IsLeftover(text) }

// checkParamText refuses text that is not valid UTF-8 or is still a token.
func checkParamText(name, text string) error {
	if err := checkParamUTF8(name, text); err != nil {
		return err
	}
	if template.IsLeftover(text) {
		return leftoverError(quoteName(name))
	}
	return nil
}

// leftoverField names the first text that is a left-over token in what is sent
// of a field's value; "" if there is none.
func leftoverField(name string, value any) string {
	switch v := value.(type) {
	case string:
		if template.IsLeftover(v) {
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

// leftoverIn is leftoverField for a hash without its literal members.
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

// neverLiteral are the parameters that name a caller, a bid or an account.
var neverLiteral = []string{"caller_id", "ping_id", "buyer_id", "lead_token"}

// rootOf returns the name without a form's brackets.
func rootOf(name string) string {
	root, _, _ := strings.Cut(name, "[")
	return root
}

// leftoverMistakes is the error for mistakes that include a left-over token. It is
// ErrLeftoverToken and a *ParseError.
type leftoverMistakes struct{ parse *ParseError }

func (e leftoverMistakes) Error() string {
	return ErrLeftoverToken.Error() + ": " + e.parse.reasons()
}

func (e leftoverMistakes) Unwrap() []error { return []error{ErrLeftoverToken, e.parse} }

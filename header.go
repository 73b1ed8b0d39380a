// Headers: which names and values may be sent, and the schemes of Authorization.

package trackdrive

import (
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
)

// namedText is a header or a parameter.
type namedText struct{ name, text string }

func setText(list []namedText, name, text string) []namedText {
	for i := range list {
		if list[i].name == name {
			list[i].text = text
			return list
		}
	}
	return append(list, namedText{name, text})
}

// ownHeaders lists headers that an authenticator cannot set, because they would
// change what is sent, or how often: with Idempotency-Key, net/http resends on a
// dead connection.
var ownHeaders = []string{
	"Accept", "Accept-Encoding", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Expect", "Host",
	"Idempotency-Key", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent", "X-Idempotency-Key",
}

func isHeaderName(name string) bool {
	for i := range len(name) {
		if c := name[i]; !ascii.IsLetter(c) && !ascii.IsDigit(c) && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return name != ""
}

// isHeaderValue reports whether value is printable ASCII, is not empty, and has no
// leading or trailing blanks.
func isHeaderValue(value string) bool {
	for i := range len(value) {
		if value[i] < ' ' || value[i] > '~' {
			return false
		}
	}
	return value != "" && value[0] != ' ' && value[len(value)-1] != ' '
}

// authSchemes are the words that may begin an Authorization header.
var authSchemes = []string{"Basic", "Token", "Bearer"}

// cutScheme returns value without a leading scheme word and the blanks after it.
func cutScheme(value, scheme string) (rest string, found bool) {
	if len(value) <= len(scheme) || !strings.EqualFold(value[:len(scheme)], scheme) || value[len(scheme)] != ' ' {
		return value, strings.EqualFold(value, scheme)
	}
	return strings.TrimLeft(value[len(scheme):], " "), true
}

func hasScheme(value string) bool {
	for _, scheme := range authSchemes {
		if _, found := cutScheme(value, scheme); found {
			return true
		}
	}
	return false
}

func repeatsScheme(value string) bool {
	for _, scheme := range authSchemes {
		if rest, found := cutScheme(value, scheme); found {
			return hasScheme(rest)
		}
	}
	return false
}

func hasName(list []namedText, name string) bool {
	return slices.ContainsFunc(list, func(t namedText) bool { return t.name == name })
}

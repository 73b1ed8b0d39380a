package redact

import (
	"slices"
	"strings"
)

// IsCredentialName reports whether a parameter, member, header or token of this
// name holds a credential: lead_token, X-Api-Key, clientSecret,
// data[auth_token], tag:User:password. Case does not count, nor what separates
// the words, nor a number after one.
//
// TrackDrive calls contact fields tokens: tokens, post_call_tokens and
// token_values are none.
func IsCredentialName[T string | []byte](name T) bool {
	return hasCredentialStem(name) && isCredentialName(string(name))
}

func isCredentialName(name string) bool {
	words := splitWords(name, false)
	if isCredential(words) {
		return true
	}
	humps := splitWords(name, true)
	return len(humps) > len(words) && isCredential(humps)
}

// hasCredentialStem reports whether name has something that each name of a
// credential has. Few names do, and most need no further look. Of letters that
// are not ASCII it is not known how they fold.
func hasCredentialStem[T string | []byte](name T) bool {
	for i := range len(name) {
		if name[i] >= 0x80 {
			return true
		}
		for _, stem := range stemsByFirst[name[i]|0x20] {
			if len(name)-i >= len(stem) && equalsFolded(name[i:i+len(stem)], stem) {
				return true
			}
		}
	}
	return false
}

// equalsFolded compares ASCII text, of the same length, with letters in lower
// case.
func equalsFolded[T string | []byte](text T, lower string) bool {
	for i := range len(lower) {
		if text[i]|0x20 != lower[i] {
			return false
		}
	}
	return true
}

// stemsByFirst has the stems of the words below, by their first letter.
var stemsByFirst = [256][]string{
	'a': {"auth"}, 'b': {"bearer"}, 'c': {"cookie", "cred"}, 'j': {"jwt"}, 'k': {"key"},
	'p': {"pass", "pwd"}, 's': {"secret"}, 't': {"token"},
}

// credentialWords make a credential of every name that they are in.
var credentialWords = []string{
	"auth", "oauth", "authorization", "bearer", "cookie", "cred", "creds", "credential", "credentials", "jwt",
	"passcode", "passphrase", "pwd", "secret", "secrets",
}

// credentialParts do so as a part of a word, too.
var credentialParts = []string{"token", "password", "passwd", "apikey"}

// credentialEndings do so where a name ends in them.
var credentialEndings = []string{"key", "keys", "secret", "authorization", "credential", "credentials"}

// ownersOfTokens are whose tokens, in the plural, are credentials.
var ownersOfTokens = []string{
	"access", "api", "auth", "bearer", "developer", "lead", "offer", "private", "refresh", "schedule", "security", "session", "webhook",
}

func isCredential(words []string) bool {
	for i, word := range words {
		switch {
		case slices.Contains(credentialWords, word):
			return true
		case word == "tokens":
			if i > 0 && slices.Contains(ownersOfTokens, words[i-1]) {
				return true
			}
		case word == "token" && i+1 < len(words) && strings.HasPrefix(words[i+1], "value"):
			// token_values: contact fields
		case slices.ContainsFunc(credentialParts, func(part string) bool { return strings.Contains(word, part) }):
			return true
		}
	}
	if len(words) == 0 {
		return false
	}
	last := words[len(words)-1]
	return last == "pass" || slices.ContainsFunc(credentialEndings, func(end string) bool { return strings.HasSuffix(last, end) })
}

// splitWords splits a name into words in lower case, without digits; with humps
// also before upper case: APIKey is API and Key.
func splitWords(name string, humps bool) []string {
	var words []string
	start := 0
	end := func(i int) {
		if i > start {
			words = append(words, strings.ToLower(name[start:i]))
		}
		start = i
	}
	for i := range len(name) {
		switch c := name[i]; {
		case !isLetter(c):
			end(i)
			start = i + 1
		case humps && isUpper(c) && i > start && (!isUpper(name[i-1]) || i+1 < len(name) && isLetter(name[i+1]) && !isUpper(name[i+1])):
			end(i)
		}
	}
	end(len(name))
	return words
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c >= 0x80 }
func isUpper(c byte) bool  { return 'A' <= c && c <= 'Z' }

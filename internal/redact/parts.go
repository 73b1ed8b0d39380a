package redact

import (
	"encoding/base64"
	"strings"
)

// AppendParts appends a credential and its parts: the token after a scheme word,
// both halves of a Basic pair, the values of "token=abc; user=def".
func AppendParts(list []string, text string) []string {
	list = append(list, text)
	token := text
	if _, after, found := strings.Cut(text, " "); found {
		token = after
		list = append(list, token)
	}
	if plain, err := base64.StdEncoding.DecodeString(token); err == nil && isPrintable(plain) {
		public, private, _ := strings.Cut(string(plain), ":")
		list = append(list, string(plain), public, private)
	}
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(" ,;", r) }) {
		if _, value, isPair := strings.Cut(part, "="); isPair {
			list = append(list, strings.Trim(value, `"`))
		}
	}
	return list
}

func isPrintable(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

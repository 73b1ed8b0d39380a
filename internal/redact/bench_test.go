package redact_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/trackdrive-go/trackdrive/internal/redact"
)

// manySecrets are the secrets of a call with many parts. Some of them could make
// a naive search look at the same text again and again.
func manySecrets() []string {
	list := []string{
		strings.Repeat("a", 40) + "b", `"\%&aaaaaa`, "made-up-key", strings.Repeat("ab", 500), strings.Repeat("%25", 100) + "x",
		strings.Repeat("A", 63) + "=", "Basic bWFkZS11cDprZXktMQ==", "&amp;#37;25&amp;",
	}
	for i := range 8 {
		list = append(list, fmt.Sprintf("%032x", 0x9e3779b97f4a7c15*uint64(i+1)))
	}
	return list
}

// hostileTexts are replies of about size bytes that are made to take long to
// search.
func hostileTexts(size int) map[string]string {
	texts := make(map[string]string)
	for name, unit := range map[string]string{
		"a": "a", "ab": "ab", "percent": "%", "percent 25": "%25", "percent 61": "%61", "layers": "%25252541", "backslash": `\`, "unicode": `\u0061`,
		"half": `\u00`, "entity": "&#97;", "amp": "&amp;", "all": `%25\u0026amp;`, "nested": `%5Cu0025`, "surrogates": `\ud83d`, "zero": "\x00",
		"high": "\xff", "base64": "QUFB", "hex": "61", "list": "97, ", "nearly": strings.Repeat("a", 39) + "c", "secret": "made-up-key",
	} {
		texts[name] = strings.Repeat(unit, size/len(unit))
	}
	third := size / 3
	texts["chains"] = "%" + strings.Repeat("25", third/2) + "&" + strings.Repeat("amp;", third/4) + `\` + strings.Repeat("u005c", third/5)
	texts["crossed chains"] = "%" + strings.Repeat("25", third/2) + "&" + strings.Repeat("amp;", third/4) + `\` + strings.Repeat("u005c", third/5) + `%5cu0026#37;5c`
	return texts
}

func BenchmarkStart(b *testing.B) {
	for name, text := range hostileTexts(1 << 20) {
		b.Run(name, func(b *testing.B) {
			body := []byte(text)
			for b.Loop() {
				secrets(manySecrets()...).Start(body, 4096)
			}
		})
	}
}

func BenchmarkText(b *testing.B) {
	for name, text := range hostileTexts(1 << 20) {
		b.Run(name, func(b *testing.B) {
			s := secrets(manySecrets()...)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				s.Text(text)
			}
		})
	}
}

// BenchmarkRefusal measures the cost of an ordinary refusal.
func BenchmarkRefusal(b *testing.B) {
	body := []byte(`{"success":false,"status":"no_matching_buyer","errors":["No buyers are available for this call right now"],"buyers":[]}`)
	for b.Loop() {
		s := new(redact.Secrets)
		s.Add("Basic bWFkZS11cDprZXktMQ==", "bWFkZS11cDprZXktMQ==", "made-up:key-1", "made-up", "key-1")
		s.Text("no_matching_buyer")
		s.Text("No buyers are available for this call right now")
		s.Start(body, 4096)
	}
}

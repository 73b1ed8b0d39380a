package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/valyala/fasttemplate"

	"github.com/trackdrive-go/trackdrive"
)

func compareExpansions(b *benchRun) {
	for _, tokens := range []int{3, 10, 50} {
		b.contest(fmt.Sprintf("AppendExpand, JSON, %d tokens", tokens),
			expansionEntries(trackdrive.FormatJSON, tokens, "{", `"%s":"[%s]"`, ",", "}"))
		b.contest(fmt.Sprintf("AppendExpand, URL, %d tokens", tokens),
			expansionEntries(trackdrive.FormatURL, tokens, "https://acme.trackdrive.com/api/v1/leads?", "%s=[%s]", "&", ""))
	}
}

// awkwardValues need escapes in a URL, three of the five.
var awkwardValues = []string{"+15555550142", "Pat", "90210", "https://example.com/a?b=c", "2026-01-15 10:30:00"}

// expansionEntries expand a template of so many members. The format of a member
// takes its name twice.
func expansionEntries(format trackdrive.Format, tokens int, start, member, separator, end string) []contestEntry {
	values := make(map[string]string)
	var pairs, members []string
	for i := range tokens {
		name := fmt.Sprintf("field_%d", i)
		values[name] = awkwardValues[i%len(awkwardValues)]
		pairs = append(pairs, "["+name+"]", values[name])
		members = append(members, fmt.Sprintf(member, name, name))
	}
	text := start + strings.Join(members, separator) + end
	template, err := trackdrive.ParseTemplate(format, text)
	must(err)
	fast := fasttemplate.New(text, "[", "]")
	replacer := strings.NewReplacer(pairs...)
	lookup := func(name string) (string, bool) { v, ok := values[name]; return v, ok }
	return []contestEntry{
		{"trackdrive", func(times int) {
			dst := make([]byte, 0, 16<<10)
			for range times {
				_, err := template.AppendExpand(dst, lookup)
				must(err)
			}
		}},
		{peerFasttemplate, func(times int) {
			w := &reusedBuffer{make([]byte, 0, 16<<10)}
			for range times {
				w.b = w.b[:0]
				_, err := fast.ExecuteFunc(w, func(w io.Writer, name string) (int, error) {
					return io.WriteString(w, values[name])
				})
				must(err)
			}
		}},
		{peerReplacer, func(times int) {
			w := &reusedBuffer{make([]byte, 0, 16<<10)}
			for range times {
				w.b = w.b[:0]
				_, err := replacer.WriteString(w, text)
				must(err)
			}
		}},
	}
}

// A reusedBuffer has room for what is written.
type reusedBuffer struct{ b []byte }

func (w *reusedBuffer) Write(p []byte) (int, error) { w.b = append(w.b, p...); return len(p), nil }
func (w *reusedBuffer) WriteString(s string) (int, error) {
	w.b = append(w.b, s...)
	return len(s), nil
}

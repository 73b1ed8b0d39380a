// Package replydoc makes JSON documents of replies that are XML, plain text or
// forms, so that criteria and paths read them like any other. It is strict: a reply
// that is not exactly what it should be is an error, never half a document.
//
// A document is at most [Limit] bytes long, as the reply is, in UTF-8. A conversion
// allocates less than four times that.
package replydoc

import (
	"bytes"
	"errors"
	"regexp"
	"slices"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// Limit is the greatest length of a reply and of its document, in bytes.
const Limit = 1 << 20

var (
	errEmpty    = errors.New("the reply is empty")
	errEncoding = errors.New("the reply is not in its encoding, or in one that is not supported")
	errTooLarge = errors.New("the reply is too large")
	errTooDeep  = errors.New("the reply is nested too deep")
)

// Text makes the document {"text": ...} of a plain text, which it trims. The named
// groups of a pattern that matches are members, too; a group that takes no part in
// the match is not. The pattern may be nil. The charset is the one that the reply's
// Content-Type names, or "".
func Text(body []byte, charset string, capture *regexp.Regexp) ([]byte, error) {
	text, err := decodeText(body, charset)
	if err != nil {
		return nil, err
	}
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return nil, errEmpty
	}
	var w documentWriter
	w.begin(len(text))
	w.raw(`{"text":`)
	w.quoted(text)
	if capture != nil {
		at := capture.FindSubmatchIndex(text)
		for i, name := range capture.SubexpNames() {
			if name != "" && at != nil && at[2*i] >= 0 {
				w.raw(",")
				w.quoted([]byte(name))
				w.raw(":")
				w.quoted(text[at[2*i]:at[2*i+1]])
			}
		}
	}
	w.raw("}")
	return w.out, w.err
}

// IsMarkup reports whether a reply begins like XML, in any encoding.
func IsMarkup(body []byte) bool {
	const before = " \t\r\n\x00\ufeff\ufffd" // U+FFFD stands for the bytes of a mark in UTF-16
	return bytes.HasPrefix(bytes.TrimLeft(body, before), []byte("<"))
}

// documentWriter writes a document. It never has room for more than Limit bytes.
type documentWriter struct {
	out []byte
	err error // errTooLarge, or the first other mistake
}

// begin makes room for a document of a reply of this length. Few need more.
func (w *documentWriter) begin(length int) {
	const braces = 64
	w.out = make([]byte, 0, min(length+braces, Limit))
}

func (w *documentWriter) raw(json string) {
	if w.room(len(json)) {
		w.out = append(w.out, json...)
	}
}

// quoted writes a string.
func (w *documentWriter) quoted(text []byte) {
	w.raw(`"`)
	w.escaped(text)
	w.raw(`"`)
}

// escaped writes a part of a string.
func (w *documentWriter) escaped(text []byte) {
	if w.room(escapedLen(text)) {
		w.out = jsonscan.AppendEscaped(w.out, string(text))
	}
}

// room makes room for n more bytes.
func (w *documentWriter) room(n int) bool {
	need := len(w.out) + n
	switch {
	case need > Limit:
		w.fail(errTooLarge)
	case need > cap(w.out):
		w.out = append(make([]byte, 0, min(2*need, Limit)), w.out...)
	}
	return w.err == nil
}

func (w *documentWriter) fail(err error) {
	if w.err == nil {
		w.out, w.err = nil, err
	}
}

// escapedLen returns how long jsonscan.AppendEscaped writes a text.
func escapedLen(text []byte) int {
	n := len(text)
	for _, c := range text {
		switch {
		case c == '"', c == '\\', c == '\b', c == '\f', c == '\n', c == '\r', c == '\t':
			n++
		case c < ' ':
			n += len(`\u0000`) - 1
		}
	}
	return n
}

// groupNames sorts indexes by name and then by place, and calls same for each two
// that follow one another and have the same name.
func groupNames(indexes []int32, compare func(a, b int32) int, same func(earlier, later int32)) {
	slices.SortFunc(indexes, func(a, b int32) int {
		if order := compare(a, b); order != 0 {
			return order
		}
		return int(a - b)
	})
	for i := 1; i < len(indexes); i++ {
		if compare(indexes[i-1], indexes[i]) == 0 {
			same(indexes[i-1], indexes[i])
		}
	}
}

package replydoc_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/replydoc"
)

// requireDocument checks what is true of every conversion, and returns the
// document's value.
func requireDocument(t *testing.T, document []byte, err error) (value map[string]any) {
	t.Helper()
	if err != nil {
		require.Nil(t, document)
		return nil
	}
	require.NoError(t, jsonscan.Valid(document))
	require.LessOrEqual(t, len(document), replydoc.Limit)
	require.NoError(t, json.Unmarshal(document, &value))
	return value
}

// Package encoding/xml reads the same, except where this package is stricter.
func FuzzXML(f *testing.F) {
	for _, reply := range samples(f, "*.xml") {
		f.Add(reply, "")
	}
	for _, text := range []string{
		"<r a='1' b:a=' 2'>x<b/>y<![CDATA[z]]><!-- c --><b>&lt;&#65;</b></r>", "<?xml version='1.0' encoding='ISO-8859-1'?><r>\xfc</r>", "<r xmlns='u' xmlns:p='v'><p:a p:b='1'/></r>",
		"<!DOCTYPE r PUBLIC 'a' 'b'><r/>", "<r>\r\n a\r</r>", utf16Of("<r>ü</r>", true), utf16Of("<r/>", false), "<r>", "<r/><r/>", "", "x",
	} {
		f.Add([]byte(text), "")
	}
	f.Add([]byte("<r>\x80</r>"), "windows-1252")
	f.Fuzz(func(t *testing.T, reply []byte, charset string) {
		document, err := replydoc.XML(reply, charset)
		got := requireDocument(t, document, err)
		if err != nil {
			return
		}
		for _, length := range []int{len(reply) / 3, len(reply) / 2, bytes.LastIndexByte(reply, '>')} {
			_, err := replydoc.XML(reply[:length], charset)
			require.Error(t, err, "cut at %d", length)
		}
		if !utf8.Valid(reply) || charset != "" || bytes.Contains(reply, []byte("encoding")) || bytes.Contains(reply, []byte("1.1")) {
			return
		}
		want, err := standardXML(bytes.TrimPrefix(reply, []byte("\ufeff")))
		if err != nil && !isASCII(reply) {
			return // the letters of names differ
		}
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func isASCII(text []byte) bool {
	return bytes.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

// standardXML is replydoc.XML by package encoding/xml.
func standardXML(reply []byte) (map[string]any, error) {
	type element struct {
		name    string
		members map[string]any
		text    strings.Builder
	}
	add := func(e *element, name string, value any) {
		switch before := e.members[name].(type) {
		case nil:
			e.members[name] = value
		case []any:
			e.members[name] = append(before, value)
		default:
			e.members[name] = []any{before, value}
		}
	}
	trim := func(text string) string { return strings.Trim(text, " \t\r\n") }
	open := []*element{{members: map[string]any{}}}
	d := xml.NewDecoder(bytes.NewReader(reply))
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return open[0].members, nil
		}
		if err != nil {
			return nil, err
		}
		inner := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			e := &element{name: token.Name.Local, members: map[string]any{}}
			for _, a := range token.Attr {
				if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
					continue
				}
				// The package keeps the white space of attributes as it is.
				add(e, "@"+a.Name.Local, trim(strings.NewReplacer("\n", " ", "\t", " ").Replace(a.Value)))
			}
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
			text := trim(inner.text.String())
			switch {
			case len(inner.members) == 0:
				add(open[len(open)-1], inner.name, text)
			case text != "":
				inner.members["#text"] = text
				fallthrough
			default:
				add(open[len(open)-1], inner.name, inner.members)
			}
		case xml.CharData:
			inner.text.Write(token)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, reply := range samples(f, "*.txt") {
		f.Add(reply, "", `^ACCEPTED\|(?P<id>[^|]+)\|(?P<bid>[0-9.]+)$`)
	}
	f.Add([]byte("\xfc"), "ISO-8859-1", "")
	f.Add([]byte(utf16Of("a\x00\"", false)), "", `(?P<a>.)(?P<b>x)?`)
	f.Fuzz(func(t *testing.T, reply []byte, charset, pattern string) {
		capture, err := regexp.Compile(pattern)
		if err != nil {
			return
		}
		names := map[string]bool{"text": true}
		for _, name := range capture.SubexpNames()[1:] {
			if name != "" && names[name] {
				return // NewWebhook refuses it
			}
			names[name] = true
		}
		document, err := replydoc.Text(reply, charset, capture)
		got := requireDocument(t, document, err)
		if err != nil || charset != "" || !utf8.Valid(reply) {
			return
		}
		want := map[string]any{"text": strings.TrimSpace(strings.TrimPrefix(string(reply), "\ufeff"))}
		found := capture.FindStringSubmatchIndex(want["text"].(string))
		for i, name := range capture.SubexpNames() {
			if name != "" && found != nil && found[2*i] >= 0 {
				want[name] = want["text"].(string)[found[2*i]:found[2*i+1]]
			}
		}
		require.Equal(t, want, got)
	})
}

// Package net/url reads the same, except where this package is stricter.
func FuzzForm(f *testing.F) {
	for _, reply := range []string{"a=b&c=d", "a=1&a=2&b", "a=%C3%BC+%2b&%61=", "a=\xfc", "=&=", "a;b=1", "<html class=a>", "a=\x00", ""} {
		f.Add([]byte(reply), "")
	}
	f.Add([]byte("a=%FC"), "latin1")
	f.Fuzz(func(t *testing.T, reply []byte, charset string) {
		document, err := replydoc.Form(reply, charset)
		got := requireDocument(t, document, err)
		if err != nil || charset != "" || !utf8.Valid(reply) {
			return
		}
		values, err := url.ParseQuery(strings.TrimSpace(strings.TrimPrefix(string(reply), "\ufeff")))
		require.NoError(t, err)
		want := make(map[string]any)
		for name, list := range values {
			if want[name] = list[0]; len(list) > 1 {
				texts := make([]any, len(list))
				for i, text := range list {
					texts[i] = text
				}
				want[name] = texts
			}
		}
		require.Equal(t, want, got)
	})
}

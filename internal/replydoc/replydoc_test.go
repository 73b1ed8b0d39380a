package replydoc_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/replydoc"
)

// utf16Of returns a text in UTF-16, with a byte order mark.
func utf16Of(text string, bigEndian bool) string {
	var out strings.Builder
	for _, unit := range utf16.Encode([]rune("\ufeff" + text)) {
		high, low := byte(unit>>8), byte(unit)
		if !bigEndian {
			high, low = low, high
		}
		out.Write([]byte{high, low})
	}
	return out.String()
}

func TestXML(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`<r/>`:                  `{"r":""}`,
		`<r></r>`:               `{"r":""}`,
		"<r> \n </r>":           `{"r":""}`,
		`<r>x</r>`:              `{"r":"x"}`,
		"\n<r>\n x y\t</r>\r\n": `{"r":"x y"}`,
		`<r ><a >1</a ></r >`:   `{"r":{"a":"1"}}`,
		`<r><a>1</a></r>`:       `{"r":{"a":"1"}}`,
		`<r><a/></r>`:           `{"r":{"a":""}}`,
		`<r><a>1</a><b>2</b><a>3</a><c/><b/><a/></r>`:   `{"r":{"a":["1","3",""],"b":["2",""],"c":""}}`,
		`<r><a><b>1</b></a><a><b>2</b><b>3</b></a></r>`: `{"r":{"a":[{"b":"1"},{"b":["2","3"]}]}}`,
		`<r a="1" b='2'/>`:                                             `{"r":{"@a":"1","@b":"2"}}`,
		`<r a="1">x</r>`:                                               `{"r":{"@a":"1","#text":"x"}}`,
		`<r a=""> </r>`:                                                `{"r":{"@a":""}}`,
		`<r a="1"><a>2</a></r>`:                                        `{"r":{"@a":"1","a":"2"}}`,
		`<r>x<a/>y</r>`:                                                `{"r":{"a":"","#text":"xy"}}`,
		`<r> x <a/> y </r>`:                                            `{"r":{"a":"","#text":"x  y"}}`,
		`<p:r><q:a>1</q:a><a>2</a></p:r>`:                              `{"r":{"a":["1","2"]}}`,
		`<r p:a="1" q:a="2"/>`:                                         `{"r":{"@a":["1","2"]}}`,
		`<r xmlns="u" xmlns:p="v" p:x="1">y</r>`:                       `{"r":{"@x":"1","#text":"y"}}`,
		`<r xmlns="u">y</r>`:                                           `{"r":"y"}`,
		`<r xmlnsx="u">y</r>`:                                          `{"r":{"@xmlnsx":"u","#text":"y"}}`,
		`<r>&lt;&gt;&amp;&apos;&quot;&#65;&#x42;</r>`:                  `{"r":"<>&'\"AB"}`,
		`<r>&amp;lt;</r>`:                                              `{"r":"&lt;"}`,
		`<r>&#x20;x&#10;y&#x20;</r>`:                                   `{"r":"x\ny"}`,
		`<r>&#0000000065;&#x1F600;</r>`:                                `{"r":"A😀"}`,
		`<r><![CDATA[ <a>&amp;]] ]]> </r>`:                             `{"r":"<a>&amp;]]"}`,
		`<r><![CDATA[]]>x<![CDATA[y]]></r>`:                            `{"r":"xy"}`,
		`<r>a<!-- <b> -->c<?p <d>?>e</r>`:                              `{"r":"ace"}`,
		"<r>a\r\nb\rc\nd</r>":                                          `{"r":"a\nb\nc\nd"}`,
		"<r a='1\r\n2\t3\n4'/>":                                        `{"r":{"@a":"1 2 3 4"}}`,
		`<r a=" 1&#10;"/>`:                                             `{"r":{"@a":"1"}}`,
		`<r>"\</r>`:                                                    `{"r":"\"\\"}`,
		`<Größe-1.a_b·>ü</Größe-1.a_b·>`:                               `{"Größe-1.a_b·":"ü"}`,
		`<?xml version="1.0"?><r/>`:                                    `{"r":""}`,
		`<?xml version='1.1' standalone='yes' ?><r/>`:                  `{"r":""}`,
		`<?xml-style a?><!-- - --><r/><!----><?x?> `:                   `{"r":""}`,
		`<!DOCTYPE r><r/>`:                                             `{"r":""}`,
		`<!DOCTYPE r SYSTEM "u"><r/>`:                                  `{"r":""}`,
		`<!DOCTYPE r PUBLIC "p" 'u' ><r/>`:                             `{"r":""}`,
		`<?xml version="1.0" encoding="US-ASCII"?><r/>`:                `{"r":""}`,
		`<?xml version="1.0" encoding="utf-8"?><r>ü</r>`:               `{"r":"ü"}`,
		"\ufeff<r>ü</r>":                                               `{"r":"ü"}`,
		"\ufeff<?xml version='1.0' encoding='UTF-8'?><r/>":             `{"r":""}`,
		"<?xml version='1.0' encoding='ISO-8859-1'?><r>\xfc\x80</r>":   `{"r":"ü` + "\u0080" + `"}`,
		"<?xml version='1.0' encoding='windows-1252'?><r>\xfc\x80</r>": `{"r":"ü€"}`,
		utf16Of("<r>ü😀</r>", true):                                     `{"r":"ü😀"}`,
		utf16Of("<r>ü😀</r>", false):                                    `{"r":"ü😀"}`,
		utf16Of("<?xml version='1.0' encoding='UTF-16'?><r/>", false):  `{"r":""}`,
		utf16Of("<?xml version='1.0' encoding='utf-16be'?><r/>", true): `{"r":""}`,
		"<r>" + strings.Repeat("<a>", 510) + strings.Repeat("</a>", 510) + "</r>":     `{"r":` + strings.Repeat(`{"a":`, 510) + `""` + strings.Repeat("}", 511),
		"<r>" + strings.Repeat("<a>", 255) + strings.Repeat("</a><a/>", 255) + "</r>": `{"r":` + strings.Repeat(`{"a":[`, 255) + `""` + strings.Repeat(`,""]}`, 255) + `}`,
	} {
		doc, err := replydoc.XML([]byte(text), "")
		require.NoError(t, err, text)
		require.Equal(t, want, string(doc), text)
		require.NoError(t, jsonscan.Valid(doc), text)
	}
}

func TestTheCharsetOfXMLCountsIfTheDocumentSaysNothing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, charset, want string }{
		{"<r>\xfc</r>", "ISO-8859-1", `{"r":"ü"}`},
		{"<r>\x80</r>", "Windows-1252", `{"r":"€"}`},
		{"<r>ü</r>", "UTF-8", `{"r":"ü"}`},
		{"<?xml version='1.0' encoding='utf-8'?><r>ü</r>", "ISO-8859-1", `{"r":"ü"}`},
		{"\ufeff<r>ü</r>", "ISO-8859-1", `{"r":"ü"}`},
		{utf16Of("<r>ü</r>", true)[2:], "utf-16be", `{"r":"ü"}`},
		{utf16Of("<r>ü</r>", false)[2:], "utf-16le", `{"r":"ü"}`},
		{"<?xml version='1.0'?><r>\xfc</r>", "latin1", `{"r":"ü"}`},
	} {
		doc, err := replydoc.XML([]byte(tt.text), tt.charset)
		require.NoError(t, err, tt)
		require.Equal(t, tt.want, string(doc), tt)
	}
	for _, charset := range []string{"shift_jis", "utf-7", "utf-16", "utf-32", "iso-8859-15", "x"} {
		_, err := replydoc.XML([]byte("<r/>"), charset)
		require.Error(t, err, charset)
	}
}

func TestWhatIsNotXML(t *testing.T) {
	t.Parallel()
	const declared = `<?xml version="1.0" encoding="`
	for _, text := range []string{
		"", " ", "\n\t", "x", "{}", "<", "<r", "<r>", "<r/", "<r/>x", "x<r/>", "<r/><r/>", "<r></s>", "<r></r", "<r></r x>", "</r>", "<r><a></r></a>", "< r/>", "<r></ r>",
		"<!-- x -->", "<?x?>", "<r/>&amp;", "<r/><![CDATA[x]]>", "<![CDATA[x]]><r/>", "<r>]]></r>", "<r><![CDATA[x]></r>", "<r><![cdata[x]]></r>",
		"<r><!-- a -- b --></r>", "<r><!-- a ---></r>", "<!--><r/>", "<!---><r/>", "<r><!- x -></r>",
		"<r a/>", "<r a=/>", "<r a=1/>", `<r a="1/>`, `<r a="1"b="2"/>`, `<r a="<"/>`, `<r a="1" a="2"/>`, `<r a="1" a="2">x</r>`, `<r a="1" b="1" c="1" a="2"/>`, `<r p:a="1" p:a="2"/>`, `<r xmlns="u" xmlns="v"/>`, `<r ="1"/>`, `<r "1"/>`, `<r a="&b;"/>`, `<r a="&"/>`,
		"<r>&</r>", "<r>&;</r>", "<r>&nbsp;</r>", "<r>&LT;</r>", "<r>&lt</r>", "<r>&#;</r>", "<r>&#x;</r>", "<r>&#0;</r>", "<r>&#8;</r>", "<r>&#xD800;</r>", "<r>&#xFFFE;</r>", "<r>&#x110000;</r>", "<r>&#4294967361;</r>", "<r>&#+5;</r>", "<r>&#X41;</r>", "<r>&#" + strings.Repeat("0", 40) + "65;</r>",
		"<1/>", "<-r/>", "<:r/>", "<r:/>", "<a:b:c/>", "<a:1/>", "<r\x0b/>", "<r>\x00</r>", "<r>\x01</r>", "<r>\ufffe</r>", "<r>\xff</r>", "<r>\xed\xa0\x80</r>", "<×/>",
		"<!DOCTYPE r [<!ENTITY a 'b'>]><r/>", "<!DOCTYPE r []><r/>", "<!DOCTYPE r SYSTEM 'u' [<!ENTITY a 'b'>]><r>&a;</r>", "<!DOCTYPE r SYSTEM><r/>", "<!DOCTYPE r SYSTEM u><r/>", "<!DOCTYPE r PUBLIC 'p'><r/>", "<!DOCTYPE r PUBLIC><r/>", "<!DOCTYPE><r/>", "<!DOCTYPEr><r/>", "<!doctype r><r/>", "<!DOCTYPE r><!DOCTYPE r><r/>", "<r/><!DOCTYPE r>", "<r><!DOCTYPE r></r>", "<!DOCTYPE r x><r/>", "<!ENTITY a 'b'><r/>", "<!DOCTYPE r SYSTEM 'u'",
		" <?xml version='1.0'?><r/>", "<r/><?xml version='1.0'?>", "<r><?xml version='1.0'?></r>", "<?xml?><r/>", "<?XML version='1.0'?><r/>", "<?xml version='2.0'?><r/>", "<?xml encoding='utf-8'?><r/>", "<?xml encoding='utf-8' version='1.0'?><r/>", "<?xml version='1.0' coding='utf-8'?><r/>", "<?xml version='1.0' standalone='maybe'?><r/>", "<?xml version='1.0'encoding='utf-8'?><r/>", "<?xml version='1.0' encoding='utf-8' encoding='utf-8'?><r/>", "<?xml version='1.0'", "<?xml version=1.0?><r/>", "<?xml version='1.0'>", "<?x", "<? x?><r/>", "<?x+?><r/>",
		declared + `shift_jis"?><r/>`, declared + `utf-16"?><r/>`, declared + `utf-16le"?><r/>`, declared + `utf-7"?><r/>`, declared + `ISO-8859-15"?><r/>`, declared + `ebcdic-cp-us"?><r/>`, declared + `utf-8"?>` + "<r>\xfc</r>", declared + `windows-1252"?>` + "<r>\x81</r>",
		"\ufeff" + declared + `ISO-8859-1"?><r/>`, "\ufeff\ufeff<r/>", utf16Of(declared+`utf-8"?><r/>`, true), utf16Of(declared+`utf-16be"?><r/>`, false), utf16Of("<r/>", true)[2:], utf16Of("<r/>", false)[2:], utf16Of("<r/>", true) + "\x00", "\xff\xfe<\x00r\x00>\x00\x00\xd8<\x00/\x00r\x00>\x00",
		"<?xml version='1.0'" + strings.Repeat(" ", 300) + "encoding='ISO-8859-1'?><r/>",
	} {
		doc, err := replydoc.XML([]byte(text), "")
		require.Error(t, err, "%q: %s", text, doc)
		require.Nil(t, doc)
	}
}

func TestMistakesInXMLHaveAPlace(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"<r>&nbsp;</r>":                 "the reply is not XML: a reference that is not one of XML's own at offset 3",
		"<r><a></r>":                    "the reply is not XML: an end tag that does not match its start tag at offset 9",
		"<!DOCTYPE r [<!ENTITY a ''>]>": "the reply is not XML: a document type that is wrong, or has an internal subset at offset 12",
		"<r>":                           "the reply is not XML: unexpected end at offset 3",
		"<r a='1' a='2'/>":              "the reply is not XML: an attribute that is given twice at offset 9",
		"<r>\x01</r>":                   "the reply is not XML: a character that XML does not allow at offset 3",
		"":                              "the reply is empty",
	} {
		_, err := replydoc.XML([]byte(text), "")
		require.EqualError(t, err, want)
	}
}

// samples returns the replies in a folder of testdata at the root, by name.
func samples(t testing.TB, pattern string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../../testdata/market-replies/" + pattern)
	require.NoError(t, err)
	require.NotEmpty(t, files)
	replies := make(map[string][]byte)
	for _, file := range files {
		reply, err := os.ReadFile(file)
		require.NoError(t, err)
		replies[filepath.Base(file)] = reply
	}
	return replies
}

// A document that is cut anywhere before the end of its root element is unreadable.
func TestTruncatedXMLIsUnreadable(t *testing.T) {
	t.Parallel()
	for name, reply := range samples(t, "*.xml") {
		if _, err := replydoc.XML(reply, ""); err != nil {
			continue
		}
		end := strings.LastIndexByte(string(reply), '>')
		for i := range end {
			_, err := replydoc.XML(reply[:i+1-1], "")
			require.Error(t, err, "%s cut at %d", name, i)
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ body, charset, pattern, want string }{
		{"OK", "", "", `{"text":"OK"}`},
		{" \r\n OK 1\t\n", "", "", `{"text":"OK 1"}`},
		{"\ufeffOK", "", "", `{"text":"OK"}`},
		{"a\"\\\n\x00b", "", "", `{"text":"a\"\\\n\u0000b"}`},
		{"\xfc", "ISO-8859-1", "", `{"text":"ü"}`},
		{"\x80", "windows-1252", "", `{"text":"€"}`},
		{utf16Of("ü", false), "", "", `{"text":"ü"}`},
		{utf16Of("ü", false)[2:], "UTF-16LE", "", `{"text":"ü"}`},
		{"ACCEPTED|p-9|12.50\n", "", `^ACCEPTED\|(?P<id>[^|]+)\|(?P<bid>[0-9.]+)$`, `{"text":"ACCEPTED|p-9|12.50","id":"p-9","bid":"12.50"}`},
		{"REJECTED", "", `^ACCEPTED\|(?P<id>[^|]+)$`, `{"text":"REJECTED"}`},
		{"b=2", "", `(?:a=(?P<a>\d+)|b=(?<b>\d+))(x)?(?P<c>)`, `{"text":"b=2","b":"2","c":""}`},
		{"a=1;a=2", "", `a=(?P<a>\d)`, `{"text":"a=1;a=2","a":"1"}`},
	} {
		var pattern *regexp.Regexp
		if tt.pattern != "" {
			pattern = regexp.MustCompile(tt.pattern)
		}
		doc, err := replydoc.Text([]byte(tt.body), tt.charset, pattern)
		require.NoError(t, err, tt)
		require.Equal(t, tt.want, string(doc), tt)
		require.NoError(t, jsonscan.Valid(doc), tt)
	}
	for _, tt := range []struct{ body, charset string }{
		{"", ""}, {" \n", ""}, {"\ufeff ", ""}, {"\xff", ""}, {"\xff\xfea", ""}, {"OK", "koi8-r"}, {"\x81", "windows-1252"}, {"O", "utf-16be"}, {"\xfc", "us-ascii"},
	} {
		doc, err := replydoc.Text([]byte(tt.body), tt.charset, nil)
		require.Error(t, err, "%q", tt)
		require.Nil(t, doc)
	}
}

func TestForm(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ body, charset, want string }{
		{"a=b&c=d", "", `{"a":"b","c":"d"}`},
		{"a=1&b=2&a=3&a=", "", `{"a":["1","3",""],"b":"2"}`},
		{" a=b\r\n", "", `{"a":"b"}`},
		{"a=&b&&=c&", "", `{"a":"","b":"","":"c"}`},
		{"a=b=c", "", `{"a":"b=c"}`},
		{"a+b=c%20d+e%2B%26%3D", "", `{"a b":"c d e+&="}`},
		{"%61=1&a=2", "", `{"a":["1","2"]}`},
		{"a=ü%C3%BC", "", `{"a":"üü"}`},
		{"a=\xfc%FC", "ISO-8859-1", `{"a":"üü"}`},
		{"a=%80", "windows-1252", `{"a":"€"}`},
		{"a=%00%22%5C%0A", "", `{"a":"\u0000\"\\\n"}`},
		{"b[0][x]=1", "", `{"b[0][x]":"1"}`},
		{"msg=not sold", "", `{"msg":"not sold"}`},
		{"\ufeffa=b", "", `{"a":"b"}`},
	} {
		doc, err := replydoc.Form([]byte(tt.body), tt.charset)
		require.NoError(t, err, tt)
		require.Equal(t, tt.want, string(doc), tt)
		require.NoError(t, jsonscan.Valid(doc), tt)
	}
	for _, tt := range []struct{ body, charset string }{
		{"", ""}, {" \n", ""}, {"OK", ""}, {"&&", ""}, {"a=%", ""}, {"a=%4", ""}, {"a=%zz", ""}, {"%zz=a", ""}, {"a=1;b=2", ""}, {"a=1\nb=2", ""}, {"a=\x00", ""}, {"a=\x7f", ""},
		{`<html class="x">`, ""}, {"<a=b>", ""}, {`{"a":"b=c"}`, ""}, {"a=\xff", ""}, {"a=%FF", ""}, {"a=b", "utf-16"}, {"a=b", "koi8-r"}, {"a=%81", "windows-1252"}, {utf16Of("a=b", true), ""},
	} {
		doc, err := replydoc.Form([]byte(tt.body), tt.charset)
		require.Error(t, err, "%q: %s", tt, doc)
		require.Nil(t, doc)
	}
}

// fill repeats a text up to the limit of a reply.
func fill(start, middle, end string) string {
	return start + strings.Repeat(middle, (replydoc.Limit-len(start)-len(end))/len(middle)) + end
}

// hostileReplies are the largest replies of each kind that cost the most.
func hostileReplies() map[string]string {
	var distinct, attributes strings.Builder
	for i := 0; distinct.Len() < 900<<10; i++ {
		fmt.Fprintf(&distinct, "<a%x/>", i)
	}
	for i := 0; attributes.Len() < 900<<10; i++ {
		fmt.Fprintf(&attributes, " a%x=''", i)
	}
	const latin, windows = "<?xml version='1.0' encoding='iso-8859-1'?><r>", "<?xml version='1.0' encoding='windows-1252'?><r>"
	return map[string]string{
		"xml: empty elements":       fill("<r>", "<a/>", "</r>"),
		"xml: real elements":        fill("<r>", "<bid><bid_id>61</bid_id><price>19.50</price></bid>", "</r>"),
		"xml: alternating":          fill("<r>", "<a>x</a><b>y</b>", "</r>"),
		"xml: distinct names":       "<r>" + distinct.String() + "</r>",
		"xml: distinct attributes":  "<r" + attributes.String() + "/>",
		"xml: same attributes":      fill("<r", " a=''", "/>"),
		"xml: deep":                 fill("", "<a>", ""),
		"xml: deep with siblings":   fill("", "<a>", "<b/>"),
		"xml: one text":             fill("<r>", "x", "</r>"),
		"xml: quotes":               fill("<r>", `"`, "</r>"),
		"xml: half quotes":          "<r>" + strings.Repeat(`"`, replydoc.Limit/2-100) + "</r>",
		"xml: references":           fill("<r>", "&lt;", "</r>"),
		"xml: equals signs":         fill("<r>", "=", "</r>"),
		"xml: comments":             fill("<r>", "<!---->", "</r>"),
		"xml: cdata":                fill("<r>", "<![CDATA[x]]>", "</r>"),
		"xml: mixed":                fill("<r>", "x<a/>", "</r>"),
		"xml: spaces":               fill("<r>", " ", "</r>"),
		"xml: one name":             fill("<", "a", "/>"),
		"xml: one attribute":        fill("<r a='", "x", "'/>"),
		"xml: prefixes":             fill("<r>", "<p:a xmlns:p=''/>", "</r>"),
		"xml: latin-1":              fill(latin, "\xfc", "</r>"),
		"xml: half latin-1":         latin + strings.Repeat("\xfc", replydoc.Limit/2-100) + "</r>",
		"xml: euros":                fill(windows, "\x80", "</r>"),
		"xml: latin-1 elements":     fill(latin+strings.Repeat("\xfc", 1000), "<a/>", "</r>"),
		"xml: utf-16":               utf16Of("<r>"+strings.Repeat("<a/>", replydoc.Limit/9)+"</r>", true),
		"xml: utf-16 of ideographs": utf16Of("<r>"+strings.Repeat("字", replydoc.Limit/3)+"</r>", true),
		"xml: bomb":                 `<!DOCTYPE r [<!ENTITY a "` + strings.Repeat("x", 1000) + `"><!ENTITY b "` + strings.Repeat("&a;", 1000) + `">]><r>` + strings.Repeat("&b;", 1000) + `</r>`,
		"text":                      fill("", "x", ""),
		"text: quotes":              fill("", `"`, ""),
		"text: zeros":               fill("", "\x00", ""),
		"text: half":                strings.Repeat("x", replydoc.Limit/2),
		"text: just too long":       strings.Repeat("x", replydoc.Limit-10),
		"form: one name":            fill("", "a=1&", ""),
		"form: pairs":               fill("", "ab12345678901234567890123456789012345678901234567890=c&", ""),
		"form: few pairs":           strings.Repeat("a=b&", 16000),
		"form: escapes":             fill("a=", "%22", ""),
		"form: one value":           fill("a=", "x", ""),
		"form: bare names":          fill("a=", "&", ""),
	}
}

// convert converts a hostile reply.
func convert(name, reply string) ([]byte, error) {
	switch name[:4] {
	case "xml:":
		return replydoc.XML([]byte(reply), "")
	case "form":
		return replydoc.Form([]byte(reply), "")
	default:
		return replydoc.Text([]byte(reply), "", regexp.MustCompile(`(?s)^(?P<all>(?P<again>.*))$`))
	}
}

// allocated returns how many bytes f allocates, all together.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// It is not parallel: it counts what the whole program allocates.
func TestAllocationIsBounded(t *testing.T) {
	for name, reply := range hostileReplies() {
		require.LessOrEqual(t, len(reply), replydoc.Limit+16, name)
		var doc []byte
		var err error
		body := []byte(reply)
		total := allocated(func() { doc, err = convert(name, string(body)) })
		t.Logf("%-28s %8d allocated, %8d long, %v", name, total-2*uint64(len(body)), len(doc), err)
		require.Less(t, total-2*uint64(len(body)), uint64(4*replydoc.Limit), name) // without the copies made here
		if err == nil {
			require.NoError(t, jsonscan.Valid(doc), name)
			require.LessOrEqual(t, len(doc), replydoc.Limit, name)
		}
	}
}

func TestReplyThatIsTooLarge(t *testing.T) {
	t.Parallel()
	const large = 10 << 20
	for _, kind := range []string{"xml:", "form", "text"} {
		for _, reply := range []string{"<r>" + strings.Repeat("x", large) + "</r>", "a=" + strings.Repeat("x", large)} {
			_, err := convert(kind, reply)
			require.EqualError(t, err, "the reply is too large", kind)
		}
	}
	for _, reply := range []string{
		"<r>" + strings.Repeat("<a/>", 1<<16) + "</r>",
		"a=" + strings.Repeat("&a=", 1<<14),
	} {
		kind := "xml:"
		if reply[0] == 'a' {
			kind = "form"
		}
		_, err := convert(kind, reply)
		require.EqualError(t, err, "the reply is too large", kind)
	}
	_, err := replydoc.XML([]byte("<r>"+strings.Repeat("<a>", 600)+strings.Repeat("</a>", 600)+"</r>"), "")
	require.EqualError(t, err, "the reply is nested too deep")
	_, err = replydoc.XML([]byte("<r>"+strings.Repeat("<a>", 511)+strings.Repeat("</a>", 511)+"</r>"), "")
	require.NoError(t, err)
	_, err = replydoc.XML([]byte("<r>"+strings.Repeat("<a>", 512)+strings.Repeat("</a>", 512)+"</r>"), "")
	require.EqualError(t, err, "the reply is nested too deep")
}

func BenchmarkXML(b *testing.B) {
	reply := samples(b, "boberdoo_ping_matched.xml")["boberdoo_ping_matched.xml"]
	for name, body := range map[string][]byte{"boberdoo": reply, "1 MiB of bids": []byte(hostileReplies()["xml: real elements"])} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := replydoc.XML(body, ""); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

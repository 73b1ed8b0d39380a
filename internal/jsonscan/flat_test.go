package jsonscan_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// flatMembers reads doc with ReadFlat: each member as "name value".
func flatMembers(doc string) (members []string, ok bool, rest jsonscan.Scanner) {
	var list [4]jsonscan.FlatMember
	rest.Reset([]byte(doc))
	n, ok := rest.ReadFlat(list[:])
	members = []string{}
	for _, m := range list[:n] {
		members = append(members, doc[m.NameStart:m.NameEnd]+" "+doc[m.Value.Start:m.Value.End])
	}
	return members, ok, rest
}

func TestFlatObjects(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string][]string{
		`{}`:                              {},
		`{"a":"x"}`:                       {"a x"},
		`{"":""}`:                         {" "},
		`{"a":null,"b":true,"c":false}`:   {"a null", "b true", "c false"},
		`{"a":0,"b":-0,"c":10,"d":-1.50}`: {"a 0", "b -0", "c 10", "d -1.50"},
		`{"a":"1","a":"2"}`:               {"a 1", "a 2"},
		`{"long name of it":"more than 8 bytes"}`: {"long name of it more than 8 bytes"},
	} {
		members, ok, rest := flatMembers(doc)
		require.True(t, ok, doc)
		require.Equal(t, want, members, doc)
		require.NoError(t, rest.End(), doc)
	}
}

func TestWhatIsNotFlatIsLeftToTheScanner(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		``, `1`, `"x"`, `[]`, `{`, `{"`, `{"a`, `{"a"`, `{"a":`, `{"a":1`, `{"a":"x`, `{"a":"x"`, `{"a":1,`, `{"a":1,}`,
		`{ }`, `{"a": 1}`, `{"a":1 }`, `{"a" :1}`, "{\n\"a\":1}", `{"a":1, "b":2}`,
		`{"a":{}}`, `{"a":[]}`, `{"a":1e3}`, `{"a":1E3}`, `{"a":01}`, `{"a":-}`, `{"a":-01}`, `{"a":1.}`, `{"a":.5}`, `{"a":+1}`,
		`{"a":"\n"}`, `{"\u0061":1}`, `{"a":"é"}`, `{"é":1}`, "{\"a\":\"\x01\"}", "{\"a\":\"\xff\"}",
		`{"a":nul}`, `{"a":nulL}`, `{"a":truE}`, `{"a":falsE}`, `{"a":tru`, `{"a":x}`, `{a:1}`, `{"a":1;}`, `{"a":1]`,
		`{"a":1,"b":2,"c":3,"d":4,"e":5}`, // no room
	} {
		members, ok, rest := flatMembers(doc)
		require.False(t, ok, doc)
		require.Empty(t, members, doc)
		require.Equal(t, jsonscan.Valid([]byte(doc)), rest.End(), "the fault of %s is the Scanner's", doc)
	}
}

func TestFlatObjectsAtTheGreatestDepth(t *testing.T) {
	t.Parallel()
	for extra, ok := range map[int]bool{-1: true, 0: false} {
		depth := jsonscan.MaxDepth + extra
		doc := strings.Repeat("[", depth) + `{"a":1}` + strings.Repeat("]", depth)
		var s jsonscan.Scanner
		s.Reset([]byte(doc))
		for range depth {
			require.True(t, s.Enter())
			require.True(t, s.Next())
		}
		_, flat := s.ReadFlat(make([]jsonscan.FlatMember, 4))
		require.Equal(t, ok, flat)
		require.Equal(t, ok, s.End() == nil)
	}
}

func TestNamesThatElementsShare(t *testing.T) {
	t.Parallel()
	doc := `[{"a":1,"bid":2},{"a":3,"bid":4},{"a":5},{"b":6,"bid":7},{"a":8,"bid":9},{"":0},{"":0},{"bid":1},{"bi":1},{"bid`
	want := []string{"a=1 bid=2 ", "(a)=3 (bid)=4 ", "(a)=5 ", "b=6 (bid)=7 ", "a=8 (bid)=9 ", "=0 ", "()=0 ", "bid=1 ", "bi=1 "}
	var s jsonscan.Scanner
	s.Reset([]byte(doc))
	s.Enter()
	var list [2]jsonscan.FlatMember
	var got []string
	for s.Next() {
		n, ok := s.ReadFlat(list[:])
		if !ok {
			break
		}
		text := ""
		for _, m := range list[:n] {
			name := doc[m.NameStart:m.NameEnd]
			if m.Same {
				name = "(" + name + ")"
			}
			text += name + "=" + doc[m.Value.Start:m.Value.End] + " "
		}
		got = append(got, text)
	}
	require.Equal(t, want, got)
}

// FuzzReadFlat: a flat object has the members that Next goes to, and the rest of
// the document is read as if ReadFlat had never been called.
func FuzzReadFlat(f *testing.F) {
	for _, doc := range []string{
		`{"a":"x","b":-1.5,"c":null}`, `[{"a":true},{"b":false}] `, `{"a":01}`, `{"a":"\n"}`, `{"a":{}}`,
		`[{"a":1,"b":2},{"a":3,"b":4},{"a":5,"c":{}},{"a":6,"c":7},{"b":8,"a"`,
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var flat, scanned jsonscan.Scanner
		flat.Reset(data)
		scanned.Reset(data)
		var list [8]jsonscan.FlatMember
		var names [8]string // of the members in list
		read := func() {
			n, ok := flat.ReadFlat(list[:])
			if !ok {
				clear(list[:])
				require.Equal(t, scanned.Read(), flat.Read())
				return
			}
			require.True(t, scanned.Enter())
			for i, m := range list[:n] {
				require.True(t, scanned.Next())
				name := string(scanned.Name())
				require.Equal(t, name, string(data[m.NameStart:m.NameEnd]))
				require.Equal(t, scanned.Read(), m.Value)
				if m.Same {
					require.Equal(t, names[i], name)
				}
				names[i] = name
			}
			require.False(t, scanned.Next())
		}
		if flat.Enter() {
			scanned.Enter()
			for flat.Next() {
				require.True(t, scanned.Next())
				read()
			}
			require.False(t, scanned.Next())
		} else {
			read()
		}
		require.Equal(t, scanned.Offset(), flat.Offset())
		require.Equal(t, scanned.End(), flat.End())
	})
}

// The members that are skipped in one loop are those that Next goes to.
func TestSkippingAnObjectIsGoingThroughIt(t *testing.T) {
	t.Parallel()
	plain := `"b":"x","c":-1.5,"d":null,"e":true`
	for _, member := range []string{
		`"a":1`, `"a":1e3`, `"a":01`, `"a":1.`, `"a":-`, `"a":1x`, `"a":nul`, `"a":"\n"`, `"a":"é"`, `"\u0061":1`, `"a" :1`, `"a": 1`, `"a":1 `, ` "a":1`,
		`"a":{}`, `"a":[1,{"b":2}]`, `"a":1}"f":2`, `"a":1}{"f":2`, `"a":`, `"a"`, `"a`, `a:1`, ``, "\"a\":\"\x01\"", "\"a\":\"\xff\"",
	} {
		for _, doc := range []string{
			`{` + member + `}`, `{` + member + `,` + plain + `}`, `{` + plain + `,` + member + `}`, `{` + plain + `,` + member + `,` + plain + `}`,
			`{` + plain + `,` + member, `{` + plain + `,` + member + `]`, `{` + plain + `,` + member + `;`,
		} {
			requireSkipped(t, `[`+doc+`,1]`)
			requireSkipped(t, `{"o":{"p":`+doc+`}}`)
			requireSkipped(t, doc)
		}
	}
}

// requireSkipped compares the Scanner that skips a document with one that goes
// through every value of it.
func requireSkipped(t *testing.T, doc string) {
	t.Helper()
	var skipped, walked jsonscan.Scanner
	skipped.Reset([]byte(doc))
	walked.Reset([]byte(doc))
	decode(&walked, []byte(doc))
	require.Equal(t, walked.End(), skipped.End(), doc)
}

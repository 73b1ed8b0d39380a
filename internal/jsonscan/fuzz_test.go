package jsonscan_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// encoding/json accepts the same documents, except where this package is
// stricter, and reads the same values.
func FuzzScanner(f *testing.F) {
	for _, doc := range []string{
		`{"a":[1,-2.50e+3,"x\u00e9\ud83d\ude00\ud800",true,false,null],"b":{}}`, `[`, `"\`, "\ufeff1", "\"\xff\"", `{"a":1,}`, `1 2`, `-`, ``,
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		body := bytes.TrimPrefix(data, []byte("\ufeff"))
		valid := json.Valid(body) && utf8.Valid(body) && depth(body) <= jsonscan.MaxDepth
		err := jsonscan.Valid(data)
		require.Equal(t, valid, err == nil, "%q: %v", data, err)

		var s jsonscan.Scanner
		s.Reset(data)
		got := decode(&s, data)
		require.Equal(t, err, s.End(), "going through the document finds the fault that skipping it finds")
		if err == nil {
			dec := json.NewDecoder(bytes.NewReader(body))
			dec.UseNumber()
			var want any
			require.NoError(t, dec.Decode(&want))
			require.Equal(t, want, got)
		}
	})
}

func depth(data []byte) (deepest int) {
	open, inText := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '[', c == '{':
			open++
			deepest = max(deepest, open)
		case c == ']', c == '}':
			open--
		}
	}
	return deepest
}

// decode reads the next value as encoding/json does into an any.
func decode(s *jsonscan.Scanner, data []byte) any {
	switch s.Kind() {
	case jsonscan.Object:
		object := map[string]any{}
		for s.Enter(); s.Next(); {
			name := string(s.Name())
			object[name] = decode(s, data)
		}
		return object
	case jsonscan.Array:
		list := []any{}
		for s.Enter(); s.Next(); {
			list = append(list, decode(s, data))
		}
		return list
	}
	switch v := s.Read(); v.Kind {
	case jsonscan.True, jsonscan.False:
		return v.Kind == jsonscan.True
	case jsonscan.Number:
		return json.Number(data[v.Start:v.End])
	case jsonscan.String:
		if !v.Escaped {
			return string(data[v.Start:v.End])
		}
		return string(jsonscan.AppendUnescaped(nil, data[v.Start:v.End]))
	default:
		return nil
	}
}

func FuzzQuoted(f *testing.F) {
	for _, text := range []string{"", "plain", "\"\\\n\x00é😀", "\xff\xed\xa0\x80", "longer than eight \x1f bytes"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		quoted := jsonscan.AppendQuoted(nil, text)
		require.NoError(t, jsonscan.Valid(quoted))
		var want string
		require.NoError(t, json.Unmarshal(quoted, &want))
		inner := quoted[1 : len(quoted)-1]
		require.Equal(t, want, string(jsonscan.AppendUnescaped(nil, inner)))
		require.True(t, jsonscan.EqualUnescaped(inner, want))
		if utf8.ValidString(text) {
			require.Equal(t, text, want)
		}
	})
}

func FuzzLookup(f *testing.F) {
	f.Add([]byte(`{"buyers":[{"payout":25.50},{"payout":"7"}]}`), "buyers.0.payout")
	f.Add([]byte(`{"a":{"b":[]}}`), "*.b.#")
	f.Add([]byte(`[[1],[2]]`), `[1].\0`)
	f.Add([]byte(`{"a":[{"b":"","c":1},{"d":null}]}`), "$.a.*.b|c|d")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		path, err := jsonscan.ParsePath(text)
		if err != nil {
			require.Nil(t, path)
			return
		}
		back, err := jsonscan.ParsePath(path.String())
		require.NoError(t, err)
		require.Equal(t, path, back)
		v := jsonscan.Lookup(data, path)
		if v.Kind == jsonscan.Invalid {
			return
		}
		require.NoError(t, jsonscan.Valid(data))
		value := data[v.Start:v.End]
		if v.Kind == jsonscan.String {
			value = data[v.Start-1 : v.End+1]
		}
		require.NoError(t, jsonscan.Valid(value))
	})
}

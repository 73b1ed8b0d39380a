package jsonscan_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

func TestUnescaping(t *testing.T) {
	t.Parallel()
	for inner, text := range map[string]string{
		``:                   "",
		`plain`:              "plain",
		`\"\\\/\b\f\n\r\t`:   "\"\\/\b\f\n\r\t",
		`a\u0041b`:           "aAb",
		`\u00e9\u00E9é`:      "ééé",
		`\ud83d\ude00`:       "😀",
		`\ud83d`:             "\ufffd",
		`\ud83dx`:            "\ufffdx",
		`\ude00\ud83d`:       "\ufffd\ufffd",
		`\ud83d\ud83d\ude00`: "\ufffd😀",
		`\ud83d\u0041`:       "\ufffdA",
		`\ud83d\n`:           "\ufffd\n",
		`\u0000end`:          "\x00end",
		`\\u0041`:            `\u0041`,
	} {
		require.Equal(t, text, string(jsonscan.AppendUnescaped(nil, []byte(inner))), inner)
		require.True(t, jsonscan.EqualUnescaped([]byte(inner), text), inner)
		require.False(t, jsonscan.EqualUnescaped([]byte(inner), text+"x"), inner)
		require.False(t, jsonscan.EqualUnescaped([]byte(inner+"x"), text), inner)
		if text != "" {
			require.False(t, jsonscan.EqualUnescaped([]byte(inner), text[:len(text)-1]), inner)
			require.False(t, jsonscan.EqualUnescaped([]byte(inner), "~"+text[1:]), inner)
		}
	}
}

func TestEscaping(t *testing.T) {
	t.Parallel()
	for text, escaped := range map[string]string{
		"":                         ``,
		"plain, longer than eight": `plain, longer than eight`,
		`say "hi" \ /`:             `say \"hi\" \\ /`,
		"\b\f\n\r\t":               `\b\f\n\r\t`,
		"\x00\x1f\x7f":             "\\u0000\\u001f\x7f",
		"<é&日😀>\u2028":             "<é&日😀>\u2028",
		"a\xffb\xc3":               "a\ufffdb\ufffd",
		"\ufffd":                   "\ufffd",
	} {
		require.Equal(t, escaped, string(jsonscan.AppendEscaped(nil, text)))
		require.Equal(t, `x"`+escaped+`"`, string(jsonscan.AppendQuoted([]byte("x"), text)))
	}
}

func TestCharactersOfStrings(t *testing.T) {
	t.Parallel()
	for inner, want := range map[string]int{"": 0, "ab": 1, `\n1`: 2, `\u00e91`: 6, `\ud83d\ude00x`: 12, `\ud83dx`: 6, "éx": 2} {
		require.Equal(t, want, jsonscan.CharacterSize([]byte(inner)), inner)
	}
}

package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAListIsRead(t *testing.T) {
	t.Parallel()
	want := []listedLead{{"lead-1", "+12125550142", "10001"}, {"lead-2", "(415) 555-0177", ""}}
	for name, text := range map[string]string{
		"as it is made":                   "id,caller,zip\nlead-1,+12125550142,10001\nlead-2,(415) 555-0177,\n",
		"other columns in another order":  "name,ZIP,Id, Caller\nKim,10001,lead-1,+12125550142\nLee,,lead-2,(415) 555-0177\n",
		"the way of a spreadsheet":        "\uFEFFid,caller,zip\r\nlead-1,+12125550142,10001\r\nlead-2,(415) 555-0177,\r\n",
		"quotes, and empty lines between": "id,caller,zip\n\n\"lead-1\",\"+12125550142\",10001\n\nlead-2,(415) 555-0177,\"\"",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list, err := readList(strings.NewReader(text))
			require.NoError(t, err)
			require.Equal(t, want, list)
		})
	}
}

func TestMistakesInAListAreNamedByTheirLine(t *testing.T) {
	t.Parallel()
	const good = "lead-1,+12125550142,10001\n"
	for name, tt := range map[string]struct{ text, want string }{
		"nothing at all":        {"", "line 1 must name the columns, such as id,caller,zip: EOF"},
		"no lead":               {"id,caller,zip\n", "there is no lead below the line with the columns"},
		"a column is missing":   {"id,phone,zip\n" + good, `line 1: there is no column "caller"; name the columns, such as id,caller,zip`},
		"no line with columns":  {good, `line 1: there is no column "id"; name the columns, such as id,caller,zip`},
		"too few fields":        {"id,caller,zip\n" + good + "lead-2,+12125550143\n", "line 3: has 2 fields instead of 3"},
		"too many fields":       {"id,caller,zip\nlead-2,+1212,555,0143,10001\n", "line 2: has 5 fields instead of 3"},
		"a quote without end":   {"id,caller,zip\n" + good + "\"lead-2,+12125550143,\n", `parse error on line 3, column 23: extraneous or missing " in quoted-field`},
		"no id":                 {"id,caller,zip\n ,+12125550143,10001\n", "line 2: id: is empty"},
		"no number":             {"id,caller,zip\nlead-2,,10001\n", `line 2: caller: "" is not a phone number; write it like +12125550142`},
		"a short number":        {"id,caller,zip\nlead-2,555-0142,10001\n", `line 2: caller: "555-0142" is not a phone number; write it like +12125550142`},
		"a wrong zip":           {"id,caller,zip\nlead-2,+12125550143,1000\n", `line 2: zip: "1000" is not a zip code of 5 digits; leave it empty if it is not known`},
		"an id twice":           {"id,caller,zip\n" + good + "\nlead-1,+12125550143,10001\n", `line 4: id: "lead-1" is given on line 2 as well`},
		"a caller twice":        {"id,caller,zip\n" + good + "lead-2,(212) 555-0142,10001\n", `line 3: caller: "(212) 555-0142" is given on line 2 as well`},
		"every mistake at once": {"id,caller,zip\n,1,2\n" + good + "lead-1,3,\n", "line 2: id: is empty\nline 2: caller: \"1\" is not a phone number; write it like +12125550142\nline 2: zip: \"2\" is not a zip code of 5 digits; leave it empty if it is not known\nline 4: caller: \"3\" is not a phone number; write it like +12125550142\nline 4: id: \"lead-1\" is given on line 3 as well"},
		"more than are shown":   {"id,caller,zip\n" + strings.Repeat(",+12125550142,\n", 12), "and 13 more"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list, err := readList(strings.NewReader(tt.text))
			require.Nil(t, list)
			require.Error(t, err)
			require.True(t, strings.HasSuffix(err.Error(), tt.want), "%s", err)
		})
	}
}

func TestTheMadeUpListCanBeRead(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "leads.csv")
	made := madeUpList(maxMadeUp)
	require.NoError(t, writeList(file, made))
	list, err := readListFile(file)
	require.NoError(t, err)
	require.Equal(t, made, list)
	require.Equal(t, madeUpList(10), list[:10], "it is the same every time")
	for _, l := range list {
		require.Regexp(t, `^\+1[2-9]\d\d55501\d\d$`, l.Caller, "the number is fictional")
		require.NotRegexp(t, `^\+1.11`, l.Caller, fmt.Sprintf("%s: no area code ends in 11", l.ID))
	}
}

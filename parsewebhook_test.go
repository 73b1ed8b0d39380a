package trackdrive_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

// foundMistakes returns the mistakes in a stored configuration, one in a line,
// with their positions.
func foundMistakes(t *testing.T, data string) string {
	t.Helper()
	w, err := trackdrive.ParseWebhook([]byte(data))
	if err == nil {
		require.NotNil(t, w)
		return ""
	}
	require.Nil(t, w)
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	var parse *trackdrive.ParseError
	require.ErrorAs(t, err, &parse)
	var lines strings.Builder
	for i, m := range parse.Mistakes {
		line, column := parse.Position(i)
		fmt.Fprintf(&lines, "%d:%d %s\n", line, column, m.Error())
	}
	return lines.String()
}

// brokenWebhooks reads testdata/broken_webhooks.txt: after "== NAME" a stored
// configuration, and after "--" the mistakes in it, one in a line.
func brokenWebhooks(t testing.TB) (names, configs, mistakes []string) {
	t.Helper()
	data, err := os.ReadFile("testdata/broken_webhooks.txt")
	require.NoError(t, err)
	for _, part := range strings.Split("\n"+string(data), "\n== ")[1:] {
		name, rest, _ := strings.Cut(part, "\n")
		config, wanted, found := strings.Cut(rest, "\n--\n")
		require.True(t, found, name)
		names, configs, mistakes = append(names, name), append(configs, config), append(mistakes, strings.TrimRight(wanted, "\n")+"\n")
	}
	return names, configs, mistakes
}

func TestBrokenWebhooks(t *testing.T) {
	t.Parallel()
	names, configs, mistakes := brokenWebhooks(t)
	require.GreaterOrEqual(t, len(names), 60)
	for i, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, mistakes[i], foundMistakes(t, configs[i]))
		})
	}
}

func TestPositionsOfMistakes(t *testing.T) {
	t.Parallel()
	_, err := trackdrive.ParseWebhook([]byte("{\n \"url\": \"https://acme.trackdrive.com/x\",\n \"timeout\": \"ten\", \"colour\": 1\n}"))
	require.EqualError(t, err, `trackdrive: invalid argument: 3:13: timeout: must be a duration such as "10s"; 3:20: colour: is not a key of a webhook's configuration`)
	var parse *trackdrive.ParseError
	require.ErrorAs(t, err, &parse)
	for i, want := range [][2]int{{3, 13}, {3, 20}, {0, 0}} {
		line, column := parse.Position(i)
		require.Equal(t, want, [2]int{line, column})
	}
	line, column := parse.Position(-1)
	require.Zero(t, line+column)

	_, err = trackdrive.ParseWebhook([]byte("{\n}}"))
	require.EqualError(t, err, "trackdrive: invalid argument: 2:2: text after the document; leave it out", "the position is shown once")
}

func TestPositionsOfNamesThatLookLikePlaces(t *testing.T) {
	t.Parallel()
	require.Equal(t, `1:56 tokens.a.b.max_len: must not be negative
1:73 tokens.a.from: names the token itself
`, foundMistakes(t, `{"url":"https://x.example/","tokens":{"a.b":{"max_len":-1}, "a":{"from":"A"}}}`))
	require.Equal(t, `1:46 header a b: is not a header name
1:58 header a b.c: is not a header name
1:65 header a: must be printable ASCII without leading or trailing blanks
`, foundMistakes(t, `{"url":"https://x.example/","header":{ "a b":"1","a b.c":"","a":""}}`))
}

func TestParseErrorsMadeByHand(t *testing.T) {
	t.Parallel()
	mistakes := []trackdrive.FieldError{{Field: "body 3:14", Message: "is wrong"}, {Message: "is odd"}}
	e := &trackdrive.ParseError{Mistakes: mistakes}
	require.EqualError(t, e, "trackdrive: invalid argument: body 3:14: is wrong; is odd")
	line, column := e.Position(0)
	require.Zero(t, line+column, "there is no document")
	line, column = new(trackdrive.ParseError).Position(0)
	require.Zero(t, line+column)

	_, err := trackdrive.ParseWebhook([]byte(`{}`))
	var parse *trackdrive.ParseError
	require.ErrorAs(t, err, &parse)
	parse.Mistakes = append(parse.Mistakes, mistakes...)
	line, column = parse.Position(1)
	require.Zero(t, line+column, "nothing is known about a mistake that was added")
	require.EqualError(t, parse, "trackdrive: invalid argument: 1:1: url: is empty; body 3:14: is wrong; is odd")
}

func TestStoredMistakesThatAreLeftOverTokens(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]bool{
		`{"url":"https://x.example/?a=REPLACE_ME"}`:                       true,
		`{"url":"https://x.example/?a=REPLACE_ME","colour":1}`:            true,
		`{"url":"https://x.example/","colour":1}`:                         false,
		`{"url":"https://x.example/?a=[a]","values":{"a":"[caller_id]"}}`: true,
	} {
		_, err := trackdrive.ParseWebhook([]byte(data))
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, data)
		require.Equal(t, want, errors.Is(err, trackdrive.ErrLeftoverToken), data)
		require.ErrorContains(t, err, "1:", data)
	}
}

func TestManyMistakesAreFoundQuickly(t *testing.T) {
	t.Parallel()
	const members = 20_000
	var b strings.Builder
	b.WriteString(`{"url":"https://x.example/"`)
	for i := range members {
		fmt.Fprintf(&b, ",\"colour%d\":1", i)
	}
	b.WriteString("}")
	_, err := trackdrive.ParseWebhook([]byte(b.String()))
	var parse *trackdrive.ParseError
	require.ErrorAs(t, err, &parse)
	require.Len(t, parse.Mistakes, members)
	line, column := parse.Position(members - 1)
	require.Equal(t, 1, line)
	require.Equal(t, strings.Index(b.String(), fmt.Sprintf(`"colour%d"`, members-1))+1, column)
}

func TestParseWebhookAcceptsWhatNewWebhookDoes(t *testing.T) {
	t.Parallel()
	for _, cfg := range webhookPresets() {
		data, err := json.Marshal(cfg)
		require.NoError(t, err)
		w, err := trackdrive.ParseWebhook(data)
		require.NoError(t, err)
		require.Equal(t, newWebhook(t, cfg).Tokens(), w.Tokens())
	}
	for _, data := range []string{
		`{"url":"https://x.example/","name":null,"method":null,"header":null,"body":null,"timeout":null,"acceptance":null,"accept_empty":null,"repeat":null,"dialects":null,"on_missing":null,"values":null,"tokens":null,"literals":null,"allow_hosts":null}`,
		`{"url":"https://x.example/","timeout":"","values":{"a":null},"tokens":{"a":{"required":null,"map":null}}}`,
		"\ufeff {\"url\":\"https://x.example/\",\"header\":{},\"dialects\":[],\"literals\":[],\"values\":{},\"tokens\":{}}\n",
		`{"url":"https://x.example/?a=\u005ba]","acceptance":{"criteria":[{"field":"a","condition":"exists"}]}}`,
	} {
		require.Empty(t, foundMistakes(t, data), data)
	}
}

// webhookPresets returns every preset, with values.
func webhookPresets() []trackdrive.WebhookConfig {
	return []trackdrive.WebhookConfig{
		trackdrive.CallGridBid("acme", "health", "11", "+15555550120"),
		trackdrive.RingbaPixel("acme", "made-up-lead-token", "11"),
		trackdrive.CallPostback(),
		trackdrive.CallPostbackURL(),
		trackdrive.RingbaConversion(),
	}
}

func FuzzParseWebhook(f *testing.F) {
	_, configs, _ := brokenWebhooks(f)
	for _, config := range configs {
		f.Add([]byte(config))
	}
	for _, cfg := range webhookPresets() {
		data, err := json.Marshal(cfg)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := trackdrive.ParseWebhook(data)
		var cfg trackdrive.WebhookConfig
		wanted := cfg.UnmarshalJSON(data)
		if wanted == nil {
			_, wanted = trackdrive.NewWebhook(cfg)
		}
		require.Equal(t, wanted == nil, err == nil, "%v and %v", wanted, err)
		if err != nil {
			requireSameMistakes(t, data, wanted, err)
			return
		}
		stored, err := json.Marshal(cfg)
		require.NoError(t, err)
		again, err := trackdrive.ParseWebhook(stored)
		require.NoError(t, err)
		require.Equal(t, w.Tokens(), again.Tokens())
		var read trackdrive.WebhookConfig
		require.NoError(t, read.UnmarshalJSON(stored))
		twice, err := json.Marshal(read)
		require.NoError(t, err)
		require.Equal(t, string(stored), string(twice))
	})
}

// requireSameMistakes checks that both errors have the same mistakes, and that the
// positions are in the document, in order.
func requireSameMistakes(t *testing.T, data []byte, wanted, err error) {
	t.Helper()
	var parse, other *trackdrive.ParseError
	require.ErrorAs(t, err, &parse)
	require.ErrorAs(t, wanted, &other)
	require.ElementsMatch(t, other.Mistakes, parse.Mistakes)
	require.Equal(t, errors.Is(wanted, trackdrive.ErrLeftoverToken), errors.Is(err, trackdrive.ErrLeftoverToken))
	lines := strings.Split(string(data), "\n")
	last := [2]int{1, 1}
	for i := range parse.Mistakes {
		line, column := parse.Position(i)
		require.GreaterOrEqual(t, slices.Compare([]int{line, column}, last[:]), 0, "the mistakes are in order")
		last = [2]int{line, column}
		require.LessOrEqual(t, line, len(lines))
		require.LessOrEqual(t, column, utf8.RuneCountInString(lines[line-1])+1)
	}
}

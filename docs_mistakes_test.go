package trackdrive_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

func mistakesPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("docs/webhook-mistakes.md")
	require.NoError(t, err)
	return string(page)
}

func TestThePageOfMistakesSaysWhatTheLibrarySays(t *testing.T) {
	t.Parallel()
	page := mistakesPage(t)
	configs, mistakes := blocksOf(page, "json mistake"), blocksOf(page, "text mistakes")
	require.Len(t, configs, 20)
	require.Len(t, mistakes, len(configs))
	for i, config := range configs {
		require.Equal(t, mistakes[i], foundMistakes(t, config), config)
	}
	require.Equal(t, len(configs), strings.Count(page, "\n## ")-1, "a headline for each")
}

func TestThePageOfMistakesShowsWeaknesses(t *testing.T) {
	t.Parallel()
	page := mistakesPage(t)
	w, err := trackdrive.ParseWebhook([]byte(blocksOf(page, "json weak")[0]))
	require.NoError(t, err)
	require.Equal(t, blocksOf(page, "text weaknesses"), []string{strings.Join(w.Weaknesses(), "\n") + "\n"})
}

func TestTheMistakesPagesCodeCompiles(t *testing.T) {
	t.Parallel()
	requireCompiled(t, mistakesPage(t), "docs_mistakes_test.go")
}

var _ = []any{pageMistakes, pageConvert}

func pageMistakes(stored []byte) (*trackdrive.Webhook, error) {
	webhook, err := trackdrive.ParseWebhook(stored)
	var parse *trackdrive.ParseError
	if errors.As(err, &parse) {
		for i, mistake := range parse.Mistakes {
			line, column := parse.Position(i)
			fmt.Printf("line %d, column %d: %v\n", line, column, mistake)
		}
	}
	return webhook, err
}

func pageConvert(stored []byte, values trackdrive.Values) error {
	webhook, err := trackdrive.ParseWebhook(stored)
	if err != nil {
		return err
	}
	for _, weakness := range webhook.Weaknesses() {
		fmt.Println(weakness)
	}
	cfg, err := webhook.Convert(trackdrive.DialectHandlebars)
	fmt.Println(cfg, err)
	request, err := webhook.Preview(values)
	fmt.Println(request.Curl())
	return err
}

package insight_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/insight"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// insightPage returns what the page says of this package: the sections of other
// packages come last.
func insightPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../docs/insight.md")
	require.NoError(t, err)
	own, _, _ := strings.Cut(string(page), "\n## Prometheus")
	own, _, _ = strings.Cut(own, "\n## OpenTelemetry")
	return own
}

// TestThePagesCodeRuns looks for each block of the page's Go code, in one piece, in the
// examples.
func TestThePagesCodeRuns(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("example*_test.go")
	require.NoError(t, err)
	var compiled strings.Builder
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		compiled.WriteString(unindented(string(source)))
	}
	_, rest, isFound := strings.Cut(insightPage(t), "```go\n")
	for ; isFound; _, rest, isFound = strings.Cut(rest, "```go\n") {
		block, _, isClosed := strings.Cut(rest, "```")
		require.True(t, isClosed)
		require.Contains(t, compiled.String(), "\n"+unindented(block))
	}
}

// unindented returns a text without what begins and ends its lines.
func unindented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String()
}

func TestThePageNamesEveryKey(t *testing.T) {
	t.Parallel()
	page := insightPage(t)
	isLabel := map[string]bool{"name": true, "id": true, "source": true, "company": true, "endpoint": true, "operation": true, "reason": true, "start": true, "started_at": true, "at": true}
	var visit func(reflect.Type)
	visit = func(of reflect.Type) {
		switch of.Kind() {
		case reflect.Slice:
			visit(of.Elem())
		case reflect.Struct:
			for i := range of.NumField() {
				field := of.Field(i)
				key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
				if key != "" && !isLabel[key] {
					require.Contains(t, page, "`"+key+"`", "%s.%s", of.Name(), field.Name)
				}
				visit(field.Type)
			}
		}
	}
	visit(reflect.TypeFor[insight.Report]())
	for limit := range reflect.TypeFor[insight.Limits]().Fields() {
		require.Contains(t, page, "`"+limit.Name+"`")
	}
}

func TestThePagesLogLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewJSONHandler(&out, nil))
		numbers := insight.New()
		sell(numbers)
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Second)
		defer cancel()
		logNumbers(ctx, log, numbers)
		var lines []map[string]any
		for line := range bytes.Lines(out.Bytes()) {
			var fields map[string]any
			require.NoError(t, json.Unmarshal(line, &fields))
			lines = append(lines, fields)
		}
		require.Len(t, lines, 6, "three a minute")
		require.Equal(t, "25.50", lines[3]["report"].(map[string]any)["auctions"].(map[string]any)["revenue"])
		require.Equal(t, []any{"medicare", "25.50", 1.0}, []any{lines[5]["name"], lines[5]["revenue"], lines[5]["unknown"]})
	})
}

func TestThePagesLogLineOfACall(t *testing.T) {
	t.Parallel()
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell"})
	fake.Fail(trackdrivetest.OpPing, trackdrivetest.Refusal("rejected", "+15555550142 is blocked"), 1)
	var out bytes.Buffer
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), logCalls(slog.New(slog.NewJSONHandler(&out, nil))))
	require.NoError(t, err)
	_, err = client.Ping(t.Context(), "sell", &trackdrive.PingRequest{CallerID: "+15555550142"})
	require.NoError(t, err)
	require.Contains(t, out.String(), `"operation":"ping","outcome":"no_buyer"`)
	require.NotContains(t, out.String(), "0142")
}

package prom_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/prom"
)

func readText(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(data)
}

// TestTheDocumentListsTheMetrics compares the table with a scrape of everything.
func TestTheDocumentListsTheMetrics(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	labelsOf := map[string]string{}
	for line := range strings.Lines(readText(t, "testdata/scrape.txt")) {
		if kind := regexp.MustCompile(`^# TYPE (\w+) (\w+)`).FindStringSubmatch(line); kind != nil {
			want[kind[1]] = kind[2]
		}
		if series := regexp.MustCompile(`^(\w+)\{(.*)\}`).FindStringSubmatch(line); series != nil {
			name := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(series[1], "")
			for _, l := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(series[2], -1) {
				if l[1] != "le" && !strings.Contains(labelsOf[name], "`"+l[1]+"`") {
					labelsOf[name] += "`" + l[1] + "`"
				}
			}
		}
	}
	require.NotEmpty(t, want)
	got := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(trackdrive_\\w+)` \\| (\\w+) \\|([^|]*)\\|").FindAllStringSubmatch(readText(t, "README.md"), -1) {
		got[row[1]] = row[2]
		for label := range strings.SplitSeq(strings.TrimSpace(row[3]), ", ") {
			require.Contains(t, labelsOf[row[1]], label, row[1])
			labelsOf[row[1]] = strings.Replace(labelsOf[row[1]], label, "", 1)
		}
		require.Empty(t, labelsOf[row[1]], row[1])
	}
	require.Equal(t, want, got)
}

// TestTheDocumentShowsTheAlerts wants the queries that the tests run.
func TestTheDocumentShowsTheAlerts(t *testing.T) {
	t.Parallel()
	blank := regexp.MustCompile(`\s+`)
	alerts := blank.ReplaceAllString(string(prom.Alerts()), " ")
	queries := regexp.MustCompile("(?s)```promql\n(.*?)```").FindAllStringSubmatch(readText(t, "README.md"), -1)
	require.Len(t, queries, 4, "the revenue, and three alerts")
	for _, q := range queries[1:] {
		require.Contains(t, alerts, "expr: >- "+blank.ReplaceAllString(q[1], " "))
	}
}

// TestTheDocumentsCodeRuns looks for each block of Go code after the first, which is in the
// package's Example in other words, in the examples.
func TestTheDocumentsCodeRuns(t *testing.T) {
	t.Parallel()
	indent := regexp.MustCompile(`(?m)^\s+`)
	compiled := indent.ReplaceAllString(readText(t, "example_test.go")+readText(t, "example_docs_test.go"), "")
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(readText(t, "README.md"), -1)
	require.Len(t, blocks, 4)
	for _, block := range blocks[1:] {
		require.Contains(t, compiled, "\n"+indent.ReplaceAllString(block[1], ""))
	}
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

const recipes = "../../docs/command.md"

// TestTheRecipesAreTrue runs the console blocks of docs/command.md, each section in a
// folder and against a fake of its own, and compares what they print.
func TestTheRecipesAreTrue(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(recipes)
	require.NoError(t, err)
	ran := 0
	var written strings.Builder
	for _, section := range regexp.MustCompile(`(?m)^## `).Split(string(page), -1) {
		shell := newRecipeShell(t)
		parts := strings.Split(section, "```console\n")
		for i, part := range parts[1:] {
			block, rest, isClosed := strings.Cut(part, "```\n")
			require.True(t, isClosed, "a console block is not closed")
			got := shell.run(t, block)
			if *isUpdating {
				block = got
			}
			require.Equal(t, steadyText(block), steadyText(got))
			ran += strings.Count(block, "\n$ ") + 1
			parts[i+1] = block + "```\n" + rest
		}
		if written.Len() > 0 {
			written.WriteString("## ")
		}
		written.WriteString(strings.Join(parts, "```console\n"))
	}
	require.Greater(t, ran, 25, "commands of the page were run")
	if *isUpdating {
		require.NoError(t, os.WriteFile(recipes, []byte(written.String()), 0o600))
	}
}

// recipeShell runs the commands of one section.
type recipeShell struct {
	dir    string
	env    []string
	base   string
	status int
}

// recipeFiles are the files that the recipes begin with.
var recipeFiles = map[string]string{
	"credentials.yaml": "companies:\n  acme:\n    public_key: tdpub-PLANTED-1\n    private_key: tdprv-PLANTED-2\n",
	"webhook.json": `{
  "name": "bid at acme",
  "url": "BASE/api/v1/inbound_webhooks/ping/health",
  "headers": {"X-Source": "web"},
  "body": "{\"caller_id\": \"[[tag:CallerId]]\"}",
  "acceptance": {"criteria": [{"field": "buyers.0.bid_price", "condition": "Greter Than", "value": "20.00"}]}
}
`,
	"criteria.json": `{"criteria": [{"field": "buyers.*.bid_price", "condition": "Greater Than", "value": "20.00"}]}` + "\n",
}

func newRecipeShell(t *testing.T) *recipeShell {
	t.Helper()
	srv, market := startFake(t), startFake(t)
	for n := 3; n <= 4; n++ {
		srv.AddCall(trackdrivetest.Call{UUID: fmt.Sprintf("00000000-0000-4000-8000-%012d", n), CallerNumber: "+15555550148"})
	}
	srv.AddCall(trackdrivetest.Call{UUID: "00000000-0000-4000-8000-000000000042", CallerNumber: "+15555550142", BuyerID: "102"})
	s := &recipeShell{dir: t.TempDir(), base: srv.URL}
	for name, text := range recipeFiles {
		require.NoError(t, os.WriteFile(filepath.Join(s.dir, name), []byte(strings.ReplaceAll(text, "BASE", srv.URL)), 0o600))
	}
	require.NoError(t, writeOutbox(filepath.Join(s.dir, "conversions.db")))
	require.NoError(t, writeSales(filepath.Join(s.dir, "sales.db"), ""))
	require.NoError(t, writeBidLog(market, filepath.Join(s.dir, "bids.jsonl")))
	s.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "TRACKDRIVE_BASE_URL=" + srv.URL}
	return s
}

func startFake(t *testing.T) *trackdrivetest.Server {
	t.Helper()
	srv, err := newFake()
	require.NoError(t, err)
	t.Cleanup(srv.Close)
	return srv
}

// run runs the commands of a block, and returns the block with what they print.
func (s *recipeShell) run(t *testing.T, block string) string {
	t.Helper()
	var printed strings.Builder
	for line := range strings.Lines(block) {
		command, isCommand := strings.CutPrefix(line, "$ ")
		if !isCommand {
			continue
		}
		printed.WriteString(line)
		command = strings.TrimSuffix(command, "\n")
		if variable, isExport := strings.CutPrefix(command, "export "); isExport {
			s.env = append(s.env, variable)
			continue
		}
		var output bytes.Buffer
		cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "sh", "-c", fmt.Sprintf("(exit %d)\n%s", s.status, command))
		cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, s.env, &output, &output
		s.status = exitStatus(cmd.Run())
		text := strings.ReplaceAll(output.String(), s.base, "https://acme.trackdrive.com")
		printed.WriteString(nowTexts.ReplaceAllString(text, "2026-03-01 09:${1}Z"))
	}
	return printed.String()
}

// nowTexts are times of this run: the page has a fixed day.
var nowTexts = regexp.MustCompile(time.Now().UTC().Format("2006-01-02") + ` [0-9]{2}:([0-9]{2}:[0-9]{2})Z`)

package program_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/program"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// session is a terminal for a test.
type session struct {
	*term.Terminal
	out, err bytes.Buffer
	env      map[string]string
}

func newSession(typed string) *session {
	s := &session{env: map[string]string{}}
	s.Terminal = &term.Terminal{
		In: strings.NewReader(typed), Out: &s.out, Err: &s.err, Env: func(name string) string { return s.env[name] }, IsAsking: true,
	}
	return s
}

// fakeWithBuyer is a TrackDrive with an endpoint, health, and a buyer.
func fakeWithBuyer(t *testing.T) *trackdrivetest.Server {
	t.Helper()
	srv := trackdrivetest.NewServer(t)
	srv.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "health", Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "25.00"}}})
	return srv
}

func TestASaleIsAskedAbout(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]struct{ status, sales int }{
		"yes\n":   {0, 1},
		" YES \n": {0, 1},
		"yes":     {0, 1}, // and the end of the input
		"y\n":     {1, 0},
		"no\n":    {1, 0},
		"\n":      {1, 0},
		"":        {1, 0},
	} {
		t.Run(fmt.Sprintf("%q", typed), func(t *testing.T) {
			t.Parallel()
			srv := fakeWithBuyer(t)
			s := newSession(typed)
			s.env["TRACKDRIVE_BASE_URL"] = srv.URL
			status := program.Run(t.Context(), s.Terminal, []string{"full", "acme", "health", "--caller-id", "+15555550142"})
			require.Equal(t, want.status, status, s.err.String())
			require.Contains(t, s.err.String(), "This sells the lead of …42 at acme.\nType yes to go on: ")
			require.Len(t, srv.Sales(), want.sales)
		})
	}
}

func TestNobodyIsAskedAboutACallThatIsRefusedAnyway(t *testing.T) {
	t.Parallel()
	s := newSession("yes\n")
	require.Equal(t, 2, program.Run(t.Context(), s.Terminal, []string{"full", "acme", "health", "--caller-id", "[caller_id]"}))
	require.NotContains(t, s.err.String(), "Type yes")
}

// slowReader is a terminal at which nobody types.
type slowReader struct{ until context.Context }

func (r slowReader) Read([]byte) (int, error) {
	<-r.until.Done()
	return 0, io.EOF
}

func TestAnInterruptAtAQuestionDoesNothing(t *testing.T) {
	t.Parallel()
	srv := fakeWithBuyer(t)
	s := newSession("")
	s.env["TRACKDRIVE_BASE_URL"] = srv.URL
	s.In = slowReader{t.Context()}
	ctx, interrupt := context.WithCancel(t.Context())
	said := &waitingWriter{text: "Type yes", found: interrupt}
	s.Err = said
	require.Equal(t, 1, program.Run(ctx, s.Terminal, []string{"full", "acme", "health", "--caller-id", "+15555550142"}))
	require.Contains(t, said.String(), "interrupted; nothing was done")
	require.Empty(t, srv.Requests())
}

// waitingWriter calls a function when a text is written.
type waitingWriter struct {
	mu    sync.Mutex
	b     strings.Builder
	text  string
	found func()
}

func (w *waitingWriter) Write(data []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b.Write(data)
	if strings.Contains(w.b.String(), w.text) {
		w.found()
	}
	return len(data), nil
}

func (w *waitingWriter) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

func TestAnInterruptedPostMayHaveSold(t *testing.T) {
	t.Parallel()
	srv := fakeWithBuyer(t)
	srv.Fail(trackdrivetest.OpFull, trackdrivetest.AfterActing(trackdrivetest.Slow(time.Minute)), 1)
	s := newSession("")
	s.env["TRACKDRIVE_BASE_URL"] = srv.URL
	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		for len(srv.Sales()) == 0 && ctx.Err() == nil {
			<-time.After(time.Millisecond)
		}
		interrupt()
	}()
	require.Equal(t, 3, program.Run(ctx, s.Terminal, []string{"full", "acme", "health", "--caller-id", "+15555550142", "--yes"}))
	require.Contains(t, s.err.String(), "the lead may be sold: do not post it again")
	require.Len(t, srv.Requests(trackdrivetest.OpFull), 1)
}

func TestAnInterruptBeforeAPostSellsNothing(t *testing.T) {
	t.Parallel()
	srv := fakeWithBuyer(t)
	s := newSession("")
	s.env["TRACKDRIVE_BASE_URL"] = srv.URL
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	require.Equal(t, 1, program.Run(ctx, s.Terminal, []string{"full", "acme", "health", "--caller-id", "+15555550142", "--yes"}))
	require.Contains(t, s.err.String(), "nothing was sent: it is safe to try again")
	require.Empty(t, srv.Sales())
}

// brokenPipe is an output that nobody reads.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestTheNumberOfASaleIsNotLostWithTheOutput(t *testing.T) {
	t.Parallel()
	srv := fakeWithBuyer(t)
	for _, format := range []string{"--json=false", "--json"} {
		s := newSession("")
		s.env["TRACKDRIVE_BASE_URL"] = srv.URL
		s.Out = brokenPipe{}
		require.Zero(t, program.Run(t.Context(), s.Terminal, []string{"full", "acme", "health", "--caller-id", "+15555550142", "--yes", format}))
		require.Contains(t, s.err.String(), "+155555501")
	}
	require.Len(t, srv.Sales(), 2)
}

func TestOnlyATerminalGetsColours(t *testing.T) {
	t.Parallel()
	srv := fakeWithBuyer(t)
	for _, isStyled := range []bool{false, true} {
		s := newSession("")
		s.env["TRACKDRIVE_BASE_URL"] = srv.URL
		s.IsStyled = isStyled
		require.Zero(t, program.Run(t.Context(), s.Terminal, []string{"ping", "acme", "health", "--caller-id", "+15555550142"}))
		require.Equal(t, isStyled, strings.Contains(s.out.String(), "\x1b["), "%q", s.out.String())
		require.Contains(t, s.out.String(), "accepted: 1 buyer")
	}
}

func TestWhatServersSayCannotControlTheTerminal(t *testing.T) {
	t.Parallel()
	srv := trackdrivetest.NewServer(t)
	srv.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "health", Buyers: []trackdrivetest.Buyer{{Name: "Buyer\x1b[2J\x07\r\nA", Bid: "25.00", Tier: "\x1b]0;x\x07"}}})
	s := newSession("")
	s.env["TRACKDRIVE_BASE_URL"] = srv.URL
	require.Zero(t, program.Run(t.Context(), s.Terminal, []string{"ping", "acme", "health", "--caller-id", "+15555550142"}))
	require.NotContains(t, s.out.String(), "\x1b")
	require.NotContains(t, s.out.String(), "\x07")
	require.NotContains(t, s.out.String(), "\r")
}

// Of several who settle an item of one file at once, one does; the others are told that
// the file is in use, or that the item is settled. The file stays whole.
func TestAFileIsChangedByOneCommandAtATime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "conversions.db")
	store, err := boltstore.Open(path, nil)
	require.NoError(t, err)
	item, err := outbox.NewUpdate("sale-1", trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}, &trackdrive.UpdateCall{AddRevenue: trackdrive.MustAmount("5.00")})
	require.NoError(t, err)
	_, _, err = outbox.Enqueue(t.Context(), store, item)
	require.NoError(t, err)
	_, err = store.Update(t.Context(), "sale-1", func(i *outbox.Item) error { i.State = outbox.Aside; return nil })
	require.NoError(t, err)
	require.NoError(t, store.Close())

	const people = 8
	statuses := make([]int, people)
	texts := make([]string, people)
	var all sync.WaitGroup
	for i := range people {
		all.Go(func() {
			s := newSession("")
			statuses[i] = program.Run(t.Context(), s.Terminal, []string{"outbox", "settle", "sale-1", "--delivered", "--yes", "--store", path})
			texts[i] = s.err.String()
		})
	}
	all.Wait()
	done := 0
	for i, status := range statuses {
		if status == 0 {
			done++
		} else {
			require.Equal(t, 1, status, texts[i])
			require.Regexp(t, `is in use|is delivered; nothing was changed`, texts[i])
		}
	}
	require.Equal(t, 1, done)
	s := newSession("")
	require.Zero(t, program.Run(t.Context(), s.Terminal, []string{"outbox", "counts", "--store", path}), s.err.String())
	require.Contains(t, s.out.String(), "delivered")
}

// Each command says what its exit statuses mean, has a summary, and an example if it
// takes arguments.
func TestEachCommandDocumentsItself(t *testing.T) {
	t.Parallel()
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() && sub.Name() != "help" {
				visit(sub)
			}
		}
		require.NotEmpty(t, cmd.Short, cmd.CommandPath())
		if cmd.HasSubCommands() && cmd.HasParent() {
			return
		}
		_, statuses, _ := strings.Cut(cmd.Long, "Exit status:")
		for _, status := range []string{"0", "1", "2"} {
			require.Contains(t, strings.Fields(statuses), status, cmd.CommandPath())
		}
		if cmd.HasParent() && cmd.Name() != "version" {
			require.NotEmpty(t, cmd.Example, cmd.CommandPath())
		}
	}
	visit(program.New(newSession("").Terminal))
}

func TestExamplesInTheHelpAreRightUsage(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt() // they are not to do anything
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
		for line := range strings.Lines(cmd.Example) {
			line = strings.TrimSpace(line)
			if strings.ContainsAny(line, "|<>$'\"") || !strings.HasPrefix(line, "trackdrive ") {
				continue // needs a shell
			}
			s := newSession("")
			s.IsAsking = true
			s.env["TRACKDRIVE_BASE_URL"] = "http://127.0.0.1:1"
			s.env["TRACKDRIVE_LEAD_TOKEN"], s.env["TRACKDRIVE_OFFER_TOKEN"] = "made-up", "made-up"
			args := strings.Fields(line)[1:]
			if args[0] == "man" || args[0] == "fake" {
				continue // would write to the system, or serve
			}
			status := program.Run(ctx, s.Terminal, args)
			require.NotEqual(t, 2, status, "%s\n%s", line, s.err.String())
		}
	}
	visit(program.New(newSession("").Terminal))
}

func TestPagesOfTheManualAreWrittenForEachCommand(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := newSession("")
	require.Zero(t, program.Run(t.Context(), s.Terminal, []string{"man", "--dir", folder}), s.err.String())
	pages, err := filepath.Glob(filepath.Join(folder, "*.1"))
	require.NoError(t, err)
	require.Greater(t, len(pages), 25)
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		require.Contains(t, string(text), ".SH NAME", page)
		require.NotContains(t, string(text), "1970", page)
	}
	post, err := os.ReadFile(filepath.Join(folder, "trackdrive-post.1"))
	require.NoError(t, err)
	require.Contains(t, string(post), "\n.EX\n  0  sold\n", "blocks stay blocks")
}

// An interrupted drain waits for what has left, records it, and says what is left.
func TestAnInterruptedDrainRecordsWhatHasLeft(t *testing.T) {
	t.Parallel()
	srv := trackdrivetest.NewServer(t)
	srv.AddCall(trackdrivetest.Call{UUID: "u-1"})
	srv.AddCall(trackdrivetest.Call{UUID: "u-2"})
	path := filepath.Join(t.TempDir(), "conversions.db")
	store, err := boltstore.Open(path, nil)
	require.NoError(t, err)
	for i, company := range []string{"acme", "globex"} {
		item, err := outbox.NewUpdate(fmt.Sprintf("sale-%d", i+1), trackdrive.CallRef{Subdomain: company, UUID: "u-1"}, &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("5.00")})
		require.NoError(t, err)
		_, _, err = outbox.Enqueue(t.Context(), store, item)
		require.NoError(t, err)
	}
	require.NoError(t, store.Close())
	srv.Fail(trackdrivetest.Any, trackdrivetest.Status(503, nil, "{}"), trackdrivetest.Always)
	s := newSession("")
	s.env["TRACKDRIVE_BASE_URL"] = srv.URL
	ctx, interrupt := context.WithCancel(t.Context())
	said := &waitingWriter{text: "waits", found: interrupt}
	s.Err = said
	require.Equal(t, 1, program.Run(ctx, s.Terminal, []string{"outbox", "drain", "--yes", "--store", path}))
	require.Contains(t, said.String(), "interrupted: what had left is recorded")
	require.Contains(t, s.out.String(), "0 delivered, 2 left")
}

// Help that nobody gets is not done.
func TestHelpThatCannotBeWrittenFails(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"help"}, {"--help"}, {"help", "webhook", "lint"}, {"ping", "--help"}, {"ping", "acme", "-h"}, {"webhook", "--help"}, {"fake", "--help"}} {
		s := newSession("")
		s.Out = brokenPipe{}
		require.Equal(t, 1, program.Run(t.Context(), s.Terminal, args), "%v", args)
		require.Equal(t, "trackdrive: the output cannot be written: broken pipe\n", s.err.String(), "%v", args)

		s = newSession("")
		require.Zero(t, program.Run(t.Context(), s.Terminal, args), "%v", args)
		require.Contains(t, s.out.String(), "Usage:\n  trackdrive", "%v", args)
		require.Empty(t, s.err.String())
	}
}

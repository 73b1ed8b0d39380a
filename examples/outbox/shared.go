// The story of two processes that share a PostgreSQL, and of which one dies.

package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func tellSharedStory(ctx context.Context, out io.Writer, database string) (err error) {
	database, drop, err := newSchema(ctx, database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, drop()) }()
	fake, err := trackdrivetest.Start()
	if err != nil {
		return err
	}
	defer fake.Close()
	for _, token := range []string{storyKey, "one-" + storyKey, "two-" + storyKey} {
		fake.AddAccess(trackdrivetest.Access{DeveloperToken: token})
	}
	for n := range calls {
		fake.AddCall(trackdrivetest.Call{UUID: callOf(n)})
	}
	s := &shared{story: story{out: out, fake: fake, progress: newProgress(out)}, database: database}
	if err := s.tell(ctx); err != nil {
		return err
	}
	return s.prove()
}

// newSchema is a place of the story's own in somebody's database.
func newSchema(ctx context.Context, database string) (inSchema string, drop func() error, err error) {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return "", nil, err
	}
	parsed, err := url.Parse(database)
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("%w: -postgres: is not a URL", trackdrive.ErrInvalidArgument), conn.Close(ctx))
	}
	schema := "outbox_story_" + strings.ToLower(rand.Text())
	if _, err := conn.Exec(ctx, "CREATE SCHEMA "+schema); err != nil {
		return "", nil, errors.Join(err, conn.Close(ctx))
	}
	query := parsed.Query()
	query.Set("search_path", schema)
	parsed.RawQuery = query.Encode()
	return parsed.String(), func() error {
		last := context.WithoutCancel(ctx)
		_, err := conn.Exec(last, "DROP SCHEMA "+schema+" CASCADE")
		return errors.Join(err, conn.Close(last))
	}, nil
}

// shared is the story of two.
type shared struct {
	story
	database string
}

func (s *shared) tell(ctx context.Context) (err error) {
	s.line("No -listen: this runs on a fake TrackDrive in this process, with your PostgreSQL.")
	engine, err := onPostgres(ctx, s.database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.close()) }()
	o := &open{story: &s.story, store: engine.store}
	o.client, err = trackdrive.NewClient("acme", trackdrive.WithTransport(s.fake.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken(storyKey)))
	if err != nil {
		return err
	}
	// It never runs: it counts.
	if o.worker, err = outbox.New(outbox.Config{Store: o.store, Client: o.client}); err != nil {
		return err
	}
	var bases []string
	var processes []*exec.Cmd
	defer func() {
		for _, p := range processes {
			_ = p.Process.Kill() // it may be gone
			_ = p.Wait()
		}
	}()
	for _, name := range []string{"one", "two"} {
		process, base, err := s.start(ctx, name)
		if process != nil {
			processes = append(processes, process)
		}
		if err != nil {
			return err
		}
		bases = append(bases, base)
	}

	s.line("\n1. Two processes take sales, and share the work.")
	for part, base := range bases {
		o.base = base
		if err := o.sell(ctx, part*calls/3, (part+1)*calls/3); err != nil {
			return err
		}
	}
	first, second := s.delivered("one"), s.delivered("two")
	if first == 0 || second == 0 {
		return fmt.Errorf("one delivered %d, two delivered %d: they do not share", first, second)
	}

	s.line("\n2. TrackDrive goes down, sales come in, and the second process is killed.")
	s.fake.Fail(trackdrivetest.Any, trackdrivetest.Status(503, nil, ""), trackdrivetest.Always)
	o.base = bases[0]
	if err := o.sell(ctx, 2*calls/3, calls); err != nil {
		return err
	}
	if err := processes[1].Process.Kill(); err != nil {
		return err
	}

	s.line("\n3. TrackDrive is back. The first process delivers what is left, its own and the other's.")
	s.fake.Heal()
	if err := o.watch(ctx, func(c outbox.Counts) bool { return c.Waiting+c.Sending == 0 }); err != nil {
		return err
	}
	if err := o.settleAll(ctx); err != nil {
		return err
	}
	if err := o.watch(ctx, func(c outbox.Counts) bool { return c.Backlog() == 0 }); err != nil {
		return err
	}
	s.line("\nBoth have delivered.")
	return nil
}

// start starts this program once more, as a service with a token of its own.
func (s *shared) start(ctx context.Context, name string) (process *exec.Cmd, base string, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	cmd := exec.CommandContext(ctx, program, "-listen", "127.0.0.1:0", "-timeout", "1s", "-postgres", s.database)
	cmd.Env = append(os.Environ(), "OUTBOX_KEY="+storyKey, "TRACKDRIVE_URL="+s.fake.URL,
		`TRACKDRIVE_CREDENTIALS={"acme":"Token `+name+"-"+storyKey+`"}`)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if _, address, found := strings.Cut(lines.Text(), "listening on "); found {
			go func() { _, _ = io.Copy(io.Discard, stderr) }() // its alerts
			return cmd, "http://" + address, nil
		}
		fmt.Fprintln(s.out, name+":", lines.Text())
	}
	return cmd, "", fmt.Errorf("process %s does not listen", name)
}

// delivered counts the requests with a process's token.
func (s *shared) delivered(name string) (n int) {
	for _, r := range s.fake.Requests(trackdrivetest.OpUpdateCall) {
		if strings.Contains(r.Header.Get("Authorization"), name+"-"+storyKey) {
			n++
		}
	}
	return n
}

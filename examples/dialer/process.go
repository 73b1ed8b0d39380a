// A dialer as a process, seen from outside: its log, its metrics, and how it dies.

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/trackdrive-go/trackdrive/sales"
)

// dialerProcess is this program, started once more with -market.
type dialerProcess struct {
	cmd    *exec.Cmd
	log    *bufio.Scanner
	stderr bytes.Buffer
	posts  *atomic.Int64 // its posts that the market has not answered

	mu      sync.Mutex
	metrics string    // a URL, once it listens
	stopped time.Time // when it got SIGTERM
	killed  bool
	left    int64 // its unanswered posts when it was killed
}

// startProcess starts a dialer. When ctx ends, it gets SIGTERM.
func startProcess(ctx context.Context, args []string) (*dialerProcess, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &dialerProcess{cmd: exec.CommandContext(ctx, program, args...), posts: new(atomic.Int64)}
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.log = bufio.NewScanner(stdout)
	return p, p.cmd.Start()
}

func (p *dialerProcess) id() int { return p.cmd.Process.Pid }

// logLine is what the story reads of a dialer's log.
type logLine struct {
	Msg     string
	Metrics string
	Counts  sales.Counts
	Sale    struct {
		LeadID string `json:"lead_id"`
		State  sales.State
	}
	Took    time.Duration
	Dialled bool
	Earlier bool
}

// wait reads the log until the process ends, and reports whether somebody killed it.
func (p *dialerProcess) wait(heard func(*dialerProcess, logLine)) (died bool, err error) {
	for p.log.Scan() {
		var l logLine
		if json.Unmarshal(p.log.Bytes(), &l) == nil { // the last line may be cut
			heard(p, l)
		}
	}
	err = p.cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return false, nil
	case errors.As(err, &exit) && exit.ExitCode() < 0: // a signal
		return true, nil
	default:
		return false, fmt.Errorf("the dialer %d failed: %w: %s", p.id(), err, strings.TrimSpace(p.stderr.String()))
	}
}

// strike kills the process, or asks it to end.
func (p *dialerProcess) strike(isDeploy bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if isDeploy {
		p.stopped = time.Now()
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		return
	}
	p.killed, p.left = true, p.posts.Load()
	_ = p.cmd.Process.Kill() // likewise
}

// postsLeft returns how many posts had no answer when the process was killed.
func (p *dialerProcess) postsLeft() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed {
		return p.left
	}
	return p.posts.Load() // somebody else has just killed it
}

// stoppedAt returns when the process was asked to end; the zero time if it was not.
func (p *dialerProcess) stoppedAt() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopped
}

func (p *dialerProcess) setMetrics(url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.metrics = url
}

// isOffering reports whether the process has started, and is not about to end.
func (p *dialerProcess) isOffering() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.metrics != "" && !p.killed && p.stopped.IsZero()
}

// counts asks the process for its metrics.
func (p *dialerProcess) counts(ctx context.Context) (counts sales.Counts, err error) {
	p.mu.Lock()
	url := p.metrics
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return counts, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return counts, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		var state sales.State
		var n int
		if found, _ := fmt.Sscanf(lines.Text(), "sales_leads{state=%q} %d", &state, &n); found == 2 {
			counts.Add(state, n)
		}
	}
	return counts, lines.Err()
}

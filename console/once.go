// Once: a form that is sent twice runs once.

package console

import (
	"crypto/rand"
	"errors"
	"sync"
	"time"
)

const (
	maxRuns   = 256              // how many outcomes are remembered
	keepRun   = 15 * time.Minute // for how long
	keepToken = 12 * time.Hour   // how long a form can be sent
)

// errOldForm is the error of a form that is too old, or not from this page.
var errOldForm = &statusError{409, "this form is too old, or the console was restarted since; nothing was done. Go back, reload the page and submit it again"}

// errBusyRuns is the error of a run while too many others are in progress.
var errBusyRuns = errors.New("too many requests are being sent; nothing was done. Try again in a minute")

// onceRuns remembers the outcome of each form that does something, by the form's token.
// Sending the form again returns that outcome.
type onceRuns struct {
	mu     sync.Mutex
	issued map[string]time.Time // tokens of forms that were not sent yet
	runs   map[string]*onceRun
}

type onceRun struct {
	done    chan struct{}
	outcome any
	began   time.Time
}

func newOnceRuns() *onceRuns {
	return &onceRuns{issued: map[string]time.Time{}, runs: map[string]*onceRun{}}
}

// token returns the token of a new form.
func (o *onceRuns) token() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	const maxIssued = 10_000
	if len(o.issued) >= maxIssued {
		o.forget()
	}
	token := rand.Text()
	o.issued[token] = time.Now()
	return token
}

// forget removes the older half of the tokens.
func (o *onceRuns) forget() {
	var oldest, newest time.Time
	for _, at := range o.issued {
		if oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
		if at.After(newest) {
			newest = at
		}
	}
	limit := oldest.Add(newest.Sub(oldest) / 2)
	for token, at := range o.issued {
		if !at.After(limit) {
			delete(o.issued, token)
		}
	}
}

// do returns the outcome of the form with that token. Only the first call calls run;
// others wait for it.
func (o *onceRuns) do(token string, run func() any) (outcome any, isRepeat bool, err error) {
	started, isRepeat, err := o.start(token)
	if err != nil {
		return nil, false, err
	}
	if isRepeat {
		<-started.done
		return started.outcome, true, nil
	}
	defer close(started.done) // even if run panics
	started.outcome = run()
	return started.outcome, false, nil
}

func (o *onceRuns) start(token string) (started *onceRun, isRepeat bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if known := o.runs[token]; known != nil {
		return known, true, nil
	}
	issued, found := o.issued[token]
	if !found || now.Sub(issued) > keepToken {
		return nil, false, errOldForm
	}
	for other, r := range o.runs {
		if now.Sub(r.began) > keepRun && r.isDone() {
			delete(o.runs, other)
		}
	}
	if len(o.runs) >= maxRuns && !o.dropOldest() {
		return nil, false, errBusyRuns
	}
	delete(o.issued, token)
	started = &onceRun{done: make(chan struct{}), began: now}
	o.runs[token] = started
	return started, false, nil
}

// dropOldest removes the oldest outcome. Its form is not run
// again, because its token is no longer known.
func (o *onceRuns) dropOldest() bool {
	oldest := ""
	for token, r := range o.runs {
		if r.isDone() && (oldest == "" || r.began.Before(o.runs[oldest].began)) {
			oldest = token
		}
	}
	delete(o.runs, oldest)
	return oldest != ""
}

func (r *onceRun) isDone() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

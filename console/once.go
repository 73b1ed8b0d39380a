// Once: a form that is sent twice runs once.

package console

import (
	"crypto/rand"
	"sync"
	"time"
)

const (
	maxRuns   = 256              // how many outcomes are remembered
	keepRun   = 15 * time.Minute // for how long
	keepToken = 12 * time.Hour   // how long a form can be sent
)

// errOldForm is the error of a form that is too old, or not from this page.
var errOldForm = &statusError{409, "this form is too old, or the console was restarted since; nothing was done now. Go back, reload the page and submit it again"}

// errBusyRuns is the error of a run while too many others are in progress.
var errBusyRuns = &statusError{503, "too many requests are being sent; nothing was done. Try again in a minute"}

// errOtherContent is the error of a form that was sent before, with something else in it.
var errOtherContent = &statusError{409, "this form was sent before, with something else in it; nothing was done this time. Go back, reload, and send it again"}

// onceRuns remembers the outcome of each form that does something, by the form's token.
// Sending the form again returns that outcome.
type onceRuns struct {
	mu     sync.Mutex
	issued map[string]issuedForm // by token, forms that were not sent yet
	runs   map[string]*onceRun
	kept   map[string]*keptValues // by the token of the form that they are part of
}

// keptValues are the values of credentials that a form has no fields for.
type keptValues struct {
	purpose string // whose they are, and what they are for
	values  map[string]string
	at      time.Time
}

// issuedForm is a form that was shown: its token does nothing else.
type issuedForm struct {
	purpose string // whose form it is, and what for
	at      time.Time
}

type onceRun struct {
	done    chan struct{}
	outcome any
	began   time.Time
	purpose string
	content string
}

func newOnceRuns() *onceRuns {
	return &onceRuns{issued: map[string]issuedForm{}, runs: map[string]*onceRun{}, kept: map[string]*keptValues{}}
}

// token returns the token of a new form for a purpose.
func (o *onceRuns) token(purpose string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	const maxIssued = 10_000
	if len(o.issued) >= maxIssued {
		o.forget()
	}
	token := rand.Text()
	o.issued[token] = issuedForm{purpose, time.Now()}
	return token
}

// keep keeps values for a form, as long as outcomes are remembered, and not those of more
// forms. Values that are too long are not kept.
func (o *onceRuns) keep(token, purpose string, values map[string]string) {
	const longestKept = 16 << 10
	size := 0
	for name, value := range values {
		size += len(name) + len(value)
	}
	if size == 0 || size > longestKept {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.kept) >= maxRuns {
		oldest := ""
		for other, k := range o.kept {
			if oldest == "" || k.at.Before(o.kept[oldest].at) {
				oldest = other
			}
		}
		delete(o.kept, oldest)
	}
	o.kept[token] = &keptValues{purpose, values, time.Now()}
	time.AfterFunc(keepRun, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.kept, token)
	})
}

// keptFor returns the values that are kept for a form and a purpose.
func (o *onceRuns) keptFor(token, purpose string) map[string]string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if k := o.kept[token]; k != nil && k.purpose == purpose {
		return k.values
	}
	return nil
}

// isFor reports whether a form was shown for a purpose, or was sent for it.
func (o *onceRuns) isFor(token, purpose string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if known := o.runs[token]; known != nil {
		return known.purpose == purpose
	}
	form, found := o.issued[token]
	return found && form.purpose == purpose
}

// isKnown reports whether a form was shown or sent, whatever for.
func (o *onceRuns) isKnown(token string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, isIssued := o.issued[token]
	return isIssued || o.runs[token] != nil
}

// forget removes the older half of the tokens.
func (o *onceRuns) forget() {
	var oldest, newest time.Time
	for _, form := range o.issued {
		at := form.at
		if oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
		if at.After(newest) {
			newest = at
		}
	}
	limit := oldest.Add(newest.Sub(oldest) / 2)
	for token, form := range o.issued {
		if !form.at.After(limit) {
			delete(o.issued, token)
		}
	}
}

// do returns the outcome of the form with that token, which must be for that purpose.
// Only the first call calls run; others wait for it, and must have the same content.
func (o *onceRuns) do(token, purpose, content string, run func() any) (outcome any, isRepeat bool, err error) {
	started, isRepeat, err := o.start(token, purpose, content)
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

func (o *onceRuns) start(token, purpose, content string) (started *onceRun, isRepeat bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if known := o.runs[token]; known != nil && known.purpose == purpose {
		if known.content != content {
			return nil, false, errOtherContent
		}
		return known, true, nil
	}
	form, found := o.issued[token]
	if !found || form.purpose != purpose || now.Sub(form.at) > keepToken {
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
	started = &onceRun{done: make(chan struct{}), began: now, purpose: purpose, content: content}
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

// Actions: what a viewer does to an item or a lead, once, with a note.

package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/display"
)

// Action is something that a viewer did. It is passed to Config.OnAction.
type Action struct {
	Viewer string    // Viewer.Name
	Kind   string    // "run", "retry", "settle", "discard", "release", "resume" or "resolve"
	ID     string    // the stored webhook's name ("" if it is not stored), the item's or the lead's id, or the company
	Note   string    // what the viewer wrote; "" with "run"
	At     time.Time // when it was done
	Err    error     // nil if it was done
}

// longestNote is how long a note may be, in bytes.
const longestNote = 1000

// actionForm is a form that was sent.
type actionForm struct {
	do, id, note, token string
}

// keepsNote reports whether something keeps the note of an action: the store of the item or
// the lead, or the program's own records. No other note is asked for.
func (p *consolePage) keepsNote(do string) bool {
	return p.config.OnAction != nil || do == "discard" || do == "sold" || do == "unsold"
}

// readAction reads the form of an action. A note that is kept is required: somebody will
// ask why.
func (p *consolePage) readAction(r *http.Request) (actionForm, error) {
	if err := r.ParseForm(); err != nil {
		return actionForm{}, formError(err)
	}
	f := actionForm{r.PostForm.Get("do"), r.PostForm.Get("id"), strings.TrimSpace(normalLines(r.PostForm.Get("note"))), r.PostForm.Get("token")}
	switch {
	case !viewerOf(r).MayChange:
		return f, errForbidden
	case f.note == "" && p.keepsNote(f.do):
		return f, &statusError{http.StatusBadRequest, "The note is empty; nothing was done. Write down who found out, and how."}
	case len(f.note) > longestNote:
		return f, &statusError{http.StatusBadRequest, fmt.Sprintf("The note is longer than %d bytes; nothing was done.", longestNote)}
	}
	return f, nil
}

// purposeOf returns the purpose of a form: it is one viewer's, on one page.
func purposeOf(viewer Viewer, page string) string { return page + " of " + viewer.Name }

// outcomeView is the outcome of an action.
type outcomeView struct {
	Text  string
	IsBad bool
}

// actOnce does an action once, and reports it to Config.OnAction.
func (p *consolePage) actOnce(r *http.Request, f actionForm, page, kind string, do func(context.Context) (string, error)) (outcomeView, error) {
	viewer := viewerOf(r)
	outcome, isRepeat, err := p.once.do(f.token, purposeOf(viewer, page), strings.Join([]string{f.do, f.id, f.note}, "\x00"), func() any {
		const longestAction = time.Minute
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), longestAction)
		defer cancel()
		text, err := do(ctx)
		p.report(ctx, Action{viewer.Name, kind, f.id, f.note, time.Now(), err})
		if err != nil {
			return outcomeView{"It was not done: " + actionError(err), true}
		}
		return outcomeView{text, false}
	})
	if err != nil {
		return outcomeView{}, err
	}
	view, isView := outcome.(outcomeView)
	if !isView {
		return outcomeView{"The action did not finish. Check the stored state before you try again.", true}, nil
	}
	if isRepeat {
		view.Text += " The form was sent twice, and done once."
	}
	return view, nil
}

// afterAction returns the error of the page after an action, with what was done.
func afterAction(outcome outcomeView, err error) error {
	if err == nil {
		return nil
	}
	return &afterError{outcome.Text, err}
}

func (p *consolePage) report(ctx context.Context, a Action) {
	if p.config.OnAction != nil {
		p.config.OnAction(ctx, a)
	}
}

// actionError returns an error as a viewer may see it.
func actionError(err error) string {
	var status *statusError
	if errors.As(err, &status) {
		return status.text
	}
	return display.HideNumbers(err.Error())
}

// The outbox pages: waiting and stuck items, and the actions on them.

package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/outbox"
)

// outboxAdmin asks the outbox as an admin of it does: [outbox.Handler] decides what is
// shown of an item.
type outboxAdmin struct{ handler http.Handler }

// call sends a request to the handler, in this process.
func (a outboxAdmin) call(ctx context.Context, method, target string, body, into any) error {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://outbox"+target, bytes.NewReader(data))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	reply := memoryReply{header: http.Header{}, status: http.StatusOK}
	a.handler.ServeHTTP(&reply, r)
	if reply.status != http.StatusOK {
		var failed struct{ Error string }
		_ = json.Unmarshal(reply.body.Bytes(), &failed) // the text is empty then
		return &statusError{reply.status, failed.Error}
	}
	return json.Unmarshal(reply.body.Bytes(), into)
}

// memoryReply is a ResponseWriter in memory.
type memoryReply struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (m *memoryReply) Header() http.Header            { return m.header }
func (m *memoryReply) WriteHeader(status int)         { m.status = status }
func (m *memoryReply) Write(data []byte) (int, error) { return m.body.Write(data) }

// outboxItem is an item as outbox.Handler shows it.
type outboxItem struct {
	ID          string         `json:"id"`
	Operation   string         `json:"operation"`
	Subdomain   string         `json:"subdomain"`
	CallUUID    string         `json:"call_uuid"`
	Caller      string         `json:"caller"`
	Webhook     string         `json:"webhook"`
	Values      map[string]any `json:"values"`
	Fields      []string       `json:"fields"`
	Additive    bool           `json:"additive"`
	State       outbox.State   `json:"state"`
	Attempts    int            `json:"attempts"`
	EnqueuedAt  time.Time      `json:"enqueued_at"`
	NotBefore   time.Time      `json:"not_before"`
	Due         time.Time      `json:"due"`
	SettledAt   time.Time      `json:"settled_at"`
	LeasedUntil time.Time      `json:"leased_until"`
	LastError   string         `json:"last_error"`
	Reasons     []struct {
		Field   string
		Message string
	} `json:"reasons"`
	Seq uint64 `json:"seq"`
}

// Target returns where the item goes.
func (i outboxItem) Target() string {
	switch {
	case i.Webhook != "":
		return "webhook " + i.Webhook
	case i.CallUUID != "":
		return i.Subdomain + ", call " + i.CallUUID
	case i.Caller != "":
		return i.Subdomain + ", caller " + i.Caller
	default:
		return i.Subdomain
	}
}

// Mark is the shape and color of the item's state.
func (i outboxItem) Mark() string { return outboxMarks[i.State] }

// outboxMarks are the shapes and colors of states: open ones need no attention.
var outboxMarks = map[outbox.State]string{
	outbox.Waiting: "open", outbox.Sending: "open", outbox.Delivered: "accepted",
	outbox.Parked: "undetermined", outbox.Aside: "undetermined", outbox.Dead: "rejected",
}

// outboxStates are the states in the order of their urgency, and what
// to do about each.
var outboxStates = []struct {
	state outbox.State
	help  string
}{
	{outbox.Aside, "These may have arrived. Look up each call, then settle the item."},
	{outbox.Parked, "A permission, a token or a webhook is missing. Provide it, then retry."},
	{outbox.Dead, "These were refused for good. Read why, then enqueue a corrected item, or retry."},
	{outbox.Waiting, "These are not due yet, or are retried automatically."},
	{outbox.Sending, "These may be on their way."},
	{outbox.Delivered, "These arrived."},
}

// stateTab is a state with the number of what is in it.
type stateTab struct {
	Name, Mark, Help string
	Count            int
	Active           bool
}

type outboxBody struct {
	Tabs      []stateTab
	Active    stateTab
	Paused    []string
	Oldest    string
	Items     []outboxItem
	Next      uint64
	MayChange bool
	KeepsNote bool // of resuming a company
	Token     string
	Outcome   outcomeView
}

// showOutbox lists the items of a state.
func (p *consolePage) showOutbox(w http.ResponseWriter, r *http.Request) error {
	return p.renderOutbox(w, r, outcomeView{})
}

func (p *consolePage) renderOutbox(w http.ResponseWriter, r *http.Request, outcome outcomeView) error {
	var counts struct {
		Counts map[string]any
		Paused []string
	}
	if err := p.outbox.call(r.Context(), http.MethodGet, "/counts", nil, &counts); err != nil {
		return err
	}
	state := r.URL.Query().Get("state")
	body := &outboxBody{Paused: counts.Paused, MayChange: viewerOf(r).MayChange, KeepsNote: p.keepsNote("resume"), Token: p.once.token(purposeOf(viewerOf(r), "outbox")), Outcome: outcome}
	for _, s := range outboxStates {
		number, _ := counts.Counts[string(s.state)].(float64)
		tab := stateTab{Name: string(s.state), Mark: outboxMarks[s.state], Help: s.help, Count: int(number), Active: state == string(s.state)}
		if state == "" && tab.Count > 0 && body.Active.Name == "" {
			tab.Active = true
		}
		if tab.Active {
			body.Active = tab
		}
		body.Tabs = append(body.Tabs, tab)
	}
	if body.Active.Name == "" {
		body.Active = body.Tabs[0]
		body.Tabs[0].Active = true
	}
	page := url.Values{"state": {body.Active.Name}, "limit": {"50"}}
	if after := r.URL.Query().Get("after"); after != "" {
		page.Set("after", after)
	}
	var items struct {
		Items []outboxItem
		Next  uint64
	}
	if err := p.outbox.call(r.Context(), http.MethodGet, "/items?"+page.Encode(), nil, &items); err != nil {
		return err
	}
	body.Items, body.Next = items.Items, items.Next
	return p.render(w, r, http.StatusOK, "outbox", "Outbox", body)
}

// resumeCompany resumes a company that is paused.
func (p *consolePage) resumeCompany(w http.ResponseWriter, r *http.Request) error {
	f, err := p.readAction(r)
	if err != nil {
		return err
	}
	outcome, err := p.actOnce(r, f, "outbox", "resume", func(ctx context.Context) (string, error) {
		var reply any
		err := p.outbox.call(ctx, http.MethodPost, "/resume", map[string]string{"subdomain": f.id}, &reply)
		return fmt.Sprintf("%s is resumed.", f.id), err
	})
	if err != nil {
		return err
	}
	return afterAction(outcome, p.renderOutbox(w, r, outcome))
}

// itemBody is what the page of an item shows.
type itemBody struct {
	Item      outboxItem
	Values    []string
	Actions   []itemAction
	MayChange bool
	Token     string
	Outcome   outcomeView
}

// itemAction is something that may be done to an item.
type itemAction struct {
	Do, Title, Help, Button string
	KeepsNote               bool
}

func (p *consolePage) showItem(w http.ResponseWriter, r *http.Request) error {
	return p.renderItem(w, r, r.URL.Query().Get("id"), outcomeView{})
}

func (p *consolePage) renderItem(w http.ResponseWriter, r *http.Request, id string, outcome outcomeView) error {
	body := &itemBody{MayChange: viewerOf(r).MayChange, Token: p.once.token(purposeOf(viewerOf(r), "item")), Outcome: outcome}
	if err := p.outbox.call(r.Context(), http.MethodGet, "/item?"+url.Values{"id": {id}}.Encode(), nil, &body.Item); err != nil {
		return err
	}
	for name, value := range body.Item.Values {
		body.Values = append(body.Values, fmt.Sprintf("%s: %v", name, value))
	}
	slices.Sort(body.Values)
	body.Actions = actionsFor(&body.Item)
	for i := range body.Actions {
		body.Actions[i].KeepsNote = p.keepsNote(body.Actions[i].Do)
	}
	status := http.StatusOK
	if outcome.IsBad {
		status = http.StatusConflict
	}
	return p.render(w, r, status, "item", body.Item.ID, body)
}

// The actions on an item.
var (
	retryItem     = itemAction{Do: "retry", Title: "Retry", Help: "The item is sent again, followed by the items queued behind it. First provide what was missing.", Button: "Retry the item"}
	discardItem   = itemAction{Do: "discard", Title: "Discard", Help: "The item is never sent, and the items queued behind it continue. The conversion is lost unless you enqueue it under a new id.", Button: "Discard the item"}
	itemArrived   = itemAction{Do: "delivered", Title: "Settle: it arrived", Help: "Use this if you have looked and the call or the lead has the update. The item is not sent again.", Button: "It arrived"}
	itemIsMissing = itemAction{Do: "missing", Title: "Settle: it did not arrive", Help: "Use this if you looked some minutes after it was sent and it is not there. The item is sent again: if it did arrive, it counts twice.", Button: "It did not arrive: send it again"}
	releaseItem   = itemAction{Do: "release", Title: "Release", Help: "Use this only if the process that claimed the item is dead. If it was being sent, it is put aside, because it may have arrived: look it up, then settle it.", Button: "Release the item"}
)

// actionsFor returns what the state of an item allows.
func actionsFor(item *outboxItem) []itemAction {
	switch item.State {
	case outbox.Aside:
		return []itemAction{itemArrived, itemIsMissing}
	case outbox.Parked:
		return []itemAction{retryItem, discardItem}
	case outbox.Dead:
		return []itemAction{retryItem}
	case outbox.Waiting:
		if !item.LeasedUntil.IsZero() {
			return []itemAction{discardItem, releaseItem}
		}
		return []itemAction{discardItem}
	case outbox.Sending:
		return []itemAction{releaseItem}
	default:
		return nil
	}
}

// changeItem does the action of a button to an item.
func (p *consolePage) changeItem(w http.ResponseWriter, r *http.Request) error {
	f, err := p.readAction(r)
	if err != nil {
		return err
	}
	target, body, kind := "/"+f.do, map[string]any{"id": f.id}, f.do
	switch f.do {
	case "retry", "release":
	case "delivered", "missing":
		target, kind = "/settle", "settle"
		body["delivered"] = f.do == "delivered"
	case "discard":
		body["reason"] = signedNote(viewerOf(r), f.note)
	default:
		return &statusError{http.StatusBadRequest, "the form has no such button"}
	}
	outcome, err := p.actOnce(r, f, "item", kind, func(ctx context.Context) (string, error) {
		var item outboxItem
		err := p.outbox.call(ctx, http.MethodPost, target, body, &item)
		return fmt.Sprintf("Done. The item is now %s.", item.State), err
	})
	if err != nil {
		return err
	}
	return afterAction(outcome, p.renderItem(w, r, f.id, outcome))
}

// signedNote returns a note with its author.
func signedNote(v Viewer, note string) string {
	if v.Name == "" {
		return note
	}
	return strings.TrimSpace(note) + " (" + v.Name + ")"
}

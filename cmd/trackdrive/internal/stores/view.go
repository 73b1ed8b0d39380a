package stores

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
	"github.com/trackdrive-go/trackdrive/outbox"
)

// itemViewer shows the items of a store as [outbox.Handler] does: without personal data.
type itemViewer struct {
	terminal *term.Terminal
	store    outbox.Store
	handler  http.Handler
	failure  error // of the store
}

func newItemViewer(t *term.Terminal, store outbox.Store) (*itemViewer, error) {
	client, err := trackdrive.NewClient("")
	if err != nil {
		return nil, err
	}
	v := &itemViewer{terminal: t, store: store}
	worker, err := outbox.New(outbox.Config{Store: store, Client: client, OnEvent: func(e outbox.Event) { v.failure = e.Err }})
	if err != nil {
		return nil, err
	}
	v.handler = outbox.Handler(worker)
	return v, nil
}

// itemView is an item as it is shown.
type itemView struct {
	ID         string         `json:"id"`
	Operation  string         `json:"operation"`
	Subdomain  string         `json:"subdomain"`
	CallUUID   string         `json:"call_uuid,omitempty"`
	Caller     string         `json:"caller,omitempty"`
	Webhook    string         `json:"webhook,omitempty"`
	Values     map[string]any `json:"values,omitempty"`
	Fields     []string       `json:"fields,omitempty"`
	Additive   bool           `json:"additive"`
	State      outbox.State   `json:"state"`
	Attempts   int            `json:"attempts"`
	EnqueuedAt time.Time      `json:"enqueued_at,omitzero"`
	Due        time.Time      `json:"due,omitzero"`
	SettledAt  time.Time      `json:"settled_at,omitzero"`
	LeasedTo   time.Time      `json:"leased_until,omitzero"`
	LastError  string         `json:"last_error,omitempty"`
	Reasons    []reasonView   `json:"reasons,omitempty"`
	Seq        uint64         `json:"seq"`
}

// reasonView is one of TrackDrive's reasons.
type reasonView struct {
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// list returns the items of a state, at most limit.
func (v *itemViewer) list(ctx context.Context, state outbox.State, limit int) ([]itemView, error) {
	const page = 500
	var items []itemView
	after := uint64(0)
	for len(items) < limit {
		query := url.Values{"state": {string(state)}, "limit": {strconv.Itoa(min(page, limit-len(items)))}}
		if after > 0 {
			query.Set("after", strconv.FormatUint(after, 10))
		}
		var reply struct {
			Items []itemView `json:"items"`
			Next  uint64     `json:"next"`
		}
		if err := v.get(ctx, "/items", query, &reply); err != nil {
			return nil, err
		}
		items = append(items, reply.Items...)
		if after = reply.Next; after == 0 {
			break
		}
	}
	for i := range items {
		if err := v.addNumber(ctx, &items[i]); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// item returns one item.
func (v *itemViewer) item(ctx context.Context, id string) (itemView, error) {
	var item itemView
	if err := v.get(ctx, "/item", url.Values{"id": {id}}, &item); err != nil {
		return item, err
	}
	return item, v.addNumber(ctx, &item)
}

// addNumber shows the caller's number in full with --show-numbers.
func (v *itemViewer) addNumber(ctx context.Context, item *itemView) error {
	if !v.terminal.ShowNumbers || item.Caller == "" {
		return nil
	}
	whole, err := v.store.Get(ctx, item.ID)
	if err != nil {
		return err
	}
	var body struct {
		CallerID string `json:"caller_id"`
	}
	if json.Unmarshal(whole.Body, &body) == nil && body.CallerID != "" {
		item.Caller = body.CallerID
	}
	return nil
}

func (v *itemViewer) get(ctx context.Context, path string, query url.Values, into any) error {
	v.failure = nil
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return err
	}
	var reply replyBuffer
	v.handler.ServeHTTP(&reply, request)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case v.failure != nil:
		return v.failure
	case reply.status == http.StatusNotFound:
		return outbox.ErrUnknownItem
	case reply.status != http.StatusOK:
		return fmt.Errorf("the items cannot be shown: %s", strings.TrimSpace(reply.body.String()))
	}
	return json.Unmarshal(reply.body.Bytes(), into)
}

// replyBuffer keeps what a handler answers.
type replyBuffer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

// Header returns the header of the reply.
func (b *replyBuffer) Header() http.Header {
	if b.header == nil {
		b.header = http.Header{}
	}
	return b.header
}

// WriteHeader keeps the status.
func (b *replyBuffer) WriteHeader(status int) { b.status = status }

// Write keeps the body.
func (b *replyBuffer) Write(data []byte) (int, error) { return b.body.Write(data) }

// what says what an item is.
func (i *itemView) what() string {
	switch {
	case i.CallUUID != "":
		return i.Operation + " " + i.CallUUID
	case i.Caller != "":
		return i.Operation + " " + i.Caller
	default:
		return i.Operation
	}
}

// amount returns an amount of a postback, with a sign if it is added.
func (i *itemView) amount(name string) string {
	if value, isGiven := i.Values[name]; isGiven {
		return fmt.Sprint(value)
	}
	if value, isGiven := i.Values["add_"+name]; isGiven {
		return "+" + fmt.Sprint(value)
	}
	return ""
}

// tableOf adds a table of items.
func tableOf(p *term.Page, items []itemView) {
	rows := make([][]string, 0, len(items))
	for i := range items {
		item := &items[i]
		company := strings.TrimPrefix(item.Subdomain, "webhook:")
		rows = append(rows, []string{
			string(item.State), item.ID, company, item.what(), item.amount("revenue"), item.amount("payout"),
			strconv.Itoa(item.Attempts), shortTime(item.EnqueuedAt), withoutProgram(item.LastError),
		})
	}
	p.Table([]term.Column{
		{Name: "STATE"}, {Name: "ID"}, {Name: "COMPANY"}, {Name: "WHAT"}, {Name: "REVENUE", Right: true}, {Name: "PAYOUT", Right: true},
		{Name: "TRIES", Right: true}, {Name: "ENQUEUED"}, {Name: "WHY"},
	}, rows)
}

// withoutProgram drops the name of the package from an error.
func withoutProgram(text string) string {
	return strings.TrimPrefix(strings.TrimPrefix(text, "trackdrive: "), "outbox: ")
}

func shortTime(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2006-01-02 15:04:05Z")
}

// Handler: the outbox for a service's own admin, as JSON over HTTP.

package outbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/display"
)

// Handler returns an [http.Handler] with which the admin of a service looks at the
// Worker's store, and acts on items. It has no authentication of its own: put it
// behind the service's, and on no public address.
//
//	admin.Handle("/outbox/", http.StripPrefix("/outbox", requireAdmin(outbox.Handler(worker))))
//
// It answers in JSON:
//
//	GET  /counts                                    how many items are in each state, and which companies are paused
//	GET  /items?state=aside&after=SEQ&limit=100     the items of a state, page by page; "next" is the next page's after
//	GET  /item?id=sale-4711                         one item
//	POST /retry   {"id": "sale-4711"}               as Retry, ...
//	POST /settle  {"id": "sale-4711", "delivered": true}
//	POST /discard {"id": "sale-4711", "reason": "the account is gone"}
//	POST /release {"id": "sale-4711"}
//	POST /resume  {"subdomain": "acme"}             as Worker.Resume; "webhook:NAME" for a webhook
//
// A POST is answered with the item as it is now, and wakes the Worker. It needs the
// Content-Type application/json and a body of at most 64 KiB with the members above
// and no others, and is refused (403) if a browser sends it from another origin, by
// its Sec-Fetch-Site or Origin header. Errors are {"error": "..."}: 400 for a wrong
// argument, 404 for an unknown item or path and for a company that is neither paused nor
// resting, 405, 409 for a state that does not allow that, 413, 415, and 500 for a
// failure of the store, whose error goes to Config.OnEvent alone.
//
// Items are shown without their bodies, which are personal data: with the amounts and
// flags of a postback, the last two digits of the caller's number, and the names of
// all other values. Phone numbers in errors are hidden. Ids are shown as they are. The
// worker must not be nil.
func Handler(worker *Worker) http.Handler {
	if worker == nil {
		panic("outbox: Handler needs a Worker")
	}
	h := &adminHandler{worker: worker, origins: http.NewCrossOriginProtection()}
	h.routes = map[string]adminRoute{
		"/counts":  {http.MethodGet, h.counts},
		"/items":   {http.MethodGet, h.items},
		"/item":    {http.MethodGet, h.item},
		"/retry":   {http.MethodPost, h.retry},
		"/settle":  {http.MethodPost, h.settle},
		"/discard": {http.MethodPost, h.discard},
		"/release": {http.MethodPost, h.release},
		"/resume":  {http.MethodPost, h.resume},
	}
	return h
}

// adminHandler serves the admin of a service.
type adminHandler struct {
	worker  *Worker
	origins *http.CrossOriginProtection
	routes  map[string]adminRoute
}

type adminRoute struct {
	method string
	answer func(*http.Request) (any, error)
}

// httpError is an error with a status.
type httpError struct {
	status int
	text   string
}

func (e *httpError) Error() string { return e.text }

// ServeHTTP answers one request.
func (h *adminHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	status := http.StatusOK
	reply, err := h.reply(w, r)
	if err != nil {
		status = h.statusOf(err)
		text := err.Error()
		if status == http.StatusInternalServerError {
			text = "the store failed; Config.OnEvent has its error"
		}
		reply = map[string]string{"error": text}
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(true)
	if err := encoder.Encode(reply); err != nil { // a store's item with a time beyond JSON
		status, body = http.StatusInternalServerError, *bytes.NewBufferString(`{"error":"the item cannot be shown"}` + "\n")
	}
	header.Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body.Bytes())
	}
}

// reply checks a request, and answers it.
func (h *adminHandler) reply(w http.ResponseWriter, r *http.Request) (reply any, err error) {
	route, known := h.routes[r.URL.Path]
	switch {
	case !known:
		return nil, &httpError{http.StatusNotFound, "there is no such path; the paths are " + strings.Join(slices.Sorted(maps.Keys(h.routes)), ", ")}
	case route.method != r.Method && (route.method != http.MethodGet || r.Method != http.MethodHead):
		w.Header().Set("Allow", route.method)
		return nil, &httpError{http.StatusMethodNotAllowed, "the method must be " + route.method}
	}
	if err := h.origins.Check(r); err != nil {
		return nil, &httpError{http.StatusForbidden, "the request is from another origin"}
	}
	if route.method == http.MethodPost {
		if err := checkJSONType(r); err != nil {
			return nil, err
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	}
	err = catchPanic(func() (err error) {
		reply, err = route.answer(r)
		return err
	})
	return reply, err
}

func checkJSONType(r *http.Request) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return &httpError{http.StatusUnsupportedMediaType, "the Content-Type must be application/json"}
	}
	return nil
}

// statusOf returns the status for an error, and reports one of the store.
func (h *adminHandler) statusOf(err error) int {
	var known *httpError
	switch {
	case errors.As(err, &known):
		return known.status
	case errors.Is(err, ErrUnknownItem):
		return http.StatusNotFound
	case errors.Is(err, ErrWrongState):
		return http.StatusConflict
	case errors.Is(err, trackdrive.ErrInvalidArgument):
		return http.StatusBadRequest
	case errors.Is(err, context.Canceled): // the admin has left
	default:
		h.worker.report(Event{Kind: EventStore, Err: err})
	}
	return http.StatusInternalServerError
}

// readJSON reads a body of one JSON object with the members of into, and no others.
func readJSON(r *http.Request, into any) error {
	body, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return &httpError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is longer than %d bytes", large.Limit)}
	}
	if err != nil {
		return &httpError{http.StatusBadRequest, "the body cannot be read: " + err.Error()}
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(into)
	if err == nil {
		if _, end := decoder.Token(); end != io.EOF {
			err = errTwoValues
		}
	}
	if err != nil {
		return &httpError{http.StatusBadRequest, "the body must be one JSON object: " + err.Error()}
	}
	return nil
}

var errTwoValues = errors.New("there is more behind it")

func (h *adminHandler) counts(r *http.Request) (any, error) {
	counts, err := h.worker.Counts(r.Context())
	return struct {
		Counts Counts   `json:"counts"`
		Paused []string `json:"paused"`
	}{counts, h.worker.Paused()}, err
}

// maxPage is the maximum number of items on a page.
const maxPage = 1000

func (h *adminHandler) items(r *http.Request) (any, error) {
	asked := r.URL.Query()
	q := Query{State: State(asked.Get("state")), Limit: 100}
	if !q.State.isKnown() {
		return nil, invalidArgument("state", "%q is not a state; give waiting, sending, parked, aside, dead or delivered", q.State)
	}
	if text := asked.Get("after"); text != "" {
		after, err := strconv.ParseUint(text, 10, 63)
		if err != nil {
			return nil, invalidArgument("after", "must be the next of a page")
		}
		q.After = after
	}
	if text := asked.Get("limit"); text != "" {
		limit, err := strconv.Atoi(text)
		if err != nil || limit < 1 || limit > maxPage {
			return nil, invalidArgument("limit", "must be from 1 to %d", maxPage)
		}
		q.Limit = limit
	}
	list, err := h.worker.config.Store.List(r.Context(), q)
	if err != nil {
		return nil, err
	}
	page := struct {
		Items []shownItem `json:"items"`
		Next  uint64      `json:"next,omitempty"` // what follows the last item; 0 on the last page
	}{Items: make([]shownItem, 0, len(list))}
	for i := range list {
		page.Items = append(page.Items, showItem(&list[i]))
	}
	if len(list) == q.Limit {
		page.Next = list[len(list)-1].Seq
	}
	return page, nil
}

func (h *adminHandler) item(r *http.Request) (any, error) {
	id := r.URL.Query().Get("id")
	if id == "" {
		return nil, invalidArgument("id", "is missing")
	}
	item, err := h.worker.config.Store.Get(r.Context(), id)
	return showItem(&item), err
}

func (h *adminHandler) retry(r *http.Request) (any, error) {
	var asked struct {
		ID string `json:"id"`
	}
	return h.change(r, &asked, &asked.ID, func(ctx context.Context, store Store) (Item, error) { return Retry(ctx, store, asked.ID) })
}

func (h *adminHandler) settle(r *http.Request) (any, error) {
	var asked struct {
		ID        string `json:"id"`
		Delivered *bool  `json:"delivered"`
	}
	return h.change(r, &asked, &asked.ID, func(ctx context.Context, store Store) (Item, error) {
		if asked.Delivered == nil { // an item that was not delivered is sent again: nobody says that by leaving it out
			return Item{}, invalidArgument("delivered", "is missing; give true or false")
		}
		return Settle(ctx, store, asked.ID, *asked.Delivered)
	})
}

func (h *adminHandler) discard(r *http.Request) (any, error) {
	var asked struct {
		ID     string `json:"id"`
		Reason string `json:"reason"`
	}
	return h.change(r, &asked, &asked.ID, func(ctx context.Context, store Store) (Item, error) {
		if strings.TrimSpace(asked.Reason) == "" {
			return Item{}, invalidArgument("reason", "is missing")
		}
		return Discard(ctx, store, asked.ID, asked.Reason)
	})
}

func (h *adminHandler) release(r *http.Request) (any, error) {
	var asked struct {
		ID string `json:"id"`
	}
	return h.change(r, &asked, &asked.ID, func(ctx context.Context, store Store) (Item, error) { return Release(ctx, store, asked.ID) })
}

// change reads what is asked, changes an item, and wakes the Worker.
func (h *adminHandler) change(r *http.Request, asked any, id *string, do func(context.Context, Store) (Item, error)) (any, error) {
	if err := readJSON(r, asked); err != nil {
		return nil, err
	}
	if *id == "" {
		return nil, invalidArgument("id", "is missing")
	}
	item, err := do(r.Context(), h.worker.config.Store)
	if err != nil {
		return nil, err
	}
	h.worker.Wake()
	return showItem(&item), nil
}

func (h *adminHandler) resume(r *http.Request) (any, error) {
	var asked struct {
		Subdomain string `json:"subdomain"`
	}
	if err := readJSON(r, &asked); err != nil {
		return nil, err
	}
	if asked.Subdomain == "" {
		return nil, invalidArgument("subdomain", "is missing")
	}
	if !h.worker.resume(asked.Subdomain) {
		return nil, &httpError{http.StatusNotFound, fmt.Sprintf("%q is neither paused nor resting; /counts lists what is paused", asked.Subdomain)}
	}
	return struct {
		Paused []string `json:"paused"`
	}{h.worker.Paused()}, nil
}

// shownItem is an item as the admin sees it: without personal data.
type shownItem struct {
	ID            string         `json:"id"`
	Operation     string         `json:"operation"`
	Subdomain     string         `json:"subdomain"`
	CallUUID      string         `json:"call_uuid,omitempty"`
	Caller        string         `json:"caller,omitempty"` // the last two digits
	Webhook       string         `json:"webhook,omitempty"`
	Values        map[string]any `json:"values,omitempty"` // amounts and flags
	Fields        []string       `json:"fields,omitempty"` // the names of all else that it sends
	Additive      bool           `json:"additive"`
	State         State          `json:"state"`
	Attempts      int            `json:"attempts"`
	EnqueuedAt    time.Time      `json:"enqueued_at,omitzero"`
	NotBefore     time.Time      `json:"not_before,omitzero"`
	Due           time.Time      `json:"due,omitzero"`
	NotFoundSince time.Time      `json:"not_found_since,omitzero"`
	SettledAt     time.Time      `json:"settled_at,omitzero"`
	LeasedUntil   time.Time      `json:"leased_until,omitzero"`
	LastError     string         `json:"last_error,omitempty"`
	Reasons       []shownReason  `json:"reasons,omitempty"`
	Seq           uint64         `json:"seq"`
}

// shownReason is why an item failed, or one of several reasons.
type shownReason struct {
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

func showItem(i *Item) shownItem {
	s := shownItem{
		ID: i.ID, Operation: i.Operation, Subdomain: i.Subdomain, CallUUID: i.CallUUID, Additive: i.Additive, State: i.State,
		Attempts: i.Attempts, EnqueuedAt: i.EnqueuedAt, NotBefore: i.NotBefore, Due: i.Due, NotFoundSince: i.NotFoundSince,
		SettledAt: i.SettledAt, LeasedUntil: i.Lease.Until, LastError: display.HideNumbers(i.LastError), Seq: i.Seq,
	}
	for _, reason := range i.Reasons {
		s.Reasons = append(s.Reasons, shownReason{display.HideNumbers(reason.Field), display.HideNumbers(reason.Message)})
	}
	fields, err := decodeFields(i.Body)
	if err != nil {
		return s
	}
	s.Webhook, _ = fields["webhook"].(string)
	if s.Webhook != "" {
		fields, _ = fields["values"].(map[string]any)
	}
	s.showFields(fields)
	return s
}

// plainFields are the parameters whose values are neither personal data nor texts
// that somebody typed.
var plainFields = []string{"buyer_converted", "offer_converted", "revenue", "payout", "add_revenue", "add_payout", "call_timeframe", leadToken + nameSuffix, offerToken + nameSuffix}

// showFields shows the values of what is plain, and the names of all else.
func (s *shownItem) showFields(fields map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		switch value := fields[name]; {
		case name == "caller_id" && s.Webhook == "":
			number, _ := value.(string)
			s.Caller = display.LastDigits(number)
		case slices.Contains(plainFields, name) && isPlain(value):
			if s.Values == nil {
				s.Values = map[string]any{}
			}
			s.Values[name] = value
		case name == "post_call_tokens" || name == "data":
			members, _ := value.(map[string]any)
			for _, member := range slices.Sorted(maps.Keys(members)) {
				s.Fields = append(s.Fields, display.HideNumbers(placeOf(name, member)))
			}
		default:
			s.Fields = append(s.Fields, display.HideNumbers(name))
		}
	}
}

// isPlain reports whether a value is a flag, a number or a short text without a phone
// number.
func isPlain(value any) bool {
	switch v := value.(type) {
	case bool:
		return true
	case json.Number:
		return len(v) < maxPlain
	case string:
		_, isAmount := amountOf(v)
		return len(v) < maxPlain && (isAmount || isWord(v) || isName(v))
	}
	return false
}

// maxPlain is how long a plain value may be, in bytes.
const maxPlain = 100

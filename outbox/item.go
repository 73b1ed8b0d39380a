// Items: what an outbox keeps until TrackDrive has it.

package outbox

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/trackdrive-go/trackdrive"
)

// The operations.
const (
	OpUpdateCall     = "update_call"              // a postback: see NewUpdate
	OpUpdateByCaller = "update_call_by_caller_id" // a postback for the caller's latest call: see NewUpdateByCaller
	OpCaptureLead    = "capture_lead"             // a lead: see NewCaptureLead
	OpSubmitLead     = "submit_lead"              // a lead, by the other endpoint: see NewSubmitLead
	OpOptOutCaller   = "opt_out_caller"           // a caller who wants no more calls: see NewOptOutCaller
	OpWebhook        = "webhook"                  // a request to a partner: see NewWebhook
)

// Item is a change that must reach TrackDrive, or a partner. [NewUpdate] and the
// functions beside it make one, and [Enqueue] checks and stores it. An Item can be
// stored as JSON. It holds what the caller filled in, but never credentials.
type Item struct {
	ID        string          `json:"id"`                  // the dedupe id: an id is stored once, however often it is enqueued
	Operation string          `json:"operation"`           // OpUpdateCall, OpCaptureLead, ...
	Subdomain string          `json:"subdomain"`           // the company; "webhook:NAME" for a webhook, which pauses and rests like a company
	CallUUID  string          `json:"call_uuid,omitempty"` // the UUID of the call, for OpUpdateCall
	Body      json.RawMessage `json:"body"`                // the parameters as TrackDrive receives them, with the names of tokens in place of tokens; a webhook's name and values
	NotBefore time.Time       `json:"not_before,omitzero"` // the earliest time at which it may be sent; later items with its Key wait for it

	// Set by Enqueue.
	Key        string    `json:"key"`                // items with the same key are delivered one after the other: "acme/UUID", "acme/caller/HASH"
	Additive   bool      `json:"additive,omitempty"` // a second copy would add again, so it is sent at most once
	EnqueuedAt time.Time `json:"enqueued_at"`        // when it was enqueued

	// Set by the store.
	Seq uint64 `json:"seq"` // the order in which items were stored, from 1

	// Progress.
	State         State                   `json:"state"`                    // what happens next
	Due           time.Time               `json:"due,omitzero"`             // the earliest time of the next try
	Attempts      int                     `json:"attempts,omitempty"`       // tries since it was enqueued or retried
	NotFoundSince time.Time               `json:"not_found_since,omitzero"` // when TrackDrive first answered that it does not know the call, or a token first failed
	SettledAt     time.Time               `json:"settled_at,omitzero"`      // when it was delivered or became dead
	LastError     string                  `json:"last_error,omitempty"`     // the latest failure, on one line, without credentials
	Reasons       []trackdrive.FieldError `json:"reasons,omitempty"`        // TrackDrive's reasons for the latest failure
	Lease         Lease                   `json:"lease,omitzero"`           // the worker that has it
}

// State says what happens to an item next.
type State string

// The states. Delivered and Dead are settled: the call's next item may start.
const (
	Waiting   State = "waiting"   // will be sent when it is due and its turn has come
	Sending   State = "sending"   // an additive update that may be on its way; without a live lease, it may or may not have arrived
	Delivered State = "delivered" // TrackDrive has it
	Parked    State = "parked"    // a permission is missing, a token or a webhook: Retry it when there is one
	Aside     State = "aside"     // additive, and it is not known whether it arrived: Settle it
	Dead      State = "dead"      // TrackDrive refused it for good; Retry can still send it again
)

// IsSettled reports whether the outbox is done with the item, and the next item
// of its call may start: the state is Delivered or Dead.
func (s State) IsSettled() bool { return s == Delivered || s == Dead }

func (s State) isKnown() bool { return new(Counts).in(s) != nil }

// Lease is a claim on an item: the holder of its Token may send the item and
// record the outcome, until the lease ends.
type Lease struct {
	Token string    `json:"token"` // different for every claim; "" if there is no lease
	Until time.Time `json:"until"` // when others may claim the item; zero if Release broke the lease
}

// IsLive reports whether a worker holds the lease at this time.
func (l Lease) IsLive(now time.Time) bool { return l.Token != "" && now.Before(l.Until) }

func (l Lease) isBroken() bool { return l.Token != "" && l.Until.IsZero() }

// ErrLeaseLost says that a worker no longer holds an item: its lease ended, and
// another worker may have the item.
var ErrLeaseLost = errors.New("outbox: the lease on the item was lost")

// NewUpdate makes an item from a postback. The id is the caller's own, such as
// the id of the sale; if it is enqueued twice, it is stored once. It has at most
// 200 bytes. If it is empty, [Enqueue] assigns a random id, and an update that is
// enqueued twice becomes two items, because the same values may be two sales.
//
// Errors are of kind [trackdrive.ErrInvalidArgument] and name the field.
// NewUpdate refuses what the Client would refuse, and fields that look like
// credentials.
func NewUpdate(id string, call trackdrive.CallRef, u *trackdrive.UpdateCall) (Item, error) {
	call, err := trackdrive.NewCallRef(call.Subdomain, call.UUID)
	if err != nil {
		return Item{}, err
	}
	if err := checkUpdate(u); err != nil {
		return Item{}, err
	}
	if err := checkID("id", id); err != nil {
		return Item{}, err
	}
	body, err := encodeUpdate(call, u)
	if err != nil {
		return Item{}, err
	}
	return Item{
		ID:        id,
		Operation: OpUpdateCall,
		Subdomain: call.Subdomain,
		CallUUID:  call.UUID,
		Body:      body,
		Key:       call.Subdomain + "/" + call.UUID,
		Additive:  isAdditive(u),
	}, nil
}

// Update returns the call and the postback of an item whose Operation is
// OpUpdateCall. Errors are of kind [trackdrive.ErrInvalidArgument].
func (i *Item) Update() (trackdrive.CallRef, *trackdrive.UpdateCall, error) {
	if i.Operation != OpUpdateCall {
		return trackdrive.CallRef{}, nil, invalidArgument("operation", "is %q, not %q", i.Operation, OpUpdateCall)
	}
	call, err := trackdrive.NewCallRef(i.Subdomain, i.CallUUID)
	if err != nil {
		return trackdrive.CallRef{}, nil, err
	}
	u, err := decodeUpdate(i.Body)
	return call, u, err
}

// admitted returns the item to store: checked, and with only the fields that the
// caller may set.
func (i *Item) admitted(now time.Time) (Item, error) {
	request, err := i.request()
	if err != nil {
		return Item{}, err
	}
	id := i.ID
	if id == "" {
		id = rand.Text()
	}
	item, err := request.newItem(id)
	if err != nil {
		return Item{}, err
	}
	if i.NotBefore.Year() > maxYear {
		return Item{}, invalidArgument("not before", "is after the year %d", maxYear)
	}
	item.NotBefore, item.EnqueuedAt = i.NotBefore, now
	item.State, item.Due = Waiting, now
	if item.NotBefore.After(now) {
		item.Due = item.NotBefore
	}
	return item, nil
}

// maxYear is the last year that a time in JSON can have.
const maxYear = 9999

// maxID is the maximum length of a dedupe id, in bytes.
const maxID = 200

// checkID refuses malformed ids, and ids that many items would share by mistake.
func checkID(field, id string) error {
	switch {
	case id == "":
		return nil
	case len(id) > maxID:
		return invalidArgument(field, "is longer than %d bytes", maxID)
	case !utf8.ValidString(id):
		return invalidArgument(field, "is not valid UTF-8")
	case strings.ContainsFunc(id, unicode.IsControl):
		return invalidArgument(field, "has control characters")
	case slices.Contains(noValues, strings.ToLower(id)):
		return invalidArgument(field, "is what programs write for a missing value; give one of your own")
	case trackdrive.LeftoverToken(id):
		return leftoverIn(field)
	}
	return nil
}

var noValues = []string{"null", "undefined", "none", "nil"}

// leftoverIn returns the error for a token that a platform should have replaced.
func leftoverIn(field string) error {
	return fmt.Errorf("%w: %w: %s", trackdrive.ErrLeftoverToken, trackdrive.ErrInvalidArgument, field)
}

// invalidArgument returns the error for a wrong argument. It names the field and
// never shows the caller's data.
func invalidArgument(field, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", trackdrive.ErrInvalidArgument, field, fmt.Sprintf(format, args...))
}

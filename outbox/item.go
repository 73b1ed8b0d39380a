// Items: what is kept until TrackDrive has it.

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

// OpUpdateCall is the operation of a postback: see [trackdrive.UpdateCall].
const OpUpdateCall = "update_call"

// Item is a change that must reach TrackDrive. [NewUpdate] makes one,
// [Enqueue] checks and stores it. An Item can be stored as JSON; it never holds
// credentials, but what the caller put in it.
type Item struct {
	ID        string          `json:"id"`                  // the dedupe id: stored once, however often it is enqueued
	Operation string          `json:"operation"`           // OpUpdateCall
	Subdomain string          `json:"subdomain"`           // of the company that owns the call
	CallUUID  string          `json:"call_uuid,omitempty"` // the call's
	Body      json.RawMessage `json:"body"`                // the parameters as TrackDrive gets them, without credentials
	NotBefore time.Time       `json:"not_before,omitzero"` // when it may be sent at the earliest; those after it wait, too

	// What Enqueue finds out.
	Key        string    `json:"key"`                // items of one key are delivered one after the other: "acme/UUID"
	Additive   bool      `json:"additive,omitempty"` // a copy would add once more, so it is sent at most once
	EnqueuedAt time.Time `json:"enqueued_at"`        // when it was enqueued

	// What the store gives.
	Seq uint64 `json:"seq"` // the order in which items came; from 1

	// How far it is.
	State         State                   `json:"state"`                    // what is to happen next
	Due           time.Time               `json:"due,omitzero"`             // the next try, at the earliest
	Attempts      int                     `json:"attempts,omitempty"`       // tries since it was enqueued or retried
	NotFoundSince time.Time               `json:"not_found_since,omitzero"` // when TrackDrive first did not know the call
	SettledAt     time.Time               `json:"settled_at,omitzero"`      // when it was delivered, or died
	LastError     string                  `json:"last_error,omitempty"`     // the latest failure, in one line, without credentials
	Reasons       []trackdrive.FieldError `json:"reasons,omitempty"`        // TrackDrive's own, of the latest failure
	Lease         Lease                   `json:"lease,omitzero"`           // who works on it
}

// State says what is to happen to an item.
type State string

// The states. Delivered and Dead are settled: the next item of the call starts.
const (
	Waiting   State = "waiting"   // to be sent when it is due and its turn has come
	Sending   State = "sending"   // an additive update that may be on its way; without a live lease nobody knows
	Delivered State = "delivered" // TrackDrive has it
	Parked    State = "parked"    // a permission is missing: retry it when it was granted
	Aside     State = "aside"     // additive, and nobody knows whether it arrived: settle it
	Dead      State = "dead"      // TrackDrive refused it for good; it can be retried
)

// IsSettled reports whether nothing more happens to an item by itself, and the
// next one of its call may start.
func (s State) IsSettled() bool { return s == Delivered || s == Dead }

func (s State) isKnown() bool { return new(Counts).in(s) != nil }

// Lease is a claim on an item: who holds its Token may send it and say what
// came of it, until the time is up.
type Lease struct {
	Token string    `json:"token"` // different for every claim; "" if there is none
	Until time.Time `json:"until"` // when others may claim the item; zero for a lease that Release has broken
}

// IsLive reports whether somebody holds the lease at this time.
func (l Lease) IsLive(now time.Time) bool { return l.Token != "" && now.Before(l.Until) }

func (l Lease) isBroken() bool { return l.Token != "" && l.Until.IsZero() }

// ErrLeaseLost says that an item is no longer its worker's: the time was up,
// and another may have it.
var ErrLeaseLost = errors.New("outbox: the lease on the item was lost")

// NewUpdate makes an item of a postback. The id is the caller's own name for
// it, such as that of the sale: enqueued twice, it is stored once. It has at
// most 200 bytes. Without an id [Enqueue] gives a random one, and an update that
// is enqueued twice is two: the same values may be two sales.
//
// Errors are of kind [trackdrive.ErrInvalidArgument] and name the field: all
// that the Client would refuse, and fields that look like credentials.
func NewUpdate(id string, call trackdrive.CallRef, u *trackdrive.UpdateCall) (Item, error) {
	call, err := trackdrive.NewCallRef(call.Subdomain, call.UUID)
	if err != nil {
		return Item{}, err
	}
	if err := checkUpdate(u); err != nil {
		return Item{}, err
	}
	if err := checkID(id); err != nil {
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

// Update returns the postback that the item is. Errors are of kind
// [trackdrive.ErrInvalidArgument].
func (i *Item) Update() (trackdrive.CallRef, *trackdrive.UpdateCall, error) {
	if i.Operation != OpUpdateCall {
		return trackdrive.CallRef{}, nil, invalidArgument("operation", "%q is not known", i.Operation)
	}
	call, err := trackdrive.NewCallRef(i.Subdomain, i.CallUUID)
	if err != nil {
		return trackdrive.CallRef{}, nil, err
	}
	u, err := decodeUpdate(i.Body)
	return call, u, err
}

// admitted is the item as it is to be stored: checked, and with nothing in it
// but what the caller may say.
func (i *Item) admitted(now time.Time) (Item, error) {
	call, u, err := i.Update()
	if err != nil {
		return Item{}, err
	}
	id := i.ID
	if id == "" {
		id = rand.Text()
	}
	item, err := NewUpdate(id, call, u)
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

// maxYear is the last one that JSON has.
const maxYear = 9999

// maxID is how long a dedupe id may be, in bytes.
const maxID = 200

// checkID refuses ids that many items would share by mistake.
func checkID(id string) error {
	switch {
	case id == "":
		return nil
	case len(id) > maxID:
		return invalidArgument("id", "is longer than %d bytes", maxID)
	case !utf8.ValidString(id):
		return invalidArgument("id", "is not valid UTF-8")
	case strings.ContainsFunc(id, unicode.IsControl):
		return invalidArgument("id", "has control characters")
	case slices.Contains(noValues, strings.ToLower(id)):
		return invalidArgument("id", "is what programs write for a missing value")
	case isLeftover(id):
		return fmt.Errorf("%w: %w: id", trackdrive.ErrLeftoverToken, trackdrive.ErrInvalidArgument)
	}
	return nil
}

var noValues = []string{"null", "undefined", "none", "nil"}

// isLeftover asks the Client's own rule, by way of a contact field. Most ids
// need not be asked for: tokens begin with a bracket or a dash, placeholders are
// in capitals.
func isLeftover(text string) bool {
	if c := text[0]; 'a' <= c && c <= 'z' || '0' <= c && c <= '9' {
		return false
	}
	_, err := encodeUpdate(anyCall, &trackdrive.UpdateCall{PostCallTokens: trackdrive.Fields{"id": text}})
	return errors.Is(err, trackdrive.ErrLeftoverToken)
}

var anyCall = trackdrive.CallRef{Subdomain: "acme", UUID: "any"}

// invalidArgument is the error for a wrong argument: it names the field and
// never shows what the caller filled in.
func invalidArgument(field, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", trackdrive.ErrInvalidArgument, field, fmt.Sprintf(format, args...))
}

// The sale: what is known of one lead.

package sales

import (
	"log/slog"
	"slices"
	"time"

	"github.com/trackdrive-go/trackdrive"
)

// State says what is known of a lead.
type State string

// The states of a lead.
const (
	Open    State = "open"    // nothing that may sell the lead has left
	Posting State = "posting" // a desk has the lead right now
	Sold    State = "sold"    // the lead is sold; it is never offered again
	Unsold  State = "unsold"  // the lead was offered, and certainly nobody took it; it may be offered again
	Unknown State = "unknown" // the lead may be sold; it is not offered until it is settled
)

// IsKnown reports whether s is one of the five states.
func (s State) IsKnown() bool {
	switch s {
	case Open, Posting, Sold, Unsold, Unknown:
		return true
	}
	return false
}

// Sale is what the store knows of a lead: its state, and each request that may have
// sold it.
type Sale struct {
	LeadID string `json:"lead_id"`          // the caller's own id of the lead
	State  State  `json:"state"`            // what is known of it
	Caller string `json:"caller,omitempty"` // the caller's number as it was given; with Config.CallerKey, its HMAC-SHA-256 in hexadecimal
	Tries  []Try  `json:"tries,omitempty"`  // what was sent, in order, those of earlier offers included

	ForwardingNumber string    `json:"forwarding_number,omitempty"` // the number to dial, once sold: see Number
	SIPAddress       string    `json:"sip_address,omitempty"`       // where to send the call by SIP, if the buyer said so
	ExpiresAt        time.Time `json:"expires_at,omitzero"`         // when the number must have been dialled; zero if the buyer did not say

	CallUUID string    `json:"call_uuid,omitempty"` // the call that Settle found
	NotSeen  int       `json:"not_seen,omitempty"`  // how often Settle looked and found no call
	AskedAt  time.Time `json:"asked_at,omitzero"`   // when Settle last looked
	Note     string    `json:"note,omitempty"`      // the note of Resolve, or the calls that Settle could not tell apart

	CreatedAt time.Time `json:"created_at,omitzero"` // when the lead was first offered
	UpdatedAt time.Time `json:"updated_at,omitzero"` // when the store last changed it
}

// Number returns the number to dial. It is not ok if the lead is not sold, if no
// number is known, or if the time in ExpiresAt has come: then the buyer no longer
// waits for the call. A lead that Settle found sold has no number.
func (s *Sale) Number() (number string, ok bool) {
	if s == nil || s.State != Sold || s.ForwardingNumber == "" {
		return "", false
	}
	if !s.ExpiresAt.IsZero() && !time.Now().Before(s.ExpiresAt) {
		return "", false
	}
	return s.ForwardingNumber, true
}

// LogValue leaves out every phone number, and what buyers answered, which may quote
// one. A lead id is shown as it is.
func (s Sale) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("lead_id", s.LeadID), slog.String("state", string(s.State)), slog.Int("tries", len(s.Tries))}
	if len(s.Tries) > 0 {
		attrs = append(attrs, slog.Any("last", s.Tries[len(s.Tries)-1]))
	}
	if s.CallUUID != "" {
		attrs = append(attrs, slog.String("call_uuid", s.CallUUID))
	}
	if s.NotSeen > 0 {
		attrs = append(attrs, slog.Int("not_seen", s.NotSeen))
	}
	return slog.GroupValue(attrs...)
}

// Try is a request that may have sold the lead: a post, or a ping that may count as
// one.
type Try struct {
	Source    string            `json:"source,omitempty"`     // the name of the auction's source; "" for a post of its own
	Subdomain string            `json:"subdomain,omitempty"`  // the company; "" if the buyer is not TrackDrive's
	Endpoint  string            `json:"endpoint,omitempty"`   // the vanity URI; "" likewise
	BuyerID   trackdrive.ID     `json:"buyer_id,omitempty"`   // the buyer; "" if TrackDrive chooses among several
	BuyerName string            `json:"buyer_name,omitempty"` // its name, if known
	PingID    trackdrive.ID     `json:"ping_id,omitempty"`    // the ping id of a post
	Payout    trackdrive.Amount `json:"payout,omitzero"`      // what the buyer bid; unset if not known
	Ping      bool              `json:"ping,omitempty"`       // a ping that may count as the post: see trackdrive.AuctionConfig.PingsNeverSell

	At      time.Time               `json:"at,omitzero"`       // when it was about to be sent
	Until   time.Time               `json:"until,omitzero"`    // when its outcome was known; zero before
	Outcome trackdrive.TryOutcome   `json:"outcome,omitempty"` // what came of it; "" before
	Error   string                  `json:"error,omitempty"`   // why it failed, on one line, without credentials
	Reasons []trackdrive.FieldError `json:"reasons,omitempty"` // why the buyer refused
}

// LogValue leaves out what the buyer answered.
func (t Try) LogValue() slog.Value {
	var attrs []slog.Attr
	for _, a := range []struct{ name, text string }{
		{"source", t.Source}, {"subdomain", t.Subdomain}, {"endpoint", t.Endpoint}, {"buyer_id", string(t.BuyerID)},
		{"payout", t.Payout.String()}, {"outcome", string(t.Outcome)},
	} {
		if a.text != "" {
			attrs = append(attrs, slog.String(a.name, a.text))
		}
	}
	if t.Ping {
		attrs = append(attrs, slog.Bool("ping", true))
	}
	return slog.GroupValue(attrs...)
}

// isDoubtful reports whether the try may have sold the lead.
func (t *Try) isDoubtful() bool { return t.Outcome == "" || t.Outcome == trackdrive.TryUnknown }

// copied returns a copy that shares nothing with s.
func (s *Sale) copied() *Sale {
	own := *s
	own.Tries = slices.Clone(s.Tries)
	for i := range own.Tries {
		own.Tries[i].Reasons = slices.Clone(own.Tries[i].Reasons)
	}
	return &own
}

// stateOfTries returns what the tries say of a lead without a live lease: a sale counts
// more than a doubt, since at most one of them can be true.
func (s *Sale) stateOfTries() State {
	state := Unsold
	for i := range s.Tries {
		switch t := &s.Tries[i]; {
		case t.Outcome == trackdrive.TrySold:
			return Sold
		case t.isDoubtful():
			state = Unknown
		}
	}
	return state
}

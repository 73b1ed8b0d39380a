// The store: what an engine implements.

package sales

import (
	"context"
	"errors"
	"time"
)

// Store keeps what is known of leads. Package boltsales has one in a file, package
// pgsales one in PostgreSQL; package salestest has one in memory, and the tests that
// every Store must pass. A Store is safe for concurrent use. It decides nothing but
// what it alone can: whether a lease holds, by its own clock, and whether another lead
// has a call.
//
// Each record of a Store is one lead's. A record that a Store hands out, to Apply too,
// has in Sale.State the state that Record.StateAt gives by the store's clock. What the
// methods are given and return is the caller's own: a Store keeps copies.
//
// After an error it is not known whether something was written, unless a method says
// otherwise.
type Store interface {
	// Change looks up the lead c.LeadID and the other leads of its caller, calls
	// c.Apply with them and the store's time, and stores the record as Apply leaves
	// it, atomically: no other change or note of these leads comes between, and of two
	// leads with one CallerKey, the second Apply sees what the first stored. An error
	// of Apply is returned as it is, with the record as it was found, and nothing is
	// stored. Apply may be called more than once, and must not call the store.
	//
	// The store sets CreatedAt when the record is new, keeps it afterwards, and sets
	// UpdatedAt whenever it stores a record. If another lead has the record's CallUUID, nothing is stored, and the error
	// is ErrCallTaken.
	//
	// What is stored is durable when Change returns: it survives a crash of the process
	// and of the machine. A record that is Posting and has no doubtful try need not be:
	// nothing has left, so it is enough that every other user of the store sees it.
	Change(ctx context.Context, c Change) (Record, error)

	// Note stores n.Sale for the holder of a lease, and renews the lease. It is durable
	// when Note returns. If there is no such lead, if its record does not have the lease
	// n.Token, or if that lease has ended, nothing is stored, and the error is
	// ErrLeaseLost. Note keeps the record's CreatedAt and sets UpdatedAt, whatever n.Sale
	// says. ErrCallTaken is as for Change. A note that failed may be stored all the same,
	// but never after a later note of the same lease.
	Note(ctx context.Context, n Note) error

	// Get returns a record, or ErrNoSale.
	Get(ctx context.Context, leadID string) (Record, error)

	// List returns the records that have a state now, in the order of CreatedAt and then
	// LeadID. If there is no lead q.After, the error is ErrNoSale.
	List(ctx context.Context, q Query) ([]Record, error)

	// Counts returns how many leads are in each state, as List sees it, without reading
	// them all.
	Counts(ctx context.Context) (Counts, error)

	// Purge removes the leads that are sold, unsold or open, and were last updated
	// longer ago than longerAgo, and returns how many it removed. The removal need not
	// be durable.
	Purge(ctx context.Context, longerAgo time.Duration) (int, error)
}

// Record is one lead in a Store.
type Record struct {
	Sale  Sale  `json:"sale"`           // what is known of it
	Lease Lease `json:"lease,omitzero"` // who has it; the zero Lease if nobody did since it was settled

	// CallerKey is the same for all leads of a caller: the digits of its number, or
	// with Config.CallerKey what took their place. It is empty if the lead has no
	// caller. A Store finds leads by it.
	CallerKey string `json:"caller_key,omitempty"`
}

// Lease says who has a lead. A lease that has ended leaves its token, so that a late
// outcome still finds its lead.
type Lease struct {
	Token string    `json:"token,omitempty"` // different for every offer
	Until time.Time `json:"until,omitzero"`  // by the store's clock; zero if it has ended
}

// IsLive reports whether the lease holds at a time.
func (l Lease) IsLive(now time.Time) bool { return l.Token != "" && now.Before(l.Until) }

// StateAt returns the state of the lead at a time by the store's clock. If the lead is
// Posting and its lease has ended, that is what the tries say: Open without any, Unknown
// if one of them may have sold the lead, Unsold if none did.
func (r *Record) StateAt(now time.Time) State {
	switch {
	case r.Sale.State != Posting, r.Lease.IsLive(now):
		return r.Sale.State
	case len(r.Sale.Tries) == 0:
		return Open
	default:
		return r.Sale.stateOfTries()
	}
}

// Change is a change of one lead.
type Change struct {
	LeadID string // the lead

	// CallerKey and Since say which other leads Apply gets: those with the CallerKey
	// that were updated less than Since ago. If either is zero, it gets none.
	CallerKey string
	Since     time.Duration // see CallerKey

	// Apply changes the record. If the lead is not known, the record has its LeadID
	// and nothing else. Apply leaves it in one of the five states. Now is the store's
	// time.
	Apply func(r *Record, others []Record, now time.Time) error
}

// Note is what the holder of a lease stores.
type Note struct {
	Token string        // of the lease
	Lease time.Duration // how long the lease lasts from now on; 0: it ends, and its token stays
	Sale  Sale          // the whole sale
}

// Query selects leads.
type Query struct {
	State State  // the state of the leads; Desk.Unsettled takes "" for Unknown
	After string // the id of the last lead of the previous page; "" for the first page
	Limit int    // the maximum number of leads; 0 for 100
}

// PageSize returns q.Limit, or 100 if that is not positive.
func (q Query) PageSize() int {
	if q.Limit > 0 {
		return q.Limit
	}
	return 100
}

// Counts holds how many leads are in each state, for metrics.
type Counts struct {
	Open    int       `json:"open"`            // nothing that may sell them has left
	Posting int       `json:"posting"`         // a desk has them right now
	Sold    int       `json:"sold"`            // sold and not yet purged
	Unsold  int       `json:"unsold"`          // offered, and nobody took them
	Unknown int       `json:"unknown"`         // may be sold: to be settled
	Oldest  time.Time `json:"oldest,omitzero"` // when the oldest unknown lead was first offered; zero if none is unknown
}

// Add adds n to the count of a state, and does nothing if the state is not known. It
// is for implementations of Store.
func (c *Counts) Add(s State, n int) {
	switch s {
	case Open:
		c.Open += n
	case Posting:
		c.Posting += n
	case Sold:
		c.Sold += n
	case Unsold:
		c.Unsold += n
	case Unknown:
		c.Unknown += n
	}
}

// The errors of a desk, for [errors.Is].
var (
	// ErrBusy: another desk, or another call, has the lead right now. Nothing was
	// sent.
	ErrBusy = errors.New("sales: the lead is being offered elsewhere right now; try again later")

	// ErrUnknown: the lead may be sold. Settle it before it is offered to anybody.
	// Nothing was sent now, unless the error is also a *trackdrive.Error: that is the
	// request that left the doubt.
	ErrUnknown = errors.New("sales: the lead may be sold; settle or resolve it")

	// ErrConflict: the id is known with another caller, or, within Config.SameCaller,
	// the caller with another id. The Sale is the known lead's. Nothing was sent.
	ErrConflict = errors.New("sales: the lead is known with another id or another caller")

	// ErrNoSale: the store knows no lead with this id.
	ErrNoSale = errors.New("sales: there is no lead with this id")

	// ErrNotRecorded: the lead is sold, and the store did not take that. The Sale has
	// the number: dial it. For everybody else, the lead is unknown, and to be settled
	// later.
	ErrNotRecorded = errors.New("sales: the lead is sold, but the store did not record it")
)

// The errors of a Store that a Desk handles.
var (
	// ErrLeaseLost is Store.Note's: somebody else has the lead now, or has settled it.
	ErrLeaseLost = errors.New("sales: the lease on the lead has ended")

	// ErrCallTaken is Store.Change's: another lead has the call.
	ErrCallTaken = errors.New("sales: the call belongs to another lead")
)

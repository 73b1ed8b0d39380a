// Package sales sells leads at most once, whatever dies: the process, the machine, the
// network, or the answer of a post. It keeps in a store what package trackdrive knows
// only until it returns.
//
//	store, err := boltsales.Open("sales.db", nil)
//	...
//	desk, err := sales.New(sales.Config{Store: store, OnEvent: alert})
//	...
//	sale, err := desk.Auction(ctx, "lead-4711", auction, &trackdrive.PingRequest{CallerID: caller})
//	switch {
//	case err == nil, errors.Is(err, sales.ErrNotRecorded):
//		number, ok := sale.Number() // not ok if nobody took the lead
//		...
//	case errors.Is(err, sales.ErrUnknown): // it may be sold: desk.Unsettled lists it
//	default: // it is not sold now
//	}
//
// The second call with the same id returns the same sale and sends nothing, even after a
// restart or on another machine. Every offer of a sold lead returns its number, so only
// one worker should dial it.
//
// # States
//
//	open     nothing that may sell the lead has left
//	posting  a desk has the lead right now: ErrBusy
//	sold     the lead is sold: every offer returns that sale
//	unsold   certainly nobody took it: it may be offered again
//	unknown  it may be sold: ErrUnknown, until Settle or Resolve
//
// # Guarantees
//
// Before a post leaves, and before a ping that may count as one, the store durably
// notes it. Its outcome is noted before the next one, and before the number is handed
// out. So after any crash a lead is open or unsold, sold, or unknown; it is never
// forgotten, and none that may be sold is offered again.
//
// A desk has a lead for a limited time, its lease, which each note renews. A note whose
// lease has ended is refused, and nothing is sent: a process that was stopped for long
// cannot post a lead that another desk has in the meantime. When the lease of a dead
// process ends, its lead is unknown if something had left without an outcome; otherwise
// it may be offered again.
//
// # Not guaranteed
//
// Doubts do not end by themselves. [Desk.Unsettled] lists the unknown leads,
// [Desk.Settle] asks TrackDrive for their calls, and [Desk.Resolve] takes the word of
// somebody who knows. A process that dies reports no event, so watch [Desk.Counts]. A
// lead that is offered under two ids is two leads, unless Config.SameCaller refuses the
// second. A post that does not go through a Desk is not known to
// it. If a disk loses what it reported as written, or somebody restores an old copy of
// the store, leads are forgotten. Desks on several machines need a store with one
// clock, such as pgsales.
//
// # Personal data
//
// A store keeps the callers' numbers, unless Config.CallerKey is set, and the numbers to
// dial. [Desk.Purge] removes them. Log a Sale or an Event by log/slog: their LogValue
// shows no phone number.
package sales

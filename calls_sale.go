// The call of a sale: it shows what became of a post of unknown outcome.

package trackdrive

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/internal/template"
)

// SaleQuery describes the call that a post of unknown outcome led to, if it sold.
type SaleQuery struct {
	Caller  string        // the caller's number in any form: "+1 (555) 555-0100", "5555550100"
	BuyerID ID            // only calls at this buyer: PostRequest.BuyerID, or Buyer.ID of SaleTry.Bid; "": at any
	After   time.Time     // when the post began: SaleTry.At
	Within  time.Duration // how long after that the call began at most; 0: an hour
}

const (
	defaultSaleWindow = time.Hour
	saleClockSkew     = time.Minute // between this clock and TrackDrive's
	maxSaleCalls      = 10_000
)

// FindSale looks for the call of a post of unknown outcome, so that somebody can
// settle it by hand: GET /api/v1/calls. It returns every call that may be the one,
// oldest first, each with its UUID: calls of the caller that began between a minute
// before q.After, because clocks differ, and q.Within after it, at the buyer if q
// names one. Numbers are compared by their digits, and ten digits are the same
// number with and without a leading 1.
//
// A call without a buyer, or without a caller's number or a time that can be read,
// cannot be ruled out by what it lacks, so it is returned, too. Calls without a time
// come last. All pages are read, up to 10,000 calls; if there are more, FindSale
// returns an error and no calls.
//
// One call means that the post sold, unless the call belongs to another post about
// the same caller. No call does not mean that the lead is unsold: the lost answer
// held the number to dial, so the call may come later, or never be made. If there
// are several, ask the buyer.
//
// The requests change nothing, and are repeated like those of [Client.Calls].
// TrackDrive does not document how it filters by number, so there is one request for
// each way to write the number without punctuation, unless the first reply shows
// that there is no filter. The time limit applies to each page.
//
// Errors are *[Error]. [ErrInvalidArgument] names the field, and nothing was sent:
// the caller is missing or is not a phone number, After is zero, or Within is
// negative. [ErrUnauthorized] and [ErrForbidden] say which right reading calls
// needs. [ErrUnreadable] may also mean that there are too many calls, or that a call
// that may be the one has no uuid.
func (c *Client) FindSale(ctx context.Context, q *SaleQuery, opts ...CallOption) ([]Call, error) {
	s, err := newSaleSearch(q)
	if err != nil {
		return nil, c.refuse(ctx, "find_sale", err)
	}
	for _, number := range s.numbers() {
		if err := s.read(c.Calls(ctx, s.query(number), opts...)); err != nil {
			return nil, err
		}
		if s.sawOthers {
			break
		}
	}
	slices.SortStableFunc(s.found, compareStarts)
	return s.found, nil
}

// saleSearch looks through lists of calls.
type saleSearch struct {
	SaleQuery
	caller   string // as callerDigits returns it
	from, to time.Time

	calls     int // how many were read
	sawOthers bool
	found     []Call
	known     map[string]bool // the uuids of found
}

func newSaleSearch(q *SaleQuery) (*saleSearch, error) {
	if q == nil {
		return nil, invalidArgument("query", "is nil")
	}
	s := &saleSearch{SaleQuery: *q, known: make(map[string]bool)}
	if s.Within == 0 {
		s.Within = defaultSaleWindow
	}
	s.from, s.to = s.After.Add(-saleClockSkew), s.After.Add(s.Within)
	var ok bool
	s.caller, ok = callerDigits(s.Caller)
	switch {
	case isBlank(s.Caller):
		return nil, invalidArgument("caller", "is empty; give the caller's number")
	case !ok:
		return nil, invalidArgument("caller", "is not a phone number such as +15555550142, without an extension")
	case template.IsLeftover(string(s.BuyerID)):
		return nil, leftoverError("buyer_id")
	case strings.TrimSpace(string(s.BuyerID)) != string(s.BuyerID):
		return nil, invalidArgument("buyer_id", "has white space at an end; give the id alone, or nothing for any buyer")
	case s.After.IsZero():
		return nil, invalidArgument("after", "is zero; give the time at which the post began")
	case s.Within < 0:
		return nil, invalidArgument("within", "must not be negative")
	case s.from.Year() < 1 || s.After.Year() > 9999:
		return nil, invalidArgument("after", "is in the year %d; give the time at which the post began", s.After.Year())
	case s.to.Year() > 9998:
		return nil, invalidArgument("within", "is %s, which ends in the year %d", s.Within, s.to.Year())
	}
	return s, nil
}

// callerDigits returns the digits of a phone number, without the country code 1 of
// ten others; false if it is not a phone number.
func callerDigits(number string) (digits string, ok bool) {
	const mostDigits = 15
	digits, _, ok = phoneDigits(number)
	if len(digits) == 11 && digits[0] == '1' {
		digits = digits[1:]
	}
	return digits, ok && display.FewestDigits <= len(digits) && len(digits) <= mostDigits
}

// numbers returns the caller's number as TrackDrive may have it. The shortest form
// comes first, because a server that looks for a part of a number then finds all.
func (s *saleSearch) numbers() []string {
	if len(s.caller) == 10 {
		return []string{s.caller, "1" + s.caller, "+1" + s.caller}
	}
	return []string{s.caller, "+" + s.caller}
}

// query returns the query for a form of the number. TrackDrive's times have whole
// seconds.
func (s *saleSearch) query(number string) *CallQuery {
	return &CallQuery{CallerNumber: number, CreatedFrom: s.from, CreatedTo: s.to.Add(time.Second)}
}

// read takes what a list has.
func (s *saleSearch) read(list iter.Seq2[Call, error]) error {
	for call, err := range list {
		if err != nil {
			return err
		}
		if s.calls++; s.calls > maxSaleCalls {
			return brokenList("there are more than %d calls to look through; give a shorter Within", maxSaleCalls)
		}
		caller, isKnown := callerDigits(call.CallerNumber)
		if isKnown && caller != s.caller {
			s.sawOthers = true // the server does not filter by number: this list has all calls
			continue
		}
		if !s.mayBe(&call) || s.known[call.UUID] {
			continue
		}
		if call.UUID == "" {
			return brokenList("the call with the id %q may be the sale, but has no uuid", oneLine(string(call.ID)))
		}
		s.known[call.UUID] = true
		s.found = append(s.found, call)
	}
	return nil
}

// mayBe reports whether nothing rules out that the caller's call is the one.
func (s *saleSearch) mayBe(c *Call) bool {
	if s.BuyerID != "" && c.BuyerID != "" && c.BuyerID != s.BuyerID {
		return false
	}
	return c.CreatedAt.IsZero() || !c.CreatedAt.Before(s.from.Truncate(time.Second)) && !c.CreatedAt.After(s.to)
}

// compareStarts puts the older call first, and one without a time last.
func compareStarts(a, b Call) int {
	if a.CreatedAt.IsZero() != b.CreatedAt.IsZero() {
		return -a.CreatedAt.Compare(b.CreatedAt)
	}
	return a.CreatedAt.Compare(b.CreatedAt)
}

// The list of calls: by cursor, as TrackDrive offers it, or by page number if a
// server gives no cursor.

package trackdrive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/decimal"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// CallQuery selects calls.
type CallQuery struct {
	CallerNumber string    // caller_number: only calls of this caller; "": of all
	CreatedFrom  time.Time // created_at_from; zero: from the first call
	CreatedTo    time.Time // created_at_to; zero: to the last call
	PerPage      int       // per_page: how many calls a request fetches; 0: 100
	Fields       Fields    // other filters: offer_id, status, columns, ...
}

const defaultPerPage = 100

func (q *CallQuery) perPage() int {
	if q.PerPage == 0 {
		return defaultPerPage
	}
	return q.PerPage
}

// callPage is a query for one page: at a cursor or, if there is none, by number.
type callPage struct {
	*CallQuery
	cursor string
	number int
}

func (p *callPage) parameters(list []typedParam) []typedParam {
	number := ""
	if p.cursor == "" {
		number = strconv.Itoa(p.number)
	}
	list = append(list,
		typedParam{name: "cursor", text: p.cursor},
		typedParam{name: "caller_number", text: p.CallerNumber},
		typedParam{name: "page", text: number},
		typedParam{name: "per_page", text: strconv.Itoa(p.perPage())},
	)
	for name, at := range map[string]time.Time{"created_at_from": p.CreatedFrom, "created_at_to": p.CreatedTo} {
		text := ""
		if !at.IsZero() {
			text = at.Format(apiTime)
		}
		list = append(list, typedParam{name: name, text: text})
	}
	return list
}

func (p *callPage) fields() Fields { return p.Fields }

// Calls iterates over the calls that the query selects, page after page:
// GET /api/v1/calls. The time limit applies to each page. A nil query selects all
// calls. An error ends the iteration; it comes with a zero Call:
//
//	for call, err := range client.Calls(ctx, &trackdrive.CallQuery{CallerNumber: caller}) {
//		if err != nil {
//			return err
//		}
//	}
//
// Without an error, the list is complete. Calls fetches the next page, by
// next_cursor or else by page number, as long as a reply says that there is more.
// A reply that does not say, such as a bare list, is the last one if it does not
// fill its page. A list that gives a cursor or a page a second time, or that ends
// although it says that there is more, is [ErrUnreadable].
func (c *Client) Calls(ctx context.Context, q *CallQuery, opts ...CallOption) iter.Seq2[Call, error] {
	return func(yield func(Call, error) bool) {
		for list := newCallList(q); !list.ended; {
			page, err := c.callsAt(ctx, &list.ask, opts)
			if err == nil {
				err = list.take(page)
			}
			if err != nil {
				yield(Call{}, err)
				return
			}
			for _, raw := range page.calls {
				if !yield(readCall(raw), nil) {
					return
				}
			}
			if err := list.advance(page); err != nil {
				yield(Call{}, err)
				return
			}
		}
	}
}

// callsAt fetches one page.
func (c *Client) callsAt(ctx context.Context, p *callPage, opts []CallOption) (reply *callsReply, err error) {
	out, err := c.newCall(apiOperation{name: "calls", path: "/calls", need: authBound}, opts)
	defer out.report(ctx, &err)
	if err != nil {
		return nil, err
	}
	if p.PerPage < 0 {
		return nil, notSentError(out.name, invalidArgument("per_page", "must not be negative"))
	}
	out.setPath("/calls", "")
	out.setParams(p)
	out.setMethod(http.MethodGet)
	out.repeat = RepeatSafe
	out.read = func(_ int, body []byte) (accepted bool, err error) {
		reply, err = readCalls(body)
		return true, err
	}
	_, err = out.send(ctx)
	return reply, err
}

// callList follows a list from the first page to the last.
type callList struct {
	ask   callPage // the page to fetch
	ended bool

	pages, elements int // how many were fetched
	empty           int // how many empty pages came in a row
	firstNumber     int // the first page's number: 1, or 0 if the server counts from 0
	seen            map[uint64]bool
	seed            maphash.Seed
}

// firstCursor is the cursor of the first page of TrackDrive's lists.
const firstCursor = "-1"

// Limits that keep a list from going on for ever. maxPages also bounds memory.
const (
	maxPages      = 100_000
	maxEmptyPages = 20 // in a row
)

func newCallList(q *CallQuery) *callList {
	query := new(CallQuery)
	if q != nil {
		*query = *q
	}
	l := &callList{ask: callPage{CallQuery: query, cursor: firstCursor}, firstNumber: 1, seen: make(map[uint64]bool), seed: maphash.MakeSeed()}
	l.isNew("cursor", firstCursor)
	return l
}

// isNew notes a text, and reports whether the list gave it for the first time.
func (l *callList) isNew(kind, text string) bool {
	sum := maphash.String(l.seed, kind+" "+text)
	isNew := !l.seen[sum]
	l.seen[sum] = true
	return isNew
}

// brokenList returns the error for a list that cannot be followed to its end.
func brokenList(format string, args ...any) error {
	return &Error{Operation: "calls", Err: unreadableReply(fmt.Errorf(format, args...)), Delivery: DeliveryAnswered}
}

// take counts a page that was fetched, and refuses one that was not requested.
func (l *callList) take(r *callsReply) error {
	l.pages++
	l.elements += r.elements
	if l.empty++; r.elements > 0 {
		l.empty = 0
	}
	if l.pages == 1 && (r.currentPage == 0 || r.currentPage < 0 && r.nextPage == 1) {
		l.firstNumber = 0
	}
	switch requested := l.ask.number; {
	case l.ask.cursor == "" && r.currentPage >= 0 && r.currentPage != requested:
		return brokenList("page %d was requested, but the reply is page %d", requested, r.currentPage)
	case l.pages == 1 && r.currentPage > 1:
		return brokenList("the list begins with page %d", r.currentPage)
	case r.elements > 0 && !l.isNew("page", r.list) && (l.ask.cursor == "" || r.hasIDs()):
		return brokenList("the list gives the same page twice")
	}
	return nil
}

// advance decides which page is fetched next.
func (l *callList) advance(r *callsReply) error {
	switch {
	case r.cursor == "" && !l.hasMore(r):
		l.ended = true
		return nil
	case l.pages >= maxPages:
		return brokenList("the list has more than %d pages; narrow the query", maxPages)
	case l.empty > maxEmptyPages:
		return brokenList("the list says that there is more, but gives %d empty pages in a row", l.empty)
	case r.cursor != "" && !l.isNew("cursor", r.cursor):
		return brokenList("the list gives the same cursor twice")
	case r.cursor != "":
		l.ask.cursor = r.cursor
		return nil
	case l.followsCursors():
		return brokenList("the list says that there is more, but gives no cursor")
	}
	next := l.number(r) + 1
	if r.nextPage > 0 && r.nextPage != next {
		return brokenList("the list says that page %d follows page %d", r.nextPage, next-1)
	}
	l.ask.cursor, l.ask.number = "", next
	return nil
}

// followsCursors reports whether the last page was fetched at a cursor that the
// list gave.
func (l *callList) followsCursors() bool { return l.ask.cursor != "" && l.pages > 1 }

// hasMore reports whether the list goes on after a page that gives no cursor. Calls
// arrive while a list is read, so totals do not count if a cursor led to its end.
func (l *callList) hasMore(r *callsReply) bool {
	switch {
	case r.cursorEnds && l.followsCursors():
		return false
	case r.more, r.nextPage > 0, r.totalPages > l.number(r)-l.firstNumber+1:
		return true
	case r.cursorEnds:
		return false
	case r.totalCalls > l.elements && !l.followsCursors():
		return true
	case r.saysWhetherMore:
		return false
	default:
		return r.fills(l.ask.perPage())
	}
}

// number returns the number of the last page that was fetched.
func (l *callList) number(r *callsReply) int {
	switch counted := l.pages - 1 + l.firstNumber; {
	case l.followsCursors():
		return max(r.currentPage, counted)
	case r.currentPage >= 0:
		return r.currentPage
	case l.ask.cursor == "":
		return l.ask.number
	default:
		return counted
	}
}

// callsReply is a page of the list.
type callsReply struct {
	calls    []json.RawMessage
	list     string // the list as it was received
	elements int    // how many the list has, those that are not calls included
	pagePosition
}

// serverPerPage is the number of calls in a page if TrackDrive ignores per_page.
// Servers cap per_page to a multiple of it.
const serverPerPage = 25

// fills reports whether the page is full, so that there may be another one.
func (r *callsReply) fills(perPage int) bool {
	return r.elements >= perPage || r.perPage > 0 && r.elements >= r.perPage || r.elements > 0 && r.elements%serverPerPage == 0
}

// hasIDs reports whether the page's calls can be told from others. A query's
// columns may leave the ids out.
func (r *callsReply) hasIDs() bool {
	return len(r.calls) > 0 && (lookupValue(r.calls[0], "id").String() != "" || lookupValue(r.calls[0], "uuid").String() != "")
}

// readCalls reads a page, with an envelope or without one (root=false).
func readCalls(body []byte) (*callsReply, error) {
	if err := jsonscan.Valid(body); err != nil {
		return nil, err
	}
	r := &callsReply{pagePosition: pagePosition{currentPage: -1}}
	list, err := listOfCalls(body)
	if err != nil {
		return nil, err
	}
	if err := r.read(body); err != nil {
		return nil, err
	}
	r.list = list.text
	data := []byte(list.text)
	var s jsonscan.Scanner
	s.Reset(data)
	for s.Enter(); s.Next(); r.elements++ {
		if v := s.Read(); v.Kind == jsonscan.Object {
			r.calls = append(r.calls, json.RawMessage(data[v.Start:v.End]))
		}
	}
	return r, nil
}

func listOfCalls(body []byte) (list Value, err error) {
	var s jsonscan.Scanner
	s.Reset(body)
	if s.Kind() == jsonscan.Array {
		return valueOf(body, s.Read()), nil
	}
	for s.Enter(); s.Next(); {
		switch {
		case !s.NameIs("calls"):
		case list.Exists():
			return Value{}, errors.New("calls is given twice")
		default:
			list = valueOf(body, s.Read())
		}
	}
	if list.kind != jsonscan.Array {
		return Value{}, errors.New("the reply has no list of calls")
	}
	return list, nil
}

// pagePosition is what a reply says about its place in a list. TrackDrive documents
// metadata.next_cursor; the other names are used by Rails' paginators.
type pagePosition struct {
	cursor          string // the next page's: its exact text, which may look like a float
	cursorEnds      bool   // next_cursor is given, and says that this is the last page
	more            bool   // there is more, without a page number
	nextPage        int    // 0 if unknown
	currentPage     int    // -1 if unknown
	totalPages      int    // 0 if unknown
	totalCalls      int    // 0 if unknown
	perPage         int    // 0 if unknown
	saysWhetherMore bool   // the reply says whether there is more
}

// read reads the members of an object, and of the objects in it that describe the
// list.
func (p *pagePosition) read(object []byte) error {
	var s jsonscan.Scanner
	s.Reset(object)
	if s.Kind() != jsonscan.Object {
		return nil
	}
	seen := make(map[string]bool)
	for s.Enter(); s.Next(); {
		name := string(s.Name())
		known, err := p.set(name, valueOf(object, s.Read()))
		switch {
		case err != nil:
			return err
		case known && seen[name]:
			return fmt.Errorf("%s is given twice", name)
		}
		seen[name] = known
	}
	return nil
}

// set reads one member.
func (p *pagePosition) set(name string, v Value) (known bool, err error) {
	number := func() int {
		n, _ := wholeNumber(v)
		return max(n, 0)
	}
	switch name {
	case "metadata", "meta", "pagination", "paging", "links":
		return true, p.read([]byte(v.text))
	case "next_cursor":
		return true, p.setCursor(v)
	case "next_page":
		p.nextPage = max(p.nextPage, number())
		p.setMore(isGivenLink(v) && p.nextPage == 0)
	case "next", "next_page_url":
		p.setMore(isGivenLink(v))
	case "has_more", "has_next_page":
		more, _ := v.Bool()
		p.setMore(more)
	case "total_pages", "page_count", "pages", "last_page":
		p.totalPages = max(p.totalPages, number())
		p.setMore(false)
	case "total_count", "total_entries":
		p.totalCalls = max(p.totalCalls, number())
		p.setMore(false)
	case "current_page", "page":
		if n, ok := wholeNumber(v); ok && n >= 0 {
			p.currentPage = n
		}
	case "per_page":
		p.perPage = number()
	default:
		return false, nil
	}
	return true, nil
}

// setMore notes that the reply says whether there is more.
func (p *pagePosition) setMore(more bool) { p.more, p.saysWhetherMore = p.more || more, true }

// isGivenLink reports whether v leads to another page.
func isGivenLink(v Value) bool {
	switch v.kind {
	case jsonscan.Null, jsonscan.False:
		return false
	case jsonscan.String, jsonscan.Number:
		return strings.TrimSpace(v.text) != "" && !isZero(v.text)
	default:
		return true
	}
}

// setCursor reads next_cursor, which is 0 at the end, in whatever form.
func (p *pagePosition) setCursor(v Value) error {
	switch {
	case v.kind == jsonscan.True || v.kind > jsonscan.String:
		return errors.New("next_cursor is neither text nor a number")
	case !isGivenLink(v):
		p.cursorEnds = true
	case p.cursor != "" && p.cursor != v.text:
		return errors.New("next_cursor is given twice")
	default:
		p.cursor = v.text
	}
	return nil
}

// isZero reports whether text is a number that is 0: "0", "0.0", "-0e5".
func isZero(text string) bool {
	n, form := decimal.Parse(strings.TrimSpace(text))
	return form == decimal.Exact && decimal.Compare(n, decimal.Number[string]{}) == 0
}

// The list of calls: by cursor, as TrackDrive offers it, and by page number
// where a server gives no cursor.

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
	CallerNumber string    // calls of this caller only
	CreatedFrom  time.Time // zero: from the first
	CreatedTo    time.Time // zero: to the last
	PerPage      int       // how many a request fetches; default 100
	Fields       Fields    // other filters: offer_id, status, columns, ...
}

const defaultPerPage = 100

func (q *CallQuery) perPage() int {
	if q.PerPage == 0 {
		return defaultPerPage
	}
	return q.PerPage
}

// callPage is a query for one page: at a cursor or, without one, by number.
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
// GET /api/v1/calls. The time limit is that of each page. An error ends the
// iteration; it comes with a zero Call. A nil query selects all.
//
//	for call, err := range client.Calls(ctx, &trackdrive.CallQuery{CallerNumber: caller}) {
//		if err != nil {
//			return err
//		}
//	}
//
// Without an error the list is complete. It goes on while a reply says that
// there is more: by next_cursor, else by page number. A reply that says nothing,
// a bare list for example, is the last one when it does not fill its page. A
// list that gives a cursor or a page a second time, or ends although it says
// that there is more, is [ErrUnreadable].
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
func (c *Client) callsAt(ctx context.Context, p *callPage, opts []CallOption) (*callsReply, error) {
	out, err := c.newCall(apiOperation{name: "calls", path: "/calls", need: authBound}, opts)
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
	var reply *callsReply
	out.read = func(_ int, body []byte) (err error) {
		reply, err = readCalls(body)
		return err
	}
	_, err = out.send(ctx)
	return reply, err
}

// callList is a list on its way from the first page to the last.
type callList struct {
	ask   callPage // the page to fetch
	ended bool

	pages, elements int // that were fetched
	empty           int // pages in a row
	firstNumber     int // of the first page: 1, or 0 where a server counts so
	seen            map[uint64]bool
	seed            maphash.Seed
}

// firstCursor is where TrackDrive's lists start.
const firstCursor = "-1"

// What keeps a list from going on for ever. Memory is bounded by maxPages.
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

// isNew notes a text, and reports whether the list has not had it before.
func (l *callList) isNew(kind, text string) bool {
	sum := maphash.String(l.seed, kind+" "+text)
	isNew := !l.seen[sum]
	l.seen[sum] = true
	return isNew
}

// brokenList is the error of a list that cannot be followed to its end.
func brokenList(format string, args ...any) error {
	return &Error{Operation: "calls", Err: unreadableReply(fmt.Errorf(format, args...)), Delivery: DeliveryAnswered}
}

// take counts a page that was fetched, and refuses one that is not the page that
// was asked for.
func (l *callList) take(r *callsReply) error {
	l.pages++
	l.elements += r.elements
	if l.empty++; r.elements > 0 {
		l.empty = 0
	}
	if l.pages == 1 && (r.currentPage == 0 || r.currentPage < 0 && r.nextPage == 1) {
		l.firstNumber = 0
	}
	switch asked := l.ask.number; {
	case l.ask.cursor == "" && r.currentPage >= 0 && r.currentPage != asked:
		return brokenList("the list answers with page %d, and page %d was asked for", r.currentPage, asked)
	case l.pages == 1 && r.currentPage > 1:
		return brokenList("the list begins with page %d", r.currentPage)
	case r.elements > 0 && !l.isNew("page", r.list) && (l.ask.cursor == "" || r.hasIDs()):
		return brokenList("the list gives the same page again")
	}
	return nil
}

// advance decides what is fetched next.
func (l *callList) advance(r *callsReply) error {
	switch {
	case r.cursor == "" && !l.hasMore(r):
		l.ended = true
		return nil
	case l.pages >= maxPages:
		return brokenList("the list has more than %d pages; narrow the query", maxPages)
	case l.empty > maxEmptyPages:
		return brokenList("the list says that there is more, and gives %d empty pages", l.empty)
	case r.cursor != "" && !l.isNew("cursor", r.cursor):
		return brokenList("the list gives the same cursor again")
	case r.cursor != "":
		l.ask.cursor = r.cursor
		return nil
	case l.followsCursors():
		return brokenList("the list says that there is more, and gives no cursor")
	}
	next := l.number(r) + 1
	if r.nextPage > 0 && r.nextPage != next {
		return brokenList("the list goes from page %d to page %d", next-1, r.nextPage)
	}
	l.ask.cursor, l.ask.number = "", next
	return nil
}

// followsCursors reports whether the last page was fetched at a cursor that the
// list gave.
func (l *callList) followsCursors() bool { return l.ask.cursor != "" && l.pages > 1 }

// hasMore reports whether the list goes on behind a page that gives no cursor.
// Calls arrive while a list is read, so totals do not count where a cursor has
// led to its end.
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

// number is that of the page that was fetched last.
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
	list     string // as it was received
	elements int    // in the list, also those that are not calls
	pagePosition
}

// serverPerPage is how many calls TrackDrive gives where it does not heed
// per_page, or of which servers cap it to a multiple.
const serverPerPage = 25

// fills reports whether there are as many calls as a page holds, so that there
// may be more.
func (r *callsReply) fills(perPage int) bool {
	return r.elements >= perPage || r.perPage > 0 && r.elements >= r.perPage || r.elements > 0 && r.elements%serverPerPage == 0
}

// hasIDs reports whether the page's calls can be told from others. A query's
// columns may leave that out.
func (r *callsReply) hasIDs() bool {
	return len(r.calls) > 0 && (lookupValue(r.calls[0], "id").String() != "" || lookupValue(r.calls[0], "uuid").String() != "")
}

// readCalls reads a page, also one without an envelope (root=false).
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

// pagePosition is what a reply says of its place in a list. TrackDrive documents
// metadata.next_cursor; the other names are those that Rails' paginators use.
type pagePosition struct {
	cursor          string // of the next page: its exact text, which may look like a float
	cursorEnds      bool   // next_cursor is given, and says that this is the last page
	more            bool   // there is more, without a page number
	nextPage        int    // 0 when unknown
	currentPage     int    // -1 when unknown
	totalPages      int    // 0 when unknown
	totalCalls      int    // 0 when unknown
	perPage         int    // 0 when unknown
	saysWhetherMore bool   // something was said of what follows
}

// read takes the members of an object, and of the objects in it that tell about
// the list.
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

// set takes one member.
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

// setMore takes a word on what follows.
func (p *pagePosition) setMore(more bool) { p.more, p.saysWhetherMore = p.more || more, true }

// isGivenLink reports whether v leads somewhere.
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

// setCursor takes next_cursor, which is 0 at the end, in whatever form.
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

// Replies: every shape that TrackDrive's endpoints send is read into one. Names
// match exactly, and a name that is read may be given only once.

package trackdrive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// Meta describes the HTTP exchange behind a response. Responses made by hand,
// in tests, work like received ones: lookups read Raw.
type Meta struct {
	StatusCode int             // 2xx
	Header     http.Header     // the reply's
	Raw        json.RawMessage // the reply's body, as received, whatever it is; nil if it was empty
	Attempts   int             // how many times the call was tried
	Elapsed    time.Duration   // how long the whole call took, waits included

	sent *fixedAuth // the request's credentials, which the reply may repeat; may be nil
}

// Field looks up any field of the reply by its path: "metadata.root".
func (m *Meta) Field(path string) Value { return lookupValue(m.Raw, path) }

// MarshalJSON writes the fields under their names. A body that is not JSON is
// written as a text, in which bytes that are not UTF-8 become U+FFFD. So is one that
// is a JSON string or null, to be told from it.
func (m Meta) MarshalJSON() ([]byte, error) {
	type plainMeta Meta
	var s jsonscan.Scanner
	s.Reset(m.Raw)
	kind, hasMark := s.Kind(), bytes.HasPrefix(m.Raw, []byte("\ufeff"))
	switch {
	case len(m.Raw) == 0:
		m.Raw = nil
	case kind == jsonscan.String, kind == jsonscan.Null, hasMark, !s.Complete():
		m.Raw = jsonscan.AppendQuoted(nil, string(m.Raw))
	}
	return json.Marshal(plainMeta(m))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (m *Meta) UnmarshalJSON(data []byte) error {
	type plainMeta Meta
	read := plainMeta(*m)
	read.Raw = nil
	if err := json.Unmarshal(data, &read); err != nil {
		return err
	}
	switch raw := read.Raw; {
	case raw == nil: // not given
		read.Raw = m.Raw
	case string(raw) == "null":
		read.Raw = nil
	case raw[0] == '"':
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return err
		}
		read.Raw = []byte(text)
	}
	*m = Meta(read)
	return nil
}

// unreadableReply makes an error of kind [ErrUnreadable].
func unreadableReply(err error) error { return fmt.Errorf("%w: %w", ErrUnreadable, err) }

var (
	errEmpty      = errors.New("the reply is empty")
	errNoObject   = errors.New("the reply is not a JSON object")
	errNoBuyers   = errors.New("buyers is not a list")
	errManyBuyers = fmt.Errorf("the reply lists more than %d buyers", maxBuyers)
)

// foundMembers holds the place of each of an object's members.
type foundMembers [endOfMembers]jsonscan.Value

// replyReader reads one reply.
type replyReader struct {
	jsonscan.Scanner
	body      []byte
	kept      textArena // the texts that were read
	top       foundMembers
	in        foundMembers            // the members of try_all_buyers, or of a lead's record
	buf       []byte                  // for texts with escapes
	caps      []int                   // buyers' caps point into it
	flat      [24]jsonscan.FlatMember // of the buyer being read
	flatNames [24]replyMember         // of the members in flat; 0 if one is not wanted
	room      int                     // how many caps there can be
	err       error                   // the first mistake

	buyers, inBuyers []Buyer
}

// object reads the whole reply, which must be an object, and notes the places of
// the wanted members.
func (r *replyReader) object(body []byte, wanted objectSet) error {
	r.body = body
	r.Reset(body)
	kind := r.Kind()
	if kind == jsonscan.Object {
		r.Enter()
		r.members(wanted, &r.top)
	}
	switch err := r.End(); {
	case len(bytes.TrimSpace(body)) == 0:
		return errEmpty
	case err != nil:
		return err
	case kind != jsonscan.Object:
		return errNoObject
	}
	return r.err
}

// members walks through the object that was entered last.
func (r *replyReader) members(wanted objectSet, f *foundMembers) {
	for r.Next() {
		m, ok := r.which(wanted)
		switch {
		case !ok: // Next steps over it
		case f[m].Kind != jsonscan.Invalid:
			r.fail(fmt.Errorf("%s is given twice", m.name()))
		default:
			f[m] = r.member(m, f == &r.top)
		}
	}
}

// which returns the member that Next went to, and whether it is wanted.
func (r *replyReader) which(wanted objectSet) (replyMember, bool) {
	return memberNamed(r.Name(), wanted)
}

// member reads one member. If top is true, it is the reply's own.
func (r *replyReader) member(m replyMember, top bool) jsonscan.Value {
	v := jsonscan.Value{Kind: r.Kind(), Start: r.Offset()}
	switch {
	case m == mBuyers && top:
		r.buyers = r.readBuyers()
	case m == mBuyers:
		r.inBuyers = r.readBuyers()
	case m == mTryAllBuyers && v.Kind == jsonscan.Object:
		r.Enter()
		r.members(inTryAll, &r.in)
	case m == mLead && v.Kind == jsonscan.Object:
		r.Enter()
		r.members(inLeadRecord, &r.in)
	default:
		return r.Read()
	}
	v.End = r.Offset()
	return v
}

func (r *replyReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// maxBuyers bounds the cost of a reply of many small objects: a reply of 1 MiB has
// no room for more real buyers.
const maxBuyers = 1 << 16

// smallestBuyer is the length of the shortest real buyer, in bytes.
const smallestBuyer = len(`{"ping_id":"1","bid":1}`)

// readBuyers reads a list of buyers. Null and "" are an empty list.
func (r *replyReader) readBuyers() []Buyer {
	start := r.Offset()
	if r.Kind() != jsonscan.Array {
		v := r.Read()
		if v.Kind != jsonscan.Null && (v.Kind != jsonscan.String || v.Start != v.End) {
			r.fail(errNoBuyers)
		}
		return nil
	}
	var list []Buyer
	r.Enter()
	for r.Next() {
		if r.Kind() != jsonscan.Object {
			continue
		}
		if len(list) == maxBuyers {
			r.fail(errManyBuyers)
			continue
		}
		if list == nil {
			rest := r.body[start:]
			list = make([]Buyer, 0, min(bytes.Count(rest, []byte{'{'}), len(rest)/smallestBuyer+1))
			r.caps = nil
			r.room = 2 * cap(list)
		}
		list = append(list, Buyer{})
		r.readBuyer(&list[len(list)-1])
	}
	return list
}

// readBuyer reads one buyer.
func (r *replyReader) readBuyer(b *Buyer) {
	buyer := buyerReader{replyReader: r, Buyer: b}
	start := r.Offset()
	if n, ok := r.ReadFlat(r.flat[:]); ok {
		for i := range n {
			if m := r.flatMember(i); m != 0 && buyer.isFirst(m) {
				buyer.read(m, r.flat[i].Value)
			}
		}
	} else if clear(r.flat[:]); !buyer.readMembers() {
		return
	}
	buyer.choose()
	end := r.Offset()
	b.Raw = json.RawMessage(r.body[start:end:end])
}

// flatMember returns which member of a buyer is in flat[i]; 0 if it is not wanted.
func (r *replyReader) flatMember(i int) replyMember {
	if flat := &r.flat[i]; !flat.Same {
		m, wanted := memberNamed(r.body[flat.NameStart:flat.NameEnd], inBuyer)
		if !wanted {
			m = 0
		}
		r.flatNames[i] = m
	}
	return r.flatNames[i]
}

// buyerReader reads one buyer. If two names mean the same, it keeps both values
// until it is clear which one counts.
type buyerReader struct {
	*replyReader
	*Buyer
	seen uint64 // a bit for each member

	buyerID, id             jsonscan.Value
	destination, forwarding jsonscan.Value
	duration                jsonscan.Value
	bids                    [endOfBids - firstBid]jsonscan.Value
}

// readMembers reads the members of any object. It returns false if the reply is
// faulty.
func (b *buyerReader) readMembers() bool {
	b.Enter()
	for b.Next() {
		m, wanted := b.which(inBuyer)
		if !wanted || !b.isFirst(m) {
			continue
		}
		v := b.Read()
		if b.Failed() {
			return false
		}
		b.read(m, v)
	}
	return true
}

// isFirst reports whether the member is given for the first time.
func (b *buyerReader) isFirst(m replyMember) bool {
	if b.seen&(1<<m) != 0 {
		b.fail(fmt.Errorf("%s is given twice", m.name()))
		return false
	}
	b.seen |= 1 << m
	return true
}

// read reads a member that the Buyer has.
func (b *buyerReader) read(m replyMember, v jsonscan.Value) {
	switch m {
	case mBuyerID:
		b.buyerID = v
	case mID:
		b.id = v
	case mPingID:
		b.PingID = b.idOf(v)
	case mName:
		b.Name = b.string(v)
	case mOfferID:
		b.OfferID = b.idOf(v)
	case mTier:
		b.Tier = b.string(v)
	case mDestinationNumber:
		b.destination = v
	case mForwardingNumber:
		b.forwarding = v
	case mTrafficSourceID:
		b.TrafficSourceID = b.idOf(v)
	case mCurrentConversionDuration:
		b.ConversionDuration = b.seconds(v)
	case mDuration:
		b.duration = v
	case mConcurrencyCapLimit:
		b.ConcurrencyCapLimit = b.count(v)
	case mConcurrencyCapAvailable:
		b.ConcurrencyCapAvailable = b.count(v)
	default:
		if firstBid <= m && m < endOfBids {
			b.bids[m-firstBid] = v
		}
	}
}

// choose chooses among the values that were kept.
func (b *buyerReader) choose() {
	b.ID = b.firstID(b.buyerID, b.id)
	b.DestinationNumber = b.firstString(b.destination, b.forwarding)
	if b.ConversionDuration == 0 {
		b.ConversionDuration = b.seconds(b.duration)
	}
	b.Payout = b.firstBid(&b.bids)
}

// firstBid returns the first bid that is given. If it cannot be read, there is no
// bid: the next one does not replace it.
func (r *replyReader) firstBid(bids *[endOfBids - firstBid]jsonscan.Value) Amount {
	for _, v := range bids {
		if v.IsGiven() {
			amount, _ := r.value(v).Amount()
			return amount
		}
	}
	return Amount{}
}

// textArena keeps texts in common memory.
type textArena struct{ texts strings.Builder }

// keep returns a copy of a text. If there is no room left, the texts before stay
// where they are, and more room is made for what may follow: rest is how many bytes
// are yet to be read, and most of them are not kept.
func (a *textArena) keep(text []byte, rest int) string {
	if len(text) == 0 {
		return ""
	}
	start := a.texts.Len()
	if a.texts.Cap()-start < len(text) {
		a.texts = strings.Builder{}
		a.texts.Grow(max(64, len(text)+rest/4))
		start = 0
	}
	a.texts.Write(text)
	return a.texts.String()[start:]
}

// value returns v as a Value.
func (r *replyReader) value(v jsonscan.Value) Value {
	if v.Kind == jsonscan.String && v.Escaped {
		r.buf = jsonscan.AppendUnescaped(r.buf[:0], r.body[v.Start:v.End])
		return Value{v.Kind, string(r.buf)}
	}
	return Value{v.Kind, r.kept.keep(r.body[v.Start:v.End], len(r.body)-r.Offset())}
}

// string returns the text of v, or the literal of a number; "" for anything else.
func (r *replyReader) string(v jsonscan.Value) string {
	if v.Kind != jsonscan.String && v.Kind != jsonscan.Number {
		return ""
	}
	return r.value(v).text
}

func (r *replyReader) firstString(list ...jsonscan.Value) string {
	for _, v := range list {
		if text := r.string(v); text != "" {
			return text
		}
	}
	return ""
}

// idOf is string for an id, which requests send back: control characters and half a
// surrogate pair make the reply unreadable.
func (r *replyReader) idOf(v jsonscan.Value) ID {
	text := r.string(v)
	if ascii.IsPrintable(text) { // nearly always
		return ID(text)
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		r.fail(errors.New("an id has control characters"))
		return ""
	}
	if v.Escaped && strings.ContainsRune(text, unicode.ReplacementChar) {
		r.fail(errors.New("an id is not valid Unicode"))
		return ""
	}
	return ID(text)
}

func (r *replyReader) firstID(list ...jsonscan.Value) ID {
	for _, v := range list {
		if id := r.idOf(v); id != "" {
			return id
		}
	}
	return ""
}

func (r *replyReader) seconds(v jsonscan.Value) time.Duration {
	if n, ok := smallNumber(r.body[v.Start:v.End]); ok {
		return time.Duration(n) * time.Second
	}
	return secondsOf(r.value(v))
}

// secondsOf returns a duration given in seconds, as a number or a text; 0 for a
// negative one, and for anything else.
func secondsOf(v Value) time.Duration {
	if n, ok := smallNumber(v.text); ok {
		return time.Duration(n) * time.Second
	}
	amount, ok := v.Amount()
	if !ok {
		return 0
	}
	switch s := amount.Float64(); {
	case s <= 0:
		return 0
	case s >= math.MaxInt64/float64(time.Second):
		return math.MaxInt64
	default:
		return time.Duration(math.Round(s * float64(time.Second)))
	}
}

// smallNumber reads a few digits, the form of nearly all numbers.
func smallNumber[T string | []byte](text T) (n int, ok bool) {
	if len(text) == 0 || len(text) > 9 {
		return 0, false
	}
	for i := range len(text) {
		if !ascii.IsDigit(text[i]) {
			return 0, false
		}
		n = 10*n + int(text[i]-'0')
	}
	return n, true
}

// wholeNumber reads a whole number, even if it has a decimal point.
func wholeNumber(v Value) (n int, ok bool) {
	if n, ok := smallNumber(v.text); ok {
		return n, true
	}
	amount, ok := v.Amount()
	if !ok {
		return 0, false
	}
	whole, fraction, _ := strings.Cut(amount.text, ".")
	n, err := strconv.Atoi(whole)
	return n, err == nil && strings.Trim(fraction, "0") == ""
}

// count returns a whole number; nil for anything else.
func (r *replyReader) count(v jsonscan.Value) *int {
	n, ok := smallNumber(r.body[v.Start:v.End])
	if !ok {
		n, ok = wholeNumber(r.value(v))
	}
	if !ok {
		return nil
	}
	if r.caps == nil {
		r.caps = make([]int, 0, r.room)
	}
	r.caps = append(r.caps, n)
	return &r.caps[len(r.caps)-1]
}

// replyAnswer holds the members with which a reply accepts or refuses.
type replyAnswer struct {
	success  successMember
	word     string // the status, if it is a word
	refusing bool   // the status is a number from 400
	reasons  []FieldError
}

// successMember is the member success.
type successMember int

const (
	successAbsent successMember = iota // missing or null
	successTrue
	successFalse
	successUnknown // neither true nor false in a known form: it accepts nothing
)

// firstRefusal is the first numeric status that refuses.
var firstRefusal = MustAmount("400")

func (r *replyReader) answer() replyAnswer {
	var a replyAnswer
	if v := r.top[mSuccess]; v.Kind != jsonscan.Invalid && v.Kind != jsonscan.Null {
		switch value, known := r.value(v).Bool(); {
		case !known:
			a.success = successUnknown
		case value:
			a.success = successTrue
		default:
			a.success = successFalse
		}
	}
	a.word, a.refusing = r.status(r.top[mStatus])
	a.reasons = r.reasons(a.reasons, r.top[mErrors])
	a.reasons = r.reasons(a.reasons, r.top[mError])
	return a
}

// status reads a status: a word, or a number, which is an HTTP status.
func (r *replyReader) status(v jsonscan.Value) (word string, refusing bool) {
	text := r.string(v)
	isNumber := v.Kind == jsonscan.Number || text != "" && ascii.LeadingDigits(text) == len(text)
	if !isNumber {
		return text, false
	}
	n, ok := Value{jsonscan.Number, text}.Amount()
	return "", !ok && text[0] != '-' || n.Cmp(firstRefusal) >= 0
}

// contradiction returns the error for a command's reply that says both yes and no:
// success is true, but there are errors or a status that refuses. It is nil for any
// other reply.
func (a *replyAnswer) contradiction() error {
	if a.success != successTrue || !a.refuses() {
		return nil
	}
	return &contradictoryReply{ErrRejected, "success is true, but there are errors; the command may have been carried out"}
}

// refuses reports whether anything in the reply says no.
func (a *replyAnswer) refuses() bool {
	return a.success == successFalse || a.refusing || len(a.reasons) > 0
}

// marketRefuses is refuses for ping and post, where any status word other than
// success and accepted says no, too.
func (a *replyAnswer) marketRefuses() bool {
	return a.refuses() || a.word != "" && !isAccepting(a.word)
}

func (a *replyAnswer) accepts() bool {
	return a.success == successTrue || a.word != "" && isAccepting(a.word)
}

// isSilent reports whether the reply has neither success nor a status word.
func (a *replyAnswer) isSilent() bool {
	return a.success == successAbsent && a.word == "" && !a.refusing
}

// withMessage adds the text of message, which is a reason only in a refusal.
func (r *replyReader) withMessage(reasons []FieldError) []FieldError {
	return r.reasons(reasons, r.top[mMessage])
}

// reasons adds the reasons in v: a text, a list, an object of fields, or these
// nested in one another.
func (r *replyReader) reasons(list []FieldError, v jsonscan.Value) []FieldError {
	switch {
	case v.Kind == jsonscan.Invalid || len(list) >= maxErrors:
		return list
	case v.Kind == jsonscan.String: // the usual case
		if reason := r.value(v); isReason(reason) {
			list = append(list, FieldError{"", reason.text})
		}
		return list
	}
	c := reasonCollector{data: r.body[v.Start:v.End], list: list}
	if len(c.data) <= maxSharedReasons {
		c.text = string(c.data)
	}
	c.s.Reset(c.data)
	c.collect()
	return c.list
}

// reasonCollector walks through nested reasons. What it keeps is bounded, because a
// reply may repeat one long name before each of many reasons.
type reasonCollector struct {
	s     jsonscan.Scanner
	data  []byte
	text  string // the same, or "" if it is too long for the reasons to share it
	field []byte // the name of the current field
	list  []FieldError
}

// maxFieldName is how much of a field's name is kept, in bytes: more than an Error
// shows, so that a credential at the cut is still recognised.
const maxFieldName = 2 * maxErrorText

func (c *reasonCollector) collect() {
	kind := c.s.Kind()
	if kind != jsonscan.Object && kind != jsonscan.Array {
		v := c.s.Read()
		if reason := (Value{v.Kind, c.textOf(v)}); isReason(reason) {
			c.list = append(c.list, FieldError{string(c.field[:min(len(c.field), maxFieldName)]), reason.text})
		}
		return
	}
	outer := len(c.field)
	for c.s.Enter(); len(c.list) < maxErrors && c.s.Next(); c.field = c.field[:outer] {
		if kind == jsonscan.Object {
			c.field = appendField(c.field, c.s.Name())
		}
		c.collect()
	}
}

// maxSharedReasons is how long a list of reasons may be, in bytes, whose memory its
// reasons share: an error may be kept for long.
const maxSharedReasons = 4 << 10

// textOf returns a text without its escapes.
func (c *reasonCollector) textOf(v jsonscan.Value) string {
	switch {
	case v.Escaped:
		return string(jsonscan.AppendUnescaped(nil, c.data[v.Start:v.End]))
	case c.text == "":
		return string(c.data[v.Start:v.End])
	}
	return c.text[v.Start:v.End]
}

// appendField appends the name of a field in an object of reasons. Some names there
// are not the names of fields.
func appendField(outer, name []byte) []byte {
	switch string(name) {
	case "base", "error", "errors", "message":
		return outer
	}
	if len(outer) > 0 {
		outer = append(outer, '.')
	}
	return append(outer, name...)
}

// isReason reports whether v is more than null, false, 0 or a blank.
func isReason(v Value) bool {
	if v.kind == jsonscan.Null || v.kind == jsonscan.False || strings.TrimSpace(v.text) == "" {
		return false
	}
	amount, ok := v.Amount()
	return !ok || v.kind != jsonscan.Number || !amount.Equal(zeroAmount)
}

var zeroAmount = MustAmount("0")

// refusalOf reads what it can from a reply that is an error anyway.
func refusalOf(body []byte) (word string, reasons []FieldError) {
	var r replyReader
	if err := r.object(body, inRefusal); err != nil {
		return "", nil
	}
	a := r.answer()
	return a.word, r.withMessage(a.reasons)
}

// isPlainNo reports whether the answer to a ping that may sell says no and nothing
// else: it has neither a yes nor any trace of a sale. If refusedByStatus is true,
// its HTTP status is a 4xx, which already says no.
func isPlainNo(body []byte, refusedByStatus bool) bool {
	var r replyReader
	if err := r.object(body, inPlainNo); err != nil {
		// A proxy's page says nothing about a sale, but half an object may have lost it.
		return refusedByStatus && !bytes.HasPrefix(bytes.TrimSpace(body), []byte{'{'})
	}
	a := r.answer()
	if a.accepts() || len(r.allBuyers()) > 0 || isGivenTrace(r.in[mPingID]) {
		return false
	}
	for m, v := range r.top {
		if replyMember(m).isIn(isTrace) && isGivenTrace(v) {
			return false
		}
	}
	return refusedByStatus || a.success == successFalse || isRefusing(a.word) || r.isClientError(r.top[mStatus])
}

func isGivenTrace(v jsonscan.Value) bool {
	return v.IsGiven() && v.Kind != jsonscan.False
}

// isClientError reports whether a numeric status is a 4xx.
func (r *replyReader) isClientError(v jsonscan.Value) bool {
	n, ok := wholeNumber(r.value(v))
	return ok && 400 <= n && n <= 499
}

// allBuyers returns the buyers, wherever the reply has them.
func (r *replyReader) allBuyers() []Buyer {
	if len(r.buyers) > 0 {
		return r.buyers
	}
	return r.inBuyers
}

// refusalWords are the status words of a lead that is not taken.
var refusalWords = map[string]bool{
	"rejected": true, "refused": true, "declined": true, "denied": true, "failed": true, "failure": true, "error": true,
	"invalid": true, "duplicate": true, "unavailable": true, "closed": true, "expired": true, "blocked": true,
	"suppressed": true, "timeout": true,
}

// isRefusing reports whether a status word of the market says no.
func isRefusing(word string) bool {
	folded := ascii.Lower(word)
	return refusalWords[folded] || strings.HasPrefix(folded, "no_") || strings.HasPrefix(folded, "caller_number_")
}

// isAccepting reports whether a status word of the market says yes.
func isAccepting(word string) bool {
	folded := ascii.Lower(word)
	return folded == "success" || folded == "accepted"
}

// maxErrors and maxErrorText bound what is kept of a reply's reasons: their number,
// and the length of each in bytes.
const (
	maxErrors    = 100
	maxErrorText = 1 << 10
)

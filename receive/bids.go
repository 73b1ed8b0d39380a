// Bids: a buyer is asked for a bid, and takes the call.

package receive

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/ascii"
)

// Answer is a buyer's answer to a ping or a post. The zero Answer is "no buyer".
type Answer struct {
	Accepted   bool              // accepted: the buyer wants the call
	Revenue    trackdrive.Amount // revenue: what the buyer pays; unset: the revenue of the buyer's record counts
	Number     string            // number: where to send the call, a phone number or SIP address; "": the number of the buyer's record
	Duration   time.Duration     // duration: how long a call must last to be paid, in whole seconds, rounded up; 0: as in the buyer's record
	Name       string            // name: the buyer's
	ExternalID string            // bid_id: the buyer's own id of the bid
	ExpiresIn  time.Duration     // expires_in: how long the answer holds, in whole seconds, rounded up; a repetition gets what is left
	PingID     trackdrive.ID     // ping_id: what a post names; "" for a random one, where there is a take
	Reason     string            // reason: why the call is not wanted; default "no buyer". TrackDrive sees it: no phone numbers
}

// noBuyer is the reason that is given where there is no other.
const noBuyer = "no buyer"

// How long an answer is waited for, if the request has no deadline, and how long the
// answer to a call, or to a post, is known.
const (
	defaultPatience = 5 * time.Second
	callMemory      = 24 * time.Hour
)

// Bids is a buyer's side. Decide answers pings: a GET or POST whose query, form or JSON
// body has caller_id, traffic_source_id, trackdrive_number and contact fields. The two
// values that name the call are in Fields, under the names of [FieldNames]. The reply is
// one flat object, from which TrackDrive reads by the paths that [Instructions] prints:
//
//	{"accepted": true, "revenue": "21.00", "number": "+13035550148", "duration": 90, "name": "Acme", "bid_id": "acme-bid-77"}
//
// After such a ping TrackDrive dials; it documents no second request to a buyer, and it
// may reuse an answer for later pings without asking again. Take is for senders that
// ping and post as TrackDrive's guide says: it gets requests with a ping_id, and those
// below a path segment "post" or "full"; requests below "ping" go to decide. With a take,
// replies also have the members of the guide. It may be nil: then all requests go to
// decide.
//
// A request that is repeated gets the same answer, and decide or take is not asked again:
// a repetition has the same company and call uuid, for 24 hours; without a uuid, it has
// the same ping id, or else the same digits of caller_id, while the ExpiresIn of the first
// answer lasts (a post with a ping id: 24 hours). The same goes for a request that comes
// while the first is being answered. Answers are kept in memory: behind several
// processes, and after a restart, decide must give the same answer for the same call.
//
// The answer must be there by the deadline of the request's context, less a tenth, at most
// 100 ms, for the way back: [http.TimeoutHandler] sets one. Without it, there are five
// seconds. What the deadline cuts off is answered "no buyer", whatever decide or take
// returns later; their context ends then. An error or a panic is answered "no buyer" with
// status 500, and forgotten, so that a repetition asks again. Every reply, refusals too,
// is JSON with "accepted".
func Bids(decide func(context.Context, *trackdrive.PingRequest) (Answer, error), take func(context.Context, *trackdrive.PostRequest) (Answer, error), opts ...Option) http.Handler {
	if decide == nil {
		panic("receive: Bids needs a function that decides")
	}
	b := &bidHandler{decide: decide, take: take}
	b.requestHandler = requestHandler{
		handlerSettings: newSettings(opts),
		methods:         []string{http.MethodGet, http.MethodPost},
		take:            b.answer,
		refuse:          refuseBid,
	}
	return &b.requestHandler
}

// bidHandler is the state behind a handler of bids.
type bidHandler struct {
	requestHandler
	decide func(context.Context, *trackdrive.PingRequest) (Answer, error)
	take   func(context.Context, *trackdrive.PostRequest) (Answer, error)
	pings  answerMemory
	posts  answerMemory
}

// bidRequest is a ping or a post.
type bidRequest struct {
	call             trackdrive.CallRef
	pingID, buyerID  string
	caller, source   string
	trackdriveNumber string
	isPost           bool
	fields           trackdrive.Fields
}

// The parameters that have a field of their own.
const (
	paramPingID           = "ping_id"
	paramBuyerID          = "buyer_id"
	paramCallerID         = "caller_id"
	paramTrafficSourceID  = "traffic_source_id"
	paramTrackdriveNumber = "trackdrive_number"
)

func (b *bidHandler) answer(r *http.Request, in *incomingRequest) (httpReply, *requestRefusal) {
	request, refusal := b.read(r, in)
	if refusal != nil {
		return httpReply{}, refusal
	}
	patience := defaultPatience
	if deadline, ok := r.Context().Deadline(); ok {
		left := time.Until(deadline)
		patience = left - min(left/10, 100*time.Millisecond)
	}
	memory, work := &b.pings, b.ping
	if request.isPost {
		memory, work = &b.posts, b.post
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), patience)
	defer cancel()
	held := memory.ask(ctx, request.key(), func() (answer Answer, err error) {
		defer func() {
			if p := recover(); p != nil {
				logPanic(r, p)
				err = errPanicked
			}
		}()
		return work(ctx, request)
	})
	if held.failed {
		return bidReply(http.StatusInternalServerError, Answer{}, request.isPost, false), nil
	}
	answer := held.answer
	if answer.ExpiresIn > 0 {
		answer.ExpiresIn = max(answer.ExpiresIn-time.Since(held.at), 0)
	}
	return bidReply(http.StatusOK, answer, request.isPost, b.take != nil), nil
}

// ping asks decide.
func (b *bidHandler) ping(ctx context.Context, request *bidRequest) (Answer, error) {
	answer, err := b.decide(ctx, &trackdrive.PingRequest{
		CallerID: request.caller, TrafficSourceID: request.source, TrackdriveNumber: request.trackdriveNumber, Fields: request.fields,
	})
	if err == nil && answer.Accepted && answer.PingID == "" && b.take != nil {
		answer.PingID = trackdrive.ID(rand.Text())
	}
	return answer, errors.Join(err, answer.check())
}

// post asks take.
func (b *bidHandler) post(ctx context.Context, request *bidRequest) (Answer, error) {
	answer, err := b.take(ctx, &trackdrive.PostRequest{
		PingID: trackdrive.ID(request.pingID), BuyerID: trackdrive.ID(request.buyerID), PostOnly: request.pingID == "",
		CallerID: request.caller, TrafficSourceID: request.source, TrackdriveNumber: request.trackdriveNumber, Fields: request.fields,
	})
	return answer, errors.Join(err, answer.check())
}

var (
	errPanicked   = errors.New("the function panicked")
	errImpossible = errors.New("the answer has a negative revenue, duration or time")
)

// check refuses an answer that no buyer means.
func (a *Answer) check() error {
	if a.Revenue.Cmp(trackdrive.MustAmount("0")) < 0 && a.Revenue.IsSet() || a.Duration < 0 || a.ExpiresIn < 0 {
		return errImpossible
	}
	return nil
}

// read reads a request. Nothing is guessed about one that cannot be read completely: a
// bid for half a lead may be wrong.
func (b *bidHandler) read(r *http.Request, in *incomingRequest) (*bidRequest, *requestRefusal) {
	switch {
	case in.unread != nil:
		return nil, in.unread
	case in.unquery != nil:
		return nil, badRequest("the query cannot be read: %v", in.unquery)
	case len(in.params) == 0:
		return nil, badRequest("the request has no parameters")
	}
	request := new(bidRequest)
	var refusal *requestRefusal
	if request.call, refusal = in.callRef(b.names); refusal != nil {
		return nil, refusal
	}
	for name, value := range map[string]*string{
		paramPingID: &request.pingID, paramBuyerID: &request.buyerID, paramCallerID: &request.caller,
		paramTrafficSourceID: &request.source, paramTrackdriveNumber: &request.trackdriveNumber,
	} {
		if *value, refusal = in.text(name); refusal != nil {
			return nil, refusal
		}
	}
	if refusal := b.checkCompany(request.call.Subdomain); refusal != nil {
		return nil, refusal
	}
	request.isPost = b.take != nil && isPostRequest(r.URL.Path, request.pingID)
	request.fields = in.fields(paramCallerID, paramTrafficSourceID, paramTrackdriveNumber)
	if request.isPost {
		delete(request.fields, paramPingID)
		delete(request.fields, paramBuyerID)
	}
	return request, nil
}

// isPostRequest reports whether a request commits the call.
func isPostRequest(path, pingID string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "post", "full":
			return true
		case "ping":
			return false
		}
	}
	return pingID != ""
}

// key returns what a repetition of the request has in common with it.
func (q *bidRequest) key() answerKey {
	switch {
	case q.call.UUID != "":
		return answerKey{byCall, q.call.Subdomain + "/" + q.call.UUID}
	case q.pingID != "" && q.isPost:
		return answerKey{byPost, q.pingID}
	case q.pingID != "":
		return answerKey{byPing, q.pingID}
	}
	digits := ascii.Digits(q.caller)
	if digits == "" {
		return answerKey{}
	}
	return answerKey{byCaller, digits[max(0, len(digits)-10):]}
}

// flatReply is what a sender gets. The names of the first part are those that
// Instructions names; the others are those of TrackDrive's guide.
type flatReply struct {
	Accepted  bool              `json:"accepted"`
	Reason    string            `json:"reason,omitempty"`
	Revenue   trackdrive.Amount `json:"revenue,omitzero"`
	Number    string            `json:"number,omitempty"`
	Duration  int64             `json:"duration,omitempty"`
	Name      string            `json:"name,omitempty"`
	BidID     string            `json:"bid_id,omitempty"`
	ExpiresIn *int64            `json:"expires_in,omitempty"`
	PingID    trackdrive.ID     `json:"ping_id,omitempty"`

	Success          bool          `json:"success"`
	Status           string        `json:"status"`
	TryAll           trackdrive.ID `json:"try_all_buyers_ping_id,omitempty"`
	Expiry           *int64        `json:"ping_ids_expiry_in_seconds,omitempty"`
	Buyers           []guideBuyer  `json:"buyers,omitempty"`
	ForwardingNumber string        `json:"forwarding_number,omitempty"`
	BuyerName        string        `json:"buyer_name,omitempty"`
	Errors           []string      `json:"errors,omitempty"`
}

// guideBuyer is the buyer as the guide lists it.
type guideBuyer struct {
	Name   string            `json:"name,omitempty"`
	Bid    trackdrive.Amount `json:"bid,omitzero"`
	PingID trackdrive.ID     `json:"ping_id,omitempty"`
}

func refuseBid(f *requestRefusal) httpReply {
	answer := Answer{Reason: f.reason}
	if f.status >= http.StatusInternalServerError {
		answer.Reason = ""
	}
	p := bidReply(f.status, answer, false, false)
	p.header = f.header
	return p
}

// bidReply writes an answer.
func bidReply(status int, a Answer, isPost, speaksGuide bool) httpReply {
	r := flatReply{Accepted: a.Accepted, Success: a.Accepted, Status: "accepted"}
	switch {
	case !a.Accepted && isPost:
		r.Status = "rejected"
	case !a.Accepted:
		r.Status = "no_matching_buyer"
	}
	if !a.Accepted {
		r.Reason = cmp.Or(a.Reason, noBuyer)
		r.Errors = []string{r.Reason}
	} else {
		r.Revenue, r.Number, r.Duration = a.Revenue, a.Number, wholeSeconds(a.Duration)
		r.Name, r.BidID, r.PingID = a.Name, a.ExternalID, a.PingID
		if a.ExpiresIn > 0 {
			r.ExpiresIn = new(wholeSeconds(a.ExpiresIn))
		}
		switch {
		case isPost:
			r.ForwardingNumber, r.BuyerName = a.Number, a.Name
		case speaksGuide:
			r.TryAll, r.Expiry = a.PingID, r.ExpiresIn
			r.Buyers = []guideBuyer{{a.Name, a.Revenue, a.PingID}}
		}
	}
	body, _ := json.Marshal(r) // only plain values
	return httpReply{status: status, contentType: "application/json; charset=utf-8", body: append(body, '\n')}
}

func wholeSeconds(d time.Duration) int64 {
	seconds := int64(d / time.Second)
	if d%time.Second > 0 {
		seconds++
	}
	return seconds
}

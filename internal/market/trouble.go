package market

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
)

// Trouble is what goes wrong between the market's decision and what the client
// hears of it. The decision comes first: no trouble changes whether a request
// sells, and no answer lies about that. The zero Trouble does nothing.
type Trouble struct {
	Name   string
	rate   int // how many of a hundred requests it strikes
	answer func(*answerDraw) marketAnswer
	slow   bool
}

// String returns the name.
func (t Trouble) String() string { return t.Name }

// Names that code refers to.
const (
	usualName = "usual reply"
	anyName   = "any"
)

// noTrouble answers as the guides say.
var noTrouble = Trouble{Name: usualName, answer: (*answerDraw).usual}

// oddReply answers with any truthful reply.
var oddReply = Trouble{Name: "odd reply", rate: 40, answer: (*answerDraw).odd}

// singleTroubles are all but the one that is any of them. Their rates leave
// room for leads to be sold after all.
var singleTroubles = []Trouble{
	noTrouble,
	oddReply,
	{Name: "dropped", rate: 60, answer: func(*answerDraw) marketAnswer { return marketAnswer{manner: dropsConnection} }},
	{Name: "gateway", rate: 30, answer: (*answerDraw).gateway},
	{Name: "refused", rate: 30, answer: (*answerDraw).refused},
	{Name: "4xx", rate: 30, answer: (*answerDraw).invalid},
	{Name: "unreadable", rate: 30, answer: (*answerDraw).unreadable},
	{Name: "cut", rate: 30, answer: func(d *answerDraw) marketAnswer { return d.usual().by(cutsShort) }},
	{Name: "silent", rate: 30, answer: func(*answerDraw) marketAnswer { return marketAnswer{manner: staysSilent} }},
	{Name: "hangs up", rate: 60, answer: func(d *answerDraw) marketAnswer { return d.usual().by(hangsUp) }},
	{Name: "slow", rate: 30, answer: (*answerDraw).usual, slow: true},
}

// Troubles lists every trouble once. The first does nothing, and the last is any of
// the others.
func Troubles() []Trouble {
	return append(slices.Clone(singleTroubles), Trouble{Name: anyName, rate: 40})
}

// oddRate is how many of a hundred requests get an odd reply beside the trouble
// of their lead.
const oddRate = 8

// strikes returns what becomes of one request: the trouble itself, an odd reply,
// or none. Requests that cannot sell are struck less often.
func (t Trouble) strikes(rng *rand.Rand, maySell bool) Trouble {
	rate := t.rate
	if !maySell {
		rate /= 3
	}
	switch hit := rng.IntN(100); {
	case t.rate == 0, hit >= rate+oddRate:
		return noTrouble
	case hit >= rate:
		return oddReply
	case t.Name == anyName:
		return oneOf(rng, singleTroubles...)
	default:
		return t
	}
}

// marketAnswer is what the market sends, and how.
type marketAnswer struct {
	name   string // for the books; "" for the name of the trouble
	status int
	body   string
	manner answerManner
}

// by returns the answer in another manner.
func (a marketAnswer) by(m answerManner) marketAnswer {
	a.name, a.manner = "", m
	return a
}

func (a marketAnswer) String() string {
	if a.manner == dropsConnection || a.manner == staysSilent {
		return a.manner.String()
	}
	return fmt.Sprintf("%s%d %s", a.manner, a.status, a.body)
}

// answerManner is how an answer goes out.
type answerManner int

const (
	comesWhole      answerManner = iota
	hangsUp                      // whole, and the connection is closed behind it without a word
	cutsShort                    // half of it, and the connection is closed
	dropsConnection              // nothing, and the connection is closed
	staysSilent                  // nothing, until the client leaves
)

func (m answerManner) String() string {
	return [...]string{"", "hangs up after ", "cuts short ", "drops the connection", "stays silent"}[m]
}

// answerDraw is what an answer is drawn from: the request, and what came of it.
type answerDraw struct {
	*bidWriter // of a ping
	rng        *rand.Rand
	isPing     bool
	sells      bool // this request, or the ping that it confirms
	isCopy     bool // of a request that sold, and refused: both yes and no are true
}

// isTruthful reports whether the reply is true: who sells says anything but a
// plain no, who does not anything but a plain yes. A ping that does not sell may
// say anything: its yes is a bid.
func (d *answerDraw) isTruthful(status int, body string) bool {
	switch {
	case d.isCopy:
		return true
	case d.isPing:
		return !d.sells || !RefusesPing(status, []byte(body))
	case d.sells:
		return OfPost([]byte(body)) != PlainNo
	default:
		return OfPost([]byte(body)) != PlainYes
	}
}

// usual is what the guides show.
func (d *answerDraw) usual() marketAnswer {
	a := marketAnswer{name: usualName, status: http.StatusOK}
	switch {
	case d.isCopy:
		a.body = duplicateRefusal(d.rng)
	case d.isPing && (d.sells || inPercent(d.rng, 80)):
		a.body = d.usualBids(d.rng)
	case d.sells:
		a.status, a.body = oneOf(d.rng, http.StatusOK, http.StatusOK, http.StatusCreated), usualSale(d.rng)
	default:
		a.body = usualRefusal(d.rng)
	}
	return a
}

// odd draws replies until one is truthful.
func (d *answerDraw) odd() marketAnswer {
	for {
		a := marketAnswer{status: http.StatusOK}
		if d.isPing {
			a.body = d.oddBids(d.rng)
		} else {
			a.body = oddSale(d.rng)
		}
		if d.isTruthful(a.status, a.body) {
			return a
		}
	}
}

func (d *answerDraw) unreadable() marketAnswer {
	return marketAnswer{status: http.StatusOK, body: unreadableBody(d.rng)}
}

// gateway fails in front of an application that may have gone on.
func (d *answerDraw) gateway() marketAnswer {
	return marketAnswer{
		status: oneOf(d.rng, 500, 502, 502, 503, 503, 504, 520),
		body:   oneOf(d.rng, ``, `<html>Bad Gateway</html>`, `{"error":"try again"}`),
	}
}

// refused is said before any work is done, so never by a request that sells.
func (d *answerDraw) refused() marketAnswer {
	if d.sells {
		return d.usual()
	}
	return marketAnswer{status: oneOf(d.rng, 408, 425, 429, 429, 503, 503), body: `{"success":false,"errors":["try again later"]}`}
}

// invalid is a refusal by the HTTP status. A ping that sells can get one, too,
// with the record of what it sold.
func (d *answerDraw) invalid() marketAnswer {
	switch {
	case !d.sells:
		return marketAnswer{status: oneOf(d.rng, 400, 401, 403, 404, 409, 422, 422), body: usualRefusal(d.rng)}
	case d.isPing:
		return marketAnswer{status: oneOf(d.rng, 409, 422), body: `{"success":false,"status":"duplicate","lead_id":7}`}
	default:
		return d.usual()
	}
}

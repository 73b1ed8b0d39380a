// The auction page: a list of runs, and the timeline of one as a picture.

package console

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/trackdrive-go/trackdrive"
)

// showAuctions lists the last runs.
func (p *consolePage) showAuctions(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Runs      []auctionRow
		Unwatched int
	}
	runs, unwatched := p.config.Auctions.list()
	body.Unwatched = unwatched
	for i := range runs {
		body.Runs = append(body.Runs, newAuctionRow(&runs[i]))
	}
	return p.render(w, r, http.StatusOK, "auctions", "Auctions", body)
}

// auctionRow is a run in the list.
type auctionRow struct {
	ID                  int
	Name, At, Took      string
	Sources, Bids       int
	Best, State, Detail string // Best: the payout of the best bid
}

func newAuctionRow(run *auctionRecord) auctionRow {
	row := auctionRow{ID: run.ID, Name: run.Name, At: run.StartedAt.UTC().Format("2006-01-02 15:04:05"), Took: inMillis(run.Last), Sources: len(run.Sources), Bids: run.Bids}
	row.State, row.Detail = stateOf(run)
	if ranked := run.ranking(); len(ranked) > 0 {
		row.Best = ranked[0].Payout
	}
	return row
}

// stateOf returns the outcome of a run, as a verdict and in words.
func stateOf(run *auctionRecord) (state, detail string) {
	switch {
	case run.Sold:
		return "accepted", "sold"
	case run.Unknown:
		return "undetermined", "may be sold"
	case len(run.Posts) > 0 && run.Posts[len(run.Posts)-1].Outcome == "":
		return "undetermined", "posting"
	case len(run.Posts) > 0:
		return "rejected", "not sold"
	case run.End == "":
		return "undetermined", "running"
	case run.Bids == 0:
		return "rejected", "no bid"
	default:
		return "undetermined", "bids, but no post"
	}
}

// inMillis writes a duration so that a column of them lines up.
func inMillis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) + " ms" }

// showAuction draws one run.
func (p *consolePage) showAuction(w http.ResponseWriter, r *http.Request) error {
	id, err := strconv.Atoi(r.URL.Query().Get("id"))
	if err != nil {
		return &statusError{http.StatusNotFound, "the URL does not name an auction"}
	}
	run, found := p.config.Auctions.get(id)
	if !found {
		return &statusError{http.StatusNotFound, "this auction is no longer kept"}
	}
	return p.render(w, r, http.StatusOK, "auction", run.Name, newTimeline(&run))
}

// leastSpan is how much time a timeline shows at least, and ticksAtMost into how many parts
// it is divided: their texts fit on a phone.
const (
	leastSpan   = 50 * time.Millisecond
	ticksAtMost = 4
)

// auctionTimeline is a run as a picture, and as tables. Places in the picture are parts of
// its width, so that it fits every screen.
type auctionTimeline struct {
	Run           *auctionRecord
	State, Detail string
	Summary       string
	Ticks         []timelineTick
	Rows          []timelineRow // those with the best bids first, then the others, then the posts
	Bids          []timelineBid // best first
	Cut           string        // when the auction stopped taking bids; "" until then
	End           string        // why
	Grace         *timelineBar  // from the first bid to the end, if the grace period ended it
}

// timelineTick is a moment with its time. Anchor says on which side of it the text is.
type timelineTick struct{ X, Text, Anchor string }

// timelineBar is a stretch of time in a row.
type timelineBar struct {
	X, Width string
	State    string // accepted, rejected, undetermined or open
}

// timelineRow is a source, or a post.
type timelineRow struct {
	Label          string
	IsPost         bool
	Bar            *timelineBar
	Amount         string // of its best bid, or of the post
	Note           string
	Sent, Answered string
	Losses         []lossRecord
}

// timelineBid is a bid among those of all sources.
type timelineBid struct {
	Rank int
	rankedBid
	Outcome, Mark string // of its post; "" without one
}

// timeScale places moments in the picture.
type timeScale struct{ span time.Duration }

// part returns a length as a part of the width.
func (s timeScale) part(d time.Duration) string {
	return strconv.FormatFloat(100*float64(min(max(d, 0), s.span))/float64(s.span), 'f', 2, 64) + "%"
}

// bar returns a stretch of time. The shortest can still be seen.
func (s timeScale) bar(from, until time.Duration, state string) *timelineBar {
	least := s.span / 120
	from = min(from, s.span-least)
	return &timelineBar{s.part(from), s.part(max(until-from, least)), state}
}

func newTimeline(run *auctionRecord) *auctionTimeline {
	t := &auctionTimeline{Run: run}
	t.State, t.Detail = stateOf(run)
	t.Summary = countOf(len(run.Sources), "source") + ", " + countOf(run.Bids, "bid")
	scale := timeScale{max(run.Last, leastSpan)}
	for _, at := range ticksOf(scale.span) {
		anchor := "middle"
		switch {
		case at == 0:
			anchor = "start"
		case at > scale.span*9/10:
			anchor = "end"
		}
		t.Ticks = append(t.Ticks, timelineTick{scale.part(at), inMillis(at), anchor})
	}
	t.addBids(run)
	for _, i := range sourcesByValue(run) {
		t.Rows = append(t.Rows, newSourceRow(&run.Sources[i], run, scale))
	}
	for i := range run.Posts {
		t.Rows = append(t.Rows, newPostRow(&run.Posts[i], run, scale))
	}
	if run.End != "" {
		t.Cut, t.End = scale.part(run.EndedAt), endsInWords[run.End]
	}
	if run.End == trackdrive.EndGrace && run.FirstBid > 0 {
		t.Grace = scale.bar(run.FirstBid, run.EndedAt, "")
	}
	return t
}

// countOf writes a number of things.
func countOf(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + one + "s"
}

// sourcesByValue returns the indexes of the sources: by the rank of their best bid, and then
// those without one, as they were pinged.
func sourcesByValue(run *auctionRecord) []int {
	ranks := make(map[string]int)
	for rank, b := range run.ranking() {
		if _, hasBetter := ranks[b.Source]; !hasBetter {
			ranks[b.Source] = rank
		}
	}
	order := make([]int, len(run.Sources))
	rankOf := func(i int) int {
		if rank, hasBid := ranks[run.Sources[i].Name]; hasBid {
			return rank
		}
		if len(run.Sources[i].Bids) > 0 {
			return maxRanked // its bids are beyond the ranking
		}
		return maxRanked + 1
	}
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return rankOf(a) - rankOf(b) })
	return order
}

// addBids lists the bids of all sources by value, with what came of their posts.
func (t *auctionTimeline) addBids(run *auctionRecord) {
	for i, b := range run.ranking() {
		bid := timelineBid{Rank: i + 1, rankedBid: b}
		for _, post := range run.Posts {
			if post.rankedBid == b {
				bid.Outcome, bid.Mark = outcomeOf(&post)
			}
		}
		t.Bids = append(t.Bids, bid)
	}
}

// outcomeOf returns the outcome of a post in words, and its mark.
func outcomeOf(post *postRecord) (text, mark string) {
	switch post.Outcome {
	case "":
		return "posting", "open"
	case string(trackdrive.TrySold):
		return "sold", "accepted"
	case string(trackdrive.TryUnknown):
		return "may be sold", "undetermined"
	default:
		return inWords(post.Outcome), "rejected"
	}
}

// endsInWords says why an auction stopped waiting.
var endsInWords = map[trackdrive.AuctionEnd]string{
	trackdrive.EndAllAnswered: "every source had answered or failed",
	trackdrive.EndDeadline:    "the deadline passed",
	trackdrive.EndEnough:      "there were enough bids",
	trackdrive.EndUnbeatable:  "no other source could still win",
	trackdrive.EndGrace:       "the grace period ended",
	trackdrive.EndCanceled:    "the auction was cancelled",
}

// ticksOf returns round times, few enough to be read.
func ticksOf(span time.Duration) []time.Duration {
	step := time.Millisecond
	for _, factor := range []time.Duration{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 1_000_000} {
		step = factor * time.Millisecond
		if span/step <= ticksAtMost {
			break
		}
	}
	var ticks []time.Duration
	for at := time.Duration(0); at <= span && len(ticks) <= ticksAtMost; at += step {
		ticks = append(ticks, at)
	}
	return ticks
}

func newSourceRow(s *sourceRecord, run *auctionRecord, scale timeScale) timelineRow {
	row := timelineRow{Label: s.Name, Losses: s.Losses}
	until, state := run.Last, "open"
	if run.End != "" {
		until = run.EndedAt
	}
	for _, l := range s.Losses {
		if l.Whole {
			until, state = l.At, "rejected"
			if l.Reason == string(trackdrive.LossCutOff) || l.Reason == string(trackdrive.LossTimeout) {
				state = "open"
			}
			row.Note = inWords(l.Reason)
		}
	}
	if s.Answered {
		until, row.Answered = s.AnsweredAt, inMillis(s.AnsweredAt)
	}
	if len(s.Bids) > 0 {
		best := slices.MaxFunc(s.Bids, func(a, b bidRecord) int { return a.amount.Cmp(b.amount) })
		state = "accepted"
		row.Amount, row.Note = best.Payout, best.Buyer
		if more := len(s.Bids) - 1; more > 0 {
			row.Note += fmt.Sprintf(" and %d more", more)
		}
	} else if s.Answered && row.Note == "" && len(s.Losses) > 0 {
		state, row.Note = "rejected", inWords(s.Losses[0].Reason)
	}
	if s.Pinged {
		row.Sent = inMillis(s.PingedAt)
		row.Bar = scale.bar(s.PingedAt, until, state)
	} else if row.Note == "" {
		row.Note = "not pinged"
	}
	return row
}

func newPostRow(post *postRecord, run *auctionRecord, scale timeScale) timelineRow {
	row := timelineRow{Label: "post to " + post.Source, IsPost: true, Amount: post.Payout, Sent: inMillis(post.At)}
	text, state := outcomeOf(post)
	row.Note = post.Buyer + ", " + text
	until := run.Last
	if post.Outcome != "" {
		until, row.Answered = post.Until, inMillis(post.Until)
	}
	row.Bar = scale.bar(post.At, until, state)
	if post.Error != "" {
		row.Losses = []lossRecord{{Text: post.Error}}
	}
	return row
}

// inWords returns a word of the package as people write it.
func inWords(word string) string {
	out := []byte(word)
	for i, c := range out {
		if c == '_' {
			out[i] = ' '
		}
	}
	return string(out)
}

// The auction page: a list of runs, and the timeline of one as a picture.

package console

import (
	"fmt"
	"net/http"
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
	Best, State, Detail string
}

func newAuctionRow(run *auctionRecord) auctionRow {
	row := auctionRow{ID: run.ID, Name: run.Name, At: run.StartedAt.UTC().Format("2006-01-02 15:04:05"), Took: inMillis(run.Last), Sources: len(run.Sources), Bids: run.Bids}
	row.State, row.Detail = stateOf(run)
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

// The dimensions of a timeline, in the units of its picture.
const (
	labelWidth  = 220
	chartWidth  = 640
	noteWidth   = 240 // behind the chart, so that a note beside the longest bar fits
	rowHeight   = 26
	barHeight   = 14
	axisHeight  = 30
	leastSpan   = 50 * time.Millisecond
	ticksAtMost = 8
)

// auctionTimeline is a run as a picture, and as a table.
type auctionTimeline struct {
	Run           *auctionRecord
	State, Detail string
	Width, Height int
	ChartEnd      int
	Ticks         []timelineTick
	Rows          []timelineRow
	Marks         []timelineMark
	Grace         *timelineBar // from the first bid to the end, if the grace period ended it
}

type timelineTick struct {
	X    float64
	Text string
}

// timelineMark is a moment of the whole run.
type timelineMark struct {
	X    float64
	Text string
}

// timelineBar is a stretch of time in a row.
type timelineBar struct {
	X, Width float64
	State    string // accepted, rejected, undetermined or open
	Text     string
}

// timelineRow is a source, or a post.
type timelineRow struct {
	Y, TextY, BarY int
	Label          string
	IsPost         bool
	Bar            *timelineBar
	Note           string
	NoteX          float64
	Sent, Answered string
	Bids           []bidRecord
	Losses         []lossRecord
}

func newTimeline(run *auctionRecord) *auctionTimeline {
	t := &auctionTimeline{Run: run, Width: labelWidth + chartWidth + noteWidth, ChartEnd: labelWidth + chartWidth}
	t.State, t.Detail = stateOf(run)
	span := max(run.Last, leastSpan)
	x := func(at time.Duration) float64 {
		return labelWidth + float64(chartWidth)*float64(min(at, span))/float64(span)
	}
	for _, at := range ticksOf(span) {
		t.Ticks = append(t.Ticks, timelineTick{x(at), inMillis(at)})
	}
	for i := range run.Sources {
		t.addSource(&run.Sources[i], run, x)
	}
	for i := range run.Posts {
		t.addPost(&run.Posts[i], run, x)
	}
	if run.End != "" {
		t.Marks = append(t.Marks, timelineMark{x(run.EndedAt), endsInWords[run.End]})
	}
	if run.End == "grace" && run.FirstBid > 0 {
		t.Grace = &timelineBar{X: x(run.FirstBid), Width: x(run.EndedAt) - x(run.FirstBid), Text: "the grace period"}
	}
	t.Height = axisHeight + len(t.Rows)*rowHeight + 10
	return t
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

func (t *auctionTimeline) newRow(label string) timelineRow {
	y := axisHeight + len(t.Rows)*rowHeight
	const longestLabel = 28
	return timelineRow{Y: y, TextY: y + rowHeight - 9, BarY: y + (rowHeight-barHeight)/2, Label: cutLabel(label, longestLabel)}
}

// cutLabel cuts a label to some characters.
func cutLabel(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-1]) + "…"
}

func (t *auctionTimeline) addSource(s *sourceRecord, run *auctionRecord, x func(time.Duration) float64) {
	row := t.newRow(s.Name)
	row.Bids, row.Losses = s.Bids, s.Losses
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
		state = "accepted"
		row.Note = s.Bids[0].Text + " " + s.Bids[0].Payout
		if more := len(s.Bids) - 1; more > 0 {
			row.Note += fmt.Sprintf(" and %d more", more)
		}
	} else if s.Answered && row.Note == "" && len(s.Losses) > 0 {
		state, row.Note = "rejected", inWords(s.Losses[0].Reason)
	}
	if s.Pinged {
		row.Sent = inMillis(s.PingedAt)
		row.Bar = &timelineBar{X: x(s.PingedAt), Width: max(2, x(until)-x(s.PingedAt)), State: state}
	} else if row.Note == "" {
		row.Note = "not pinged"
	}
	t.place(&row, x(until))
}

func (t *auctionTimeline) addPost(post *postRecord, run *auctionRecord, x func(time.Duration) float64) {
	row := t.newRow("post to " + post.Source)
	row.IsPost = true
	until, state := run.Last, "open"
	if post.Outcome != "" {
		until = post.Until
		state = map[string]string{"sold": "accepted", "unknown": "undetermined"}[post.Outcome]
		if state == "" {
			state = "rejected"
		}
		row.Answered = inMillis(post.Until)
	}
	row.Sent = inMillis(post.At)
	row.Bar = &timelineBar{X: x(post.At), Width: max(2, x(until)-x(post.At)), State: state}
	row.Note = post.Text + " " + inWords(post.Outcome)
	if post.Error != "" {
		row.Losses = []lossRecord{{Text: post.Error}}
	}
	t.place(&row, x(until))
}

// place puts the note of a row behind its bar.
func (t *auctionTimeline) place(row *timelineRow, end float64) {
	row.NoteX = end + 8
	t.Rows = append(t.Rows, *row)
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

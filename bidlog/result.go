// Results of replays.

package bidlog

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/display"
)

// Result is the outcome of a replay under a set of [Rules].
type Result struct {
	Name     string         `json:"name,omitempty"`   // Rules.Name
	Input    Input          `json:"input"`            // what was read
	Replies  int            `json:"replies"`          // replies to pings: NoBuyer, LeftOut and Judged together
	NoBuyer  int            `json:"no_buyer"`         // replies in which no buyer wants the call. No criteria can accept them
	LeftOut  int            `json:"left_out"`         // replies that are not judged, because they were too long or too deeply nested for the log
	Judged   int            `json:"judged"`           // all other replies. On a reply that is not JSON, criteria are undetermined
	Verdicts Verdicts       `json:"verdicts"`         // on the judged replies, then and now
	Hidden   map[string]int `json:"hidden,omitempty"` // the paths of conditions on hidden values, and how many of Verdicts.Undetermined each is a reason for. List names in Config.Keep to hide less
	Then     Bids           `json:"then"`             // the bids that the run took
	Now      Bids           `json:"now"`              // the bids that the rules take

	Sold    int               `json:"sold"`    // leads that were sold, whatever the rules
	Unknown int               `json:"unknown"` // posts of unknown outcome
	Revenue trackdrive.Amount `json:"revenue"` // the payouts of what was sold

	Sources map[string]Row `json:"sources"` // by the source's name
	Buyers  map[string]Row `json:"buyers"`  // by the source's name and the buyer's id: "acme/101". "acme/" are bids for all buyers. They have no Replies, and no verdicts
}

// Input counts what was read from a log.
type Input struct {
	Lines    int       `json:"lines"`               // lines that are not empty
	Auctions int       `json:"auctions"`            // finished auctions
	Pings    int       `json:"pings"`               // pings that were sent, or may have been
	Calls    int       `json:"calls"`               // calls logged by Log.ObserveCall
	Unknown  int       `json:"unknown,omitempty"`   // lines of kinds that this version does not know
	Torn     int       `json:"torn,omitempty"`      // 1 if the last line is incomplete
	Bad      int       `json:"bad,omitempty"`       // other lines that could not be read
	BadLines []BadLine `json:"bad_lines,omitempty"` // the first hundred of them
}

// BadLine is a line that could not be read.
type BadLine struct {
	Line    int    `json:"line"`    // its number, from 1
	Message string `json:"message"` // what is wrong with it; it does not quote the line
}

// Verdicts counts replies by the verdicts of the run (then) and of the rules (now).
type Verdicts struct {
	Both         int `json:"both"`         // accepted then, and now
	OnlyThen     int `json:"only_then"`    // accepted then, not now
	OnlyNow      int `json:"only_now"`     // accepted now, not then
	Neither      int `json:"neither"`      // accepted neither then nor now
	Undetermined int `json:"undetermined"` // the rules cannot decide, because a condition needs a value that the log hides
}

// Bids counts bids, and the best bid of each auction.
type Bids struct {
	Bids  int               `json:"bids"`  // acceptable bids
	Won   int               `json:"won"`   // auctions with a bid, and pings outside auctions with one. Now counts all auctions in the log, Then only the finished ones
	Value trackdrive.Amount `json:"value"` // the payouts of the best bids: the most that they can bring in, if each is sold
}

// Row is the part of a source, or of a buyer, in a [Result].
type Row struct {
	Replies      int               `json:"replies"`      // replies to pings
	Then         int               `json:"then"`         // replies that the run accepted
	Now          int               `json:"now"`          // replies that the rules accept
	Undetermined int               `json:"undetermined"` // replies on which the rules cannot decide
	Bids         int               `json:"bids"`         // bids that the rules take
	Won          int               `json:"won"`          // bids that are the best of their auction. Among equal bids, the first in the log wins
	Value        trackdrive.Amount `json:"value"`        // the payouts of the bids in Won
	Sold         int               `json:"sold"`         // leads that were sold, whatever the rules
	Revenue      trackdrive.Amount `json:"revenue"`      // the payouts of the leads in Sold
}

// String returns the result as a table for people.
func (r *Result) String() string {
	var b strings.Builder
	if r.Name != "" {
		fmt.Fprintf(&b, "%s\n", display.Line(r.Name))
	}
	w := new(strings.Builder)
	fmt.Fprintf(w, "replies\t%d\tno buyer %d, left out %d, judged %d\n", r.Replies, r.NoBuyer, r.LeftOut, r.Judged)
	v := r.Verdicts
	fmt.Fprintf(w, "accepted\t%d\tthen %d; both %d, only then %d, only now %d, neither %d, undetermined %d\n",
		v.Both+v.OnlyNow, r.thenAccepted(), v.Both, v.OnlyThen, v.OnlyNow, v.Neither, v.Undetermined)
	fmt.Fprintf(w, "bids\t%d\tthen %d\n", r.Now.Bids, r.Then.Bids)
	fmt.Fprintf(w, "with a bid\t%d\tthen %d, of %d auctions\n", r.Now.Won, r.Then.Won, r.Input.Auctions)
	fmt.Fprintf(w, "best bids\t%s\tthen %s\n", r.Now.Value, r.Then.Value)
	fmt.Fprintf(w, "sold\t%d\tfor %s, unknown %d\n", r.Sold, r.Revenue, r.Unknown)
	for _, path := range slices.Sorted(maps.Keys(r.Hidden)) {
		fmt.Fprintf(w, "hidden\t%d\t%s\n", r.Hidden[path], display.Line(path))
	}
	for _, bad := range r.Input.BadLines {
		fmt.Fprintf(w, "bad line\t%d\t%s\n", bad.Line, bad.Message)
	}
	writeAligned(&b, w.String())
	writeRows(&b, "source", r.Sources)
	writeRows(&b, "buyer", r.Buyers)
	return b.String()
}

// writeAligned writes lines, whose cells end in tabs, as a table.
func writeAligned(b *strings.Builder, lines string) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	_, err := w.Write([]byte(lines))
	if err = errors.Join(err, w.Flush()); err != nil {
		panic(err) // a strings.Builder takes everything
	}
}

// thenAccepted returns how many replies the run accepted.
func (r *Result) thenAccepted() int {
	n := 0
	for _, row := range r.Sources {
		n += row.Then
	}
	return n
}

func writeRows(b *strings.Builder, title string, rows map[string]Row) {
	if len(rows) == 0 {
		return
	}
	w := new(strings.Builder)
	fmt.Fprintf(w, "\n%s\treplies\tthen\tnow\tundetermined\tbids\tbest\tvalue\tsold\trevenue\n", title)
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		r := rows[name]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%d\t%s\n", display.Line(name), r.Replies, r.Then, r.Now, r.Undetermined, r.Bids, r.Won, r.Value, r.Sold, r.Revenue)
	}
	writeAligned(b, w.String())
}

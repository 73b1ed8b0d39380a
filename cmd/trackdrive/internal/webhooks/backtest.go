package webhooks

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/bidlog"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
)

// backtestFlags are the flags of backtest.
type backtestFlags struct {
	terminal  *term.Terminal
	sources   []string
	minPayout string
	weight    string
	margin    string
}

func newBacktest(t *term.Terminal) *cobra.Command {
	f := &backtestFlags{terminal: t}
	cmd := &cobra.Command{
		Use:   "backtest FILE LOG...",
		Short: "Show what criteria would have accepted, from a log of bids",
		Long: `Backtest judges each reply in a log of package bidlog by the criteria in FILE, and compares
that with what the auctions took then: how many replies, how many bids, for how much. FILE
may be "any", which accepts every reply, to try a floor or a weight alone.

Of one LOG, its older files (LOG.1, LOG.2) are read as well; of several, just these, in
order. A LOG of - is the standard input. The log hides names, texts and phone numbers: of
a reply that a condition on such a value decides, nobody knows, and it is counted.

` + term.Statuses{Done: "printed", Failed: "something cannot be read, or there is no reply to judge"}.Text(),
		Example: `  trackdrive criteria backtest criteria.json bids.jsonl
  trackdrive criteria backtest criteria.json bids.jsonl --source acme --min-payout 20.00
  zcat bids.jsonl.gz | trackdrive criteria backtest any - --min-payout 20.00`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return term.RangeArgs("trackdrive criteria backtest criteria.json bids.jsonl", 2, "FILE", "LOG")(cmd, args)
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return f.run(args[0], args[1:]) },
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.sources, "source", nil, "`NAME` of a source that the rules are for, and no other; may be given more than once")
	flags.StringVar(&f.minPayout, "min-payout", "", "lower bids lose: an `AMOUNT`")
	flags.StringVar(&f.weight, "weight", "", "ranking multiplies bids by this `AMOUNT`")
	flags.StringVar(&f.margin, "margin", "", "ranking subtracts this `AMOUNT` from bids")
	return cmd
}

func (f *backtestFlags) run(file string, logs []string) error {
	rules, err := f.rules(file)
	if err != nil {
		return err
	}
	result, err := term.Await(f.terminal.Done, func() (*bidlog.Result, error) { return f.replay(file, logs, rules) })
	if err != nil {
		return err
	}
	if err := f.terminal.Print(result, func(p *term.Page) { showBacktest(p, result) }); err != nil {
		return err
	}
	if result.Judged == 0 {
		return term.Failed(fmt.Errorf("there is no reply to judge in %s", term.DisplayName(strings.Join(logs, ", "))))
	}
	return nil
}

// replay judges what is in the logs.
func (f *backtestFlags) replay(file string, logs []string, rules bidlog.Rules) (*bidlog.Result, error) {
	log, err := f.open(logs)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // only read
	results, err := bidlog.ReplayAll(log, rules)
	switch {
	case len(results) != 1:
		return nil, mistakesError(file, mistakesOf(err))
	case err != nil:
		return nil, term.Failed(fmt.Errorf("the log cannot be read to its end: %w", err))
	}
	return results[0], nil
}

func (f *backtestFlags) rules(file string) (rules bidlog.Rules, err error) {
	var source bidlog.SourceRules
	if file != "any" {
		if source.Criteria, err = readCriteria(f.terminal, file); err != nil {
			return rules, err
		}
	}
	for _, amount := range []struct {
		flag, text string
		into       *trackdrive.Amount
	}{{"min-payout", f.minPayout, &source.MinPayout}, {"weight", f.weight, &source.Weight}, {"margin", f.margin, &source.Margin}} {
		if amount.text == "" {
			continue
		}
		if *amount.into, err = trackdrive.ParseAmount(amount.text); err != nil {
			return rules, term.Usagef("--%s takes an amount such as 20.00, and not %q", amount.flag, amount.text)
		}
	}
	if f.weight != "" && source.Weight.Cmp(trackdrive.MustAmount("0")) <= 0 {
		return rules, term.Usagef("--weight must be more than 0")
	}
	if len(f.sources) == 0 {
		rules.Default = source
		return rules, nil
	}
	rules.Sources = map[string]bidlog.SourceRules{}
	for _, name := range f.sources {
		rules.Sources[name] = source
	}
	return rules, nil
}

// open opens the logs, one after the other.
func (f *backtestFlags) open(logs []string) (io.ReadCloser, error) {
	if len(logs) == 1 && logs[0] == "-" {
		return io.NopCloser(f.terminal.In), nil
	}
	paths := logs
	if len(logs) == 1 {
		var err error
		if paths, err = bidlog.Files(logs[0]); err != nil {
			paths = logs // which is missing, or a folder
		}
	}
	for _, path := range paths {
		file, err := term.OpenFile(path) // says in a plain way what is wrong
		if err != nil {
			return nil, err
		}
		_ = file.Close() // only read
	}
	log, err := bidlog.OpenFiles(paths...)
	if err != nil {
		return nil, term.Failed(err)
	}
	return log, nil
}

func showBacktest(p *term.Page, r *bidlog.Result) {
	v := r.Verdicts
	then := 0
	for _, row := range r.Sources {
		then += row.Then
	}
	p.Table([]term.Column{{Name: ""}, {Name: "THEN", Right: true}, {Name: "NOW", Right: true}}, [][]string{
		{"replies accepted", strconv.Itoa(then), strconv.Itoa(v.Both + v.OnlyNow)},
		{"bids", strconv.Itoa(r.Then.Bids), strconv.Itoa(r.Now.Bids)},
		{"leads with a bid", strconv.Itoa(r.Then.Won), strconv.Itoa(r.Now.Won)},
		{"value of the best", r.Then.Value.String(), r.Now.Value.String()},
	})
	p.Gap()
	p.Line("%d of %s judged; %d without a buyer, %d left out of the log", r.Judged, countOf(r.Replies, "reply", "replies"), r.NoBuyer, r.LeftOut)
	p.Line("accepted only then: %d, only now: %d, both: %d, neither: %d", v.OnlyThen, v.OnlyNow, v.Both, v.Neither)
	if v.Undetermined > 0 {
		p.Toned(term.Doubtful, "nobody knows of %d: the log hides what decides", v.Undetermined)
		for _, path := range slices.Sorted(maps.Keys(r.Hidden)) {
			p.Line("  %s: %d", path, r.Hidden[path])
		}
	}
	if r.Sold+r.Unknown > 0 {
		doubt := ""
		if r.Unknown > 0 {
			doubt = fmt.Sprintf("; %s of unknown outcome", countOf(r.Unknown, "post", "posts"))
		}
		p.Line("sold then: %d, for %s%s", r.Sold, r.Revenue, doubt)
	}
	if bad := r.Input.Bad + r.Input.Torn; bad > 0 {
		p.Toned(term.Doubtful, "%s cannot be read", countOf(bad, "line", "lines"))
		for _, line := range r.Input.BadLines {
			p.Line("  line %d: %s", line.Line, line.Message)
		}
	}
	showRows(p, "SOURCE", r.Sources)
}

func showRows(p *term.Page, title string, rows map[string]bidlog.Row) {
	if len(rows) == 0 {
		return
	}
	p.Gap()
	var cells [][]string
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		row := rows[name]
		cells = append(cells, []string{
			name, strconv.Itoa(row.Replies), strconv.Itoa(row.Then), strconv.Itoa(row.Now), strconv.Itoa(row.Bids), strconv.Itoa(row.Won), row.Value.String(),
			strconv.Itoa(row.Sold), row.Revenue.String(),
		})
	}
	p.Table([]term.Column{
		{Name: title}, {Name: "REPLIES", Right: true}, {Name: "THEN", Right: true}, {Name: "NOW", Right: true}, {Name: "BIDS", Right: true},
		{Name: "BEST", Right: true}, {Name: "VALUE", Right: true}, {Name: "SOLD", Right: true}, {Name: "REVENUE", Right: true},
	}, cells)
}

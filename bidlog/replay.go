// Replaying a log under other rules.

package bidlog

import (
	"errors"
	"fmt"
	"io"
	"math/big"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/criteria"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// Rules are the rules of a replay. The zero Rules accept any reply.
type Rules struct {
	Name    string                 // the name of the Result
	Default SourceRules            // for the sources that are not in Sources
	Sources map[string]SourceRules // by the source's name; nothing of Default applies to these
	Observe func(Judgment)         // is called for each reply that is judged, in the order of the log; may be nil
}

// SourceRules are the rules for the replies of a source. Its fields replace the fields of
// trackdrive.AuctionSource with the same names.
type SourceRules struct {
	Criteria  *trackdrive.Criteria // must accept the whole reply; nil: any reply
	MinPayout trackdrive.Amount    // lower bids, and bids without a payout, lose; unset: the bids that lost by the run's floor still do
	Weight    trackdrive.Amount    // ranking multiplies the payout by it; it must be more than 0; unset: 1
	Margin    trackdrive.Amount    // ranking subtracts it, after Weight; unset: 0
}

// Judgment is the verdict on one reply, then and now.
type Judgment struct {
	Line    int                // the line in the log, from 1
	Auction string             // the id of the auction's run; "" outside auctions
	Source  string             // the source's name
	Then    trackdrive.Verdict // the run's verdict
	Now     trackdrive.Verdict // that of the rules
	Hidden  []string           // if Now is VerdictUndetermined because of hidden values: the paths of the conditions on them
}

// Replay judges each reply in a log by the same criteria, whatever its source. Nil
// criteria accept any reply. [ReplayAll] lists the errors, and takes other rules, too.
func Replay(r io.Reader, c *trackdrive.Criteria) (*Result, error) {
	results, err := ReplayAll(r, Rules{Default: SourceRules{Criteria: c}})
	if len(results) == 0 {
		return nil, err
	}
	return results[0], err
}

// ReplayAll judges each reply in a log by several sets of rules, and reads the log once.
// It returns a Result for each of them, in order. A line that cannot be read is counted
// in [Input], and is not an error.
//
// A mistake in the rules is an error, without Results: invalid criteria, which are a
// [*trackdrive.ParseError]; criteria on a field whose name a log hides; a weight that is
// not more than 0. If r returns an error, ReplayAll returns it together with the Results
// of what it has read.
//
// Only criteria, floors, weights and margins are replayed. A bid that the run did not
// take because of AuctionSource.Accept, or because it could not be posted, loses again.
// If the run's criteria refused a reply, its bids were never tested in that way, and all
// of them are taken. The run's Score and weights have no effect.
func ReplayAll(r io.Reader, rules ...Rules) ([]*Result, error) {
	replay := logReplay{auctions: make(map[string]*openAuction)}
	for i := range rules {
		set, err := newRuleReplay(&rules[i])
		if err != nil {
			return nil, fmt.Errorf("bidlog: rules %d: %w", i+1, err)
		}
		replay.sets = append(replay.sets, set)
	}
	err := replay.read(newLineReader(r))
	for _, auction := range replay.auctions {
		replay.closeAuction(auction)
	}
	results := make([]*Result, len(rules))
	for i, set := range replay.sets {
		results[i] = set.finish(&replay)
	}
	if err != nil {
		return results, fmt.Errorf("bidlog: reading the log: %w", err)
	}
	return results, nil
}

// logReplay is the replay of a log under several sets of rules.
type logReplay struct {
	sets     []*ruleReplay
	auctions map[string]*openAuction // those whose end was not read yet
	spare    []*openAuction
	input    Input
}

// openAuction is an auction, or a ping outside auctions, of which more may be read.
type openAuction struct {
	best []bestBid // by the set of rules
}

// bestBid is a bid that may be the best of its auction.
type bestBid struct {
	isSet  bool
	source *rowCount
	buyer  *rowCount
	value  bidValue
	payout []byte // the value's
}

// ruleReplay is the replay under one set of rules.
type ruleReplay struct {
	rules   *Rules
	byName  map[string]*sourcePlan
	other   *sourcePlan
	result  Result
	value   amountSum
	then    amountSum
	revenue amountSum
	sources map[string]*rowCount
	buyers  map[string]*rowCount
}

// sourcePlan is SourceRules that are ready to judge.
type sourcePlan struct {
	group   *criteria.Group
	fields  []string // of the conditions
	isAny   bool     // any reply is accepted
	floor   *bidValue
	isPlain bool // there is neither weight nor margin
	weight  *big.Rat
	margin  *big.Rat

	nearWeight, nearMargin float64
}

// rowCount is a Row under construction.
type rowCount struct {
	Row
	value, revenue amountSum
}

func newRuleReplay(rules *Rules) (*ruleReplay, error) {
	set := &ruleReplay{rules: rules, byName: make(map[string]*sourcePlan), sources: make(map[string]*rowCount), buyers: make(map[string]*rowCount)}
	var err error
	if set.other, err = newSourcePlan(&rules.Default); err != nil {
		return nil, err
	}
	names := newRedactor(nil, nil) // which the log wrote
	for name, source := range rules.Sources {
		plan, err := newSourcePlan(&source)
		if err != nil {
			return nil, fmt.Errorf("source %q: %w", name, err)
		}
		set.byName[names.label(name)] = plan
	}
	return set, nil
}

// payoutPlan is the plan by which payouts are compared.
var payoutPlan = &sourcePlan{isPlain: true, weight: big.NewRat(1, 1), margin: new(big.Rat), nearWeight: 1}

var errWeight = errors.New("must be more than 0")

func newSourcePlan(rules *SourceRules) (*sourcePlan, error) {
	plan := &sourcePlan{isAny: rules.Criteria == nil, isPlain: true, weight: big.NewRat(1, 1), margin: new(big.Rat), nearWeight: 1}
	if !plan.isAny {
		if err := rules.Criteria.Err(); err != nil {
			return nil, err
		}
		plan.group = criteria.GroupOf(rules.Criteria)
		plan.fields = plan.group.Fields()
		if err := checkFields(plan.fields); err != nil {
			return nil, err
		}
	}
	if rules.MinPayout.IsSet() {
		floor := payoutPlan.valueOf([]byte(rules.MinPayout.String()))
		plan.floor = &floor
	}
	plan.isPlain = !rules.Weight.IsSet() && !rules.Margin.IsSet()
	if weight, isSet := rules.Weight.Rat(); isSet {
		if weight.Sign() <= 0 {
			return nil, fmt.Errorf("weight: %s %w", rules.Weight, errWeight)
		}
		plan.weight, plan.nearWeight = weight, rules.Weight.Float64()
	}
	if margin, isSet := rules.Margin.Rat(); isSet {
		plan.margin, plan.nearMargin = margin, rules.Margin.Float64()
	}
	return plan, nil
}

// checkFields refuses fields that a log does not show: they would seem to be missing.
func checkFields(paths []string) error {
	for _, path := range paths {
		steps, err := jsonscan.ParsePath(path)
		if err != nil {
			return err
		}
		for _, step := range steps {
			if !isShownName([]byte(step.Name)) {
				return fmt.Errorf("criteria on the field %q: a bid log hides names that are longer than %d characters, or may be texts or phone numbers", path, maxNameLength)
			}
		}
	}
	return nil
}

func (r *logReplay) read(lines *lineReader) error {
	var p lineParser
	for {
		data, err := lines.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case lines.isTooLong:
			r.input.Lines++
			r.bad(lines.number, "is longer than 16 MiB")
			continue
		case len(data) == 0:
			continue
		}
		r.input.Lines++
		line, err := p.parse(data)
		switch {
		case err == nil:
			r.take(line, lines.number)
		case lines.isTorn:
			r.input.Torn++
		default:
			r.bad(lines.number, err.Error())
		}
	}
}

// maxListedLines is how many bad lines are listed. All are counted.
const maxListedLines = 100

func (r *logReplay) bad(number int, message string) {
	r.input.Bad++
	if len(r.input.BadLines) < maxListedLines {
		r.input.BadLines = append(r.input.BadLines, BadLine{number, message})
	}
}

func (r *logReplay) take(line *loggedLine, number int) {
	switch string(line.kind) {
	case kindReply:
		r.input.Pings++
		r.takeReply(line, number)
	case kindLoss:
		if !line.withdrawn && string(line.delivery) != trackdrive.DeliveryNotSent.String() {
			r.input.Pings++
		}
	case kindEnd:
		r.input.Auctions++
		if line.bids > 0 && len(line.auction) > 0 { // without an id, its replies count by themselves
			for _, set := range r.sets {
				set.result.Then.Won++
				set.then.add(line.payout)
			}
		}
		r.endAuction(line.auction)
	case kindSale:
		r.takeSale(line.source, line)
	case kindCall:
		r.input.Calls++
		operation := string(line.operation)
		if len(line.auction) == 0 && (operation == "post" || operation == "full") {
			r.takeSale(line.endpoint, line)
		}
	case kindPost:
	default:
		r.input.Unknown++
	}
}

func (r *logReplay) takeReply(line *loggedLine, number int) {
	isOffer := string(line.answer) == answerBuyers
	var auction *openAuction
	if isOffer {
		auction = r.auction(line.auction)
		line.then = trackdrive.VerdictUndetermined
		_ = line.then.UnmarshalText(line.verdict) // a verdict that is not known accepts nothing
	}
	for i, set := range r.sets {
		row := rowNamed(set.sources, line.source)
		row.Replies++
		set.result.Replies++
		if !isOffer {
			set.result.NoBuyer++
			continue
		}
		set.result.Then.Bids += line.bids
		if set.judge(line, number, row) {
			set.offer(line, row, &auction.best[i])
		}
	}
	if isOffer && len(line.auction) == 0 {
		r.endPing(line, auction)
	}
}

// auction returns the auction that a reply belongs to.
func (r *logReplay) auction(id []byte) *openAuction {
	if a := r.auctions[string(id)]; a != nil {
		return a
	}
	var a *openAuction
	if n := len(r.spare); n > 0 {
		a, r.spare = r.spare[n-1], r.spare[:n-1]
	} else {
		a = &openAuction{best: make([]bestBid, len(r.sets))}
	}
	if len(id) > 0 {
		r.auctions[string(id)] = a
	}
	return a
}

// endPing ends a ping outside auctions, which is an auction of its own.
func (r *logReplay) endPing(line *loggedLine, auction *openAuction) {
	if line.then == trackdrive.VerdictAccepted && line.bids > 0 {
		var best bidValue
		for i := range line.buyers {
			if v := payoutPlan.valueOf(line.buyers[i].payout); line.buyers[i].post && v.cmp(&best) > 0 {
				best = v
			}
		}
		for _, set := range r.sets {
			set.result.Then.Won++
			set.then.add(best.payout)
		}
	}
	r.closeAuction(auction)
}

// endAuction ends an auction of which no more replies follow.
func (r *logReplay) endAuction(id []byte) {
	if auction := r.auctions[string(id)]; auction != nil {
		delete(r.auctions, string(id))
		r.closeAuction(auction)
	}
}

// closeAuction counts the best bids of an auction.
func (r *logReplay) closeAuction(auction *openAuction) {
	for i, set := range r.sets {
		set.win(&auction.best[i])
	}
	r.spare = append(r.spare, auction)
}

// takeSale counts what came of a post.
func (r *logReplay) takeSale(source []byte, line *loggedLine) {
	for _, set := range r.sets {
		rows := [...]*rowCount{rowNamed(set.sources, source), set.buyerRow(source, line.buyer)}
		switch string(line.outcome) {
		case string(trackdrive.TrySold), string(trackdrive.OutcomeAccepted):
			set.result.Sold++
			set.revenue.add(line.payout)
			for _, row := range rows {
				row.Sold++
				row.revenue.add(line.payout)
			}
		case string(trackdrive.TryUnknown):
			set.result.Unknown++
		}
	}
}

func rowNamed(rows map[string]*rowCount, name []byte) *rowCount {
	if row := rows[string(name)]; row != nil {
		return row
	}
	row := new(rowCount)
	rows[string(name)] = row
	return row
}

// buyerRow returns the row of a buyer: "acme/101".
func (s *ruleReplay) buyerRow(source, id []byte) *rowCount {
	var room [128]byte
	name := append(append(append(room[:0], source...), '/'), id...)
	return rowNamed(s.buyers, name)
}

func (s *ruleReplay) plan(source []byte) *sourcePlan {
	if plan := s.byName[string(source)]; plan != nil {
		return plan
	}
	return s.other
}

// judge judges a reply, and reports whether the rules accept it.
func (s *ruleReplay) judge(line *loggedLine, number int, row *rowCount) (isAccepted bool) {
	plan := s.plan(line.source)
	now, hidden := trackdrive.VerdictAccepted, criteria.HiddenSet{}
	switch {
	case plan.isAny:
	case len(line.leftOut) == 0:
		var v criteria.Verdict
		v, hidden = plan.group.EvaluateHidden(line.reply, Mark)
		now = trackdrive.Verdict(v)
	case string(line.leftOut) == leftOutNotJSON:
		now = trackdrive.VerdictUndetermined // as in the run
	default:
		s.result.LeftOut++
		return false
	}
	s.result.Judged++
	s.count(row, line.then == trackdrive.VerdictAccepted, now == trackdrive.VerdictAccepted, !hidden.IsEmpty())
	s.noteHidden(plan, &hidden)
	if s.rules.Observe != nil {
		s.rules.Observe(Judgment{number, string(line.auction), string(line.source), line.then, now, plan.hiddenPaths(&hidden)})
	}
	return now == trackdrive.VerdictAccepted
}

// noteHidden counts each path of conditions on hidden values once.
func (s *ruleReplay) noteHidden(plan *sourcePlan, hidden *criteria.HiddenSet) {
	if hidden.IsEmpty() {
		return
	}
	if s.result.Hidden == nil {
		s.result.Hidden = make(map[string]int)
	}
	for i, path := range plan.fields {
		if plan.isFirst(hidden, i) {
			s.result.Hidden[path]++
		}
	}
}

// isFirst reports whether a condition is in the set, and none before it has its path.
func (p *sourcePlan) isFirst(set *criteria.HiddenSet, condition int) bool {
	if !set.Has(condition) {
		return false
	}
	for i, path := range p.fields[:condition] {
		if set.Has(i) && path == p.fields[condition] {
			return false
		}
	}
	return true
}

func (p *sourcePlan) hiddenPaths(hidden *criteria.HiddenSet) (paths []string) {
	for i, path := range p.fields {
		if p.isFirst(hidden, i) {
			paths = append(paths, path)
		}
	}
	return paths
}

// count counts a verdict, then and now.
func (s *ruleReplay) count(row *rowCount, then, now, isHidden bool) {
	v := &s.result.Verdicts
	if then {
		row.Then++
	}
	switch {
	case isHidden:
		v.Undetermined++
		row.Undetermined++
		return
	case then && now:
		v.Both++
	case then:
		v.OnlyThen++
	case now:
		v.OnlyNow++
	default:
		v.Neither++
	}
	if now {
		row.Now++
	}
}

// offer takes the bids of an accepted reply, as an Auction does.
func (s *ruleReplay) offer(line *loggedLine, row *rowCount, best *bestBid) {
	plan := s.plan(line.source)
	isPostable := false
	for i := range line.buyers {
		isPostable = isPostable || line.buyers[i].post
	}
	if line.toAll || !isPostable {
		s.offerAll(plan, line, row, best)
		return
	}
	for i := range line.buyers {
		b := &line.buyers[i]
		if b.post && plan.takes(b.payout, b.lost) {
			s.bid(row, s.buyerRow(line.source, b.id), plan.valueOf(b.payout), best)
		}
	}
}

// offerAll takes one bid for all buyers, which is what the lowest of them pays.
func (s *ruleReplay) offerAll(plan *sourcePlan, line *loggedLine, row *rowCount, best *bestBid) {
	if !line.tryAll {
		return
	}
	least := plan.valueOf(nil)
	for i := range line.buyers {
		b := &line.buyers[i]
		if !plan.takes(b.payout, b.lost) {
			return
		}
		if v := plan.valueOf(b.payout); i == 0 || v.cmp(&least) < 0 {
			least = v
		}
	}
	if len(line.buyers) == 0 && !plan.takes(nil, line.lost) {
		return
	}
	s.bid(row, s.buyerRow(line.source, nil), least, best)
}

// takes reports whether a bid that may have lost in the run is one now.
func (p *sourcePlan) takes(payout, lost []byte) bool {
	switch {
	case len(lost) == 0:
	case string(lost) != string(trackdrive.LossBelowMinimum), p.floor == nil:
		return false
	}
	if p.floor == nil {
		return true
	}
	v := payoutPlan.valueOf(payout)
	return v.isSet && v.cmp(p.floor) >= 0
}

// bid counts a bid, and keeps it if it is the best.
func (s *ruleReplay) bid(source, buyer *rowCount, value bidValue, best *bestBid) {
	s.result.Now.Bids++
	source.Bids++
	buyer.Bids++
	if best.isSet && value.cmp(&best.value) <= 0 {
		return
	}
	best.payout = append(best.payout[:0], value.payout...) // the line is overwritten
	value.payout = best.payout
	best.isSet, best.source, best.buyer, best.value = true, source, buyer, value
}

// win counts the best bid of an auction, and makes room for that of the next.
func (s *ruleReplay) win(best *bestBid) {
	if !best.isSet {
		return
	}
	best.isSet = false
	s.result.Now.Won++
	s.value.add(best.payout)
	for _, row := range [...]*rowCount{best.source, best.buyer} {
		row.Won++
		row.value.add(best.payout)
	}
}

// finish returns the result of the replay.
func (s *ruleReplay) finish(r *logReplay) *Result {
	result := &s.result
	result.Name, result.Input = s.rules.Name, r.input
	result.Then.Value, result.Now.Value, result.Revenue = s.then.amount(), s.value.amount(), s.revenue.amount()
	result.Sources, result.Buyers = finishRows(s.sources), finishRows(s.buyers)
	return result
}

func finishRows(counts map[string]*rowCount) map[string]Row {
	rows := make(map[string]Row, len(counts))
	for name, c := range counts {
		row := c.Row
		row.Value, row.Revenue = c.value.amount(), c.revenue.amount()
		rows[name] = row
	}
	return rows
}

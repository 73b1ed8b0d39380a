// One pass over a reply for all paths of a group together.

package criteria

import (
	"strconv"
	"sync"

	"github.com/trackdrive-go/trackdrive/internal/decimal"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/jsonvalue"
)

// bodyEvaluation is the evaluation of one reply by a plan.
type bodyEvaluation struct {
	plan     *groupPlan
	isXML    bool // the body was made of XML: an element that is not repeated is a list of one
	body     []byte
	scan     jsonscan.Scanner
	active   []int32       // the nodes at the value being read, after those of the values around it
	top      int           // how many of active are in use
	seen     []bool        // by node: whether the container being read has it
	twice    bool          // a name that a path uses is given twice in one object
	chosen   []chosenValue // by choice
	outcomes [maxRules]ruleOutcome
	got      []decidingValue // by condition; nil unless the decision is explained
	mark     string          // the text that stands for a hidden value; "": none does
	hidden   HiddenSet       // the conditions that are undetermined because of a hidden value, or were until they held
	unknown  HiddenSet       // the conditions whose operand is hidden
}

// chosenValue is the best of the alternatives that were read.
type chosenValue struct {
	jsonscan.Value
	rank int32
}

// fewChoices is how many choices are kept on the stack.
const fewChoices = 4

// decidingValue is the value that decides on a condition.
type decidingValue struct {
	known bool
	json  string
}

// The numbers of nodes that are kept on the stack: for small groups and for
// large ones.
const (
	fewNodes  = 64
	manyNodes = 2048
)

func (p *groupPlan) evaluate(body []byte, mark string) (Verdict, HiddenSet) {
	switch n := len(p.nodes); {
	case n <= fewNodes:
		var active [fewNodes]int32
		var seen [fewNodes]bool
		var chosen [fewChoices]chosenValue
		e := bodyEvaluation{plan: p, active: active[:], seen: seen[:], chosen: chosen[:], mark: mark}
		return e.runHidden(body)
	case n <= manyNodes:
		return p.evaluateMany(body, mark)
	default:
		return p.evaluateHuge(body, mark)
	}
}

// evaluateMany is a function of its own, so that only large groups need a large
// stack.
//
//go:noinline
func (p *groupPlan) evaluateMany(body []byte, mark string) (Verdict, HiddenSet) {
	var active [manyNodes]int32
	var seen [manyNodes]bool
	e := bodyEvaluation{plan: p, active: active[:], seen: seen[:], mark: mark}
	return e.runHidden(body)
}

// evaluateHuge is for groups with more nodes than should be on the stack.
func (p *groupPlan) evaluateHuge(body []byte, mark string) (Verdict, HiddenSet) {
	notes := hugeNotes.Get().(*nodeNotes)
	defer hugeNotes.Put(notes)
	if len(notes.active) < len(p.nodes) {
		*notes = nodeNotes{make([]int32, len(p.nodes)), make([]bool, len(p.nodes))}
	}
	clear(notes.active)
	clear(notes.seen)
	e := bodyEvaluation{plan: p, active: notes.active, seen: notes.seen, mark: mark}
	return e.runHidden(body)
}

// nodeNotes is what an evaluation keeps for each node.
type nodeNotes struct {
	active []int32
	seen   []bool
}

var hugeNotes = sync.Pool{New: func() any { return new(nodeNotes) }}

func (p *groupPlan) explain(body []byte, isXML bool, values HiddenValues) Decision {
	e := bodyEvaluation{
		plan: p, isXML: isXML, active: make([]int32, len(p.nodes)), seen: make([]bool, len(p.nodes)), got: make([]decidingValue, len(p.conditions)),
		mark: values.Mark, unknown: p.conditionsWith(values.Operand),
	}
	d := Decision{Verdict: e.run(body), Checks: make([]Check, 0, len(p.conditions))}
	for i := range p.conditions {
		c := &p.conditions[i].condition
		check := Check{Field: c.path, Condition: c.operator.name(), Want: c.want()}
		if e.readable() {
			check.Got, check.Verdict = e.got[i].json, e.outcomes[i].verdict()
		}
		d.Checks = append(d.Checks, check)
	}
	e.addGroups(&d, &logicNode{match: MatchAll, parts: []logicNode{p.logic}}, 0, 0)
	return d
}

// addGroups adds the groups in a group, an outer one before its inner ones, and
// returns how many checks there are. The first check has the index first. An
// "all" group directly within another is part of that one.
func (e *bodyEvaluation) addGroups(d *Decision, group *logicNode, depth, first int) (checks int) {
	for i := range group.parts {
		l := &group.parts[i]
		switch {
		case l.match == 0:
			checks++
			continue
		case l.match == MatchAll && group.match == MatchAll:
			checks += e.addGroups(d, l, depth, first+checks)
			continue
		}
		g := CheckGroup{Match: l.match, Depth: depth, First: first + checks}
		if e.readable() {
			o := l.decide(&e.outcomes)
			g.Verdict, g.Missing = o.verdict(), o == outcomeAbsent
		}
		at := len(d.Groups)
		d.Groups = append(d.Groups, g)
		count := e.addGroups(d, l, depth+1, g.First)
		d.Groups[at].Count = count
		checks += count
	}
	return checks
}

func (e *bodyEvaluation) run(body []byte) Verdict {
	e.body = body
	if len(e.plan.choices) > len(e.chosen) {
		e.chosen = make([]chosenValue, len(e.plan.choices))
	}
	e.scan.Reset(body)
	e.top = 1 // at the first node, which is 0
	e.value(0)
	if !e.readable() {
		return Undetermined
	}
	return e.plan.logic.decide(&e.outcomes).verdict()
}

// runHidden is run, with the conditions on hidden values.
func (e *bodyEvaluation) runHidden(body []byte) (Verdict, HiddenSet) {
	v := e.run(body)
	if !e.hidden.IsEmpty() {
		for i := range e.plan.conditions {
			if e.outcomes[i] != outcomeUndetermined || !e.readable() {
				e.hidden[i/64] &^= 1 << (i % 64)
			}
		}
	}
	return v, e.hidden
}

func (e *bodyEvaluation) readable() bool { return e.scan.Complete() && !e.twice }

// value reads the next value. Its nodes are e.active[from:e.top].
func (e *bodyEvaluation) value(from int) {
	v, size := jsonscan.Value{Kind: e.scan.Kind()}, -1
	e.forget(from)
	isSingle := e.isXML && from > 0 && v.Kind != jsonscan.Array
	if isSingle {
		e.enterSingle(from)
	}
	if v.Kind >= jsonscan.Object && e.inside(from) {
		v.Start = e.scan.Offset()
		size = e.container(from)
		v.End = e.scan.Offset()
	} else {
		v = e.scan.Read()
	}
	if isSingle {
		size = 1
	}
	if e.scan.Failed() {
		return
	}
	e.settle(e.active[from:e.top], v, size)
}

// inside reports whether a path goes into the value.
func (e *bodyEvaluation) inside(from int) bool {
	for _, n := range e.active[from:e.top] {
		if e.plan.nodes[n].goesOn() {
			return true
		}
	}
	return false
}

// forget prepares for a value, in which nothing has been seen yet.
func (e *bodyEvaluation) forget(from int) {
	for _, n := range e.active[from:e.top] {
		node := &e.plan.nodes[n]
		e.seen[node.any] = false
		for _, m := range node.members {
			e.seen[m.node] = false
		}
		for _, choice := range node.choices {
			e.chosen[choice] = chosenValue{}
		}
	}
}

// enterSingle enters the value, an element of XML that is not repeated, as the only
// element of a list.
func (e *bodyEvaluation) enterSingle(from int) {
	for i := from; i < e.top; i++ { // it may be entered more than once: bids.0.*
		before := e.top
		e.enterElement(&e.plan.nodes[e.active[i]], 0)
		e.forget(before)
	}
}

// container reads the elements of an object or an array and returns how many
// there are.
func (e *bodyEvaluation) container(from int) int {
	object := e.scan.Kind() == jsonscan.Object
	to, size := e.top, 0
	for e.scan.Enter(); e.scan.Next(); size++ {
		for _, n := range e.active[from:to] {
			if object {
				e.enterMember(&e.plan.nodes[n])
			} else {
				e.enterElement(&e.plan.nodes[n], size)
			}
		}
		if e.top > to {
			e.value(to)
			e.top = to
		}
	}
	return size
}

func (e *bodyEvaluation) enterMember(n *pathNode) {
	for i := range n.members {
		m := &n.members[i]
		if e.scan.NameIs(m.Name) {
			e.twice = e.twice || e.seen[m.node]
			e.enter(m.node)
		}
	}
	if n.any != 0 && !(e.isXML && n.level > 0) { // there "*" has been entered as the list's
		e.enter(n.any)
	}
}

func (e *bodyEvaluation) enterElement(n *pathNode, index int) {
	for i := range n.members {
		if m := &n.members[i]; m.Index == index {
			e.enter(m.node)
		}
	}
	if n.any != 0 {
		e.enter(n.any)
	}
}

func (e *bodyEvaluation) enter(node int32) {
	e.seen[node] = true
	e.active[e.top] = node
	e.top++
}

// settle judges a value at its nodes, without the escapes of a string. These make
// no text longer.
func (e *bodyEvaluation) settle(nodes []int32, found jsonscan.Value, size int) {
	text := e.body[found.Start:found.End]
	switch {
	case !found.Escaped:
		e.settleText(nodes, found, text, size)
	case len(text) <= shortText:
		var short [shortText]byte
		e.settleText(nodes, found, jsonscan.AppendUnescaped(short[:0], text), size)
	default:
		buffer := textBuffers.Get().(*textBuffer)
		defer buffer.keep()
		buffer.long = jsonscan.AppendUnescaped(buffer.long[:0], text)
		e.settleText(nodes, found, buffer.long, size)
	}
}

// settleText judges a value at its nodes. For a string, text is without escapes.
func (e *bodyEvaluation) settleText(nodes []int32, found jsonscan.Value, text []byte, size int) {
	v := replyValue{kind: found.Kind, json: e.body[found.Start:found.End], text: text}
	if v.kind == jsonscan.String {
		v.json = e.body[found.Start-len(`"`) : found.End+len(`"`)]
		v.isHidden = e.mark != "" && string(text) == e.mark
	}
	if !v.isContainer() {
		v.number, v.form = jsonvalue.Number(v.kind, text)
	}
	for _, n := range nodes {
		for _, offer := range e.plan.nodes[n].offers {
			e.chosen[offer.choice].offer(found, offer.rank)
		}
	}
	for _, n := range nodes {
		e.settleAt(&e.plan.nodes[n], &v, size)
	}
}

// offer takes a value that is better than the chosen one: one that is given, or
// else the first of the alternatives.
func (c *chosenValue) offer(v jsonscan.Value, rank int32) {
	isBetter := rank < c.rank
	if v.IsGiven() != c.IsGiven() {
		isBetter = v.IsGiven()
	}
	if c.Kind == jsonscan.Invalid || isBetter {
		*c = chosenValue{v, rank}
	}
}

// settleChoices judges what was chosen among the members that were read.
func (e *bodyEvaluation) settleChoices(choices []int32) {
	for _, choice := range choices {
		node := &e.plan.choices[choice].node
		if chosen := e.chosen[choice].Value; chosen.Kind != jsonscan.Invalid {
			e.settle(node[:], chosen, -1)
		} else {
			e.missing(&e.plan.nodes[node[0]])
		}
	}
}

// settleAt judges the value at a node, and what is missing in it.
func (e *bodyEvaluation) settleAt(n *pathNode, v *replyValue, size int) {
	for _, c := range n.ends {
		e.judge(c, v)
	}
	for _, m := range n.members {
		if !e.seen[m.node] {
			e.missing(&e.plan.nodes[m.node])
		}
	}
	e.settleChoices(n.choices)
	if n.any != 0 && !e.seen[n.any] {
		for _, c := range e.plan.nodes[n.any].through {
			e.conclude(c, outcomeAbsent, &missingValue)
		}
	}
	for _, c := range n.counts {
		e.count(c, v, size)
	}
}

var missingValue replyValue

// missing judges all conditions at and below a node that the reply lacks.
// Conditions that need an element have nothing to judge.
func (e *bodyEvaluation) missing(n *pathNode) {
	for _, c := range n.through {
		if e.plan.conditions[c].needs > n.level {
			e.conclude(c, outcomeAbsent, &missingValue)
		} else {
			e.judge(c, &missingValue)
		}
	}
}

func (e *bodyEvaluation) count(c int32, v *replyValue, size int) {
	switch {
	case size >= 0:
		var room [20]byte
		digits := strconv.AppendInt(room[:0], int64(size), 10)
		count := replyValue{kind: jsonscan.Number, json: digits, text: digits}
		count.number, count.form = decimal.Parse(digits)
		e.judge(c, &count)
	case v.isNothing():
		e.conclude(c, outcomeAbsent, v)
	default:
		e.conclude(c, outcomeUndetermined, v)
	}
}

// judge adds a condition's outcome for a value. One that holds already cannot get
// stronger.
func (e *bodyEvaluation) judge(c int32, v *replyValue) {
	if e.outcomes[c] == outcomeHolds {
		return
	}
	if e.unknown.Has(int(c)) && !v.isContainer() {
		hidden := *v
		hidden.isHidden = true
		v = &hidden
	}
	o := e.plan.conditions[c].judge(v)
	if v.isHidden && o == outcomeUndetermined {
		e.hidden.add(c)
	}
	e.conclude(c, o, v)
}

// conclude adds an outcome. Among the elements of "*", the first with the
// strongest outcome is kept.
func (e *bodyEvaluation) conclude(c int32, o ruleOutcome, v *replyValue) {
	if e.got != nil && (o > e.outcomes[c] || !e.got[c].known) {
		e.got[c] = decidingValue{true, string(v.json)}
	}
	e.outcomes[c] = max(e.outcomes[c], o)
}

// One pass over a reply for all paths of the criteria together.

package trackdrive

import (
	"strconv"
	"strings"
	"sync"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// evaluation is one reply on its way through a plan.
type evaluation struct {
	plan     *criteriaPlan
	body     []byte
	scan     jsonscan.Scanner
	active   []int32 // the nodes at the value that is read, above those of the values around it
	top      int     // how many of active are in use
	seen     []bool  // by node: whether the container that is read has it
	twice    bool    // a name that a path uses is given twice in one object
	outcomes [maxRules]outcome
	got      []evidence // by criterion; nil when nobody asks
}

// evidence is the value that decides on a criterion.
type evidence struct {
	known bool
	json  string
}

// How many nodes fit the stack: a few, as criteria of some rules have, or those
// of the largest criteria.
const (
	fewNodes  = 64
	manyNodes = 2048
)

func (p *criteriaPlan) evaluate(body []byte) Verdict {
	switch n := len(p.nodes); {
	case n <= fewNodes:
		var active [fewNodes]int32
		var seen [fewNodes]bool
		e := evaluation{plan: p, active: active[:], seen: seen[:]}
		return e.run(body)
	case n <= manyNodes:
		return p.evaluateMany(body)
	default:
		return p.evaluateHuge(body)
	}
}

// evaluateMany stays on its own, so that only large criteria need a large
// stack.
//
//go:noinline
func (p *criteriaPlan) evaluateMany(body []byte) Verdict {
	var active [manyNodes]int32
	var seen [manyNodes]bool
	e := evaluation{plan: p, active: active[:], seen: seen[:]}
	return e.run(body)
}

// evaluateHuge is for criteria with more nodes than the stack should hold.
func (p *criteriaPlan) evaluateHuge(body []byte) Verdict {
	notes := hugeNotes.Get().(*evaluationNotes)
	defer hugeNotes.Put(notes)
	if len(notes.active) < len(p.nodes) {
		*notes = evaluationNotes{make([]int32, len(p.nodes)), make([]bool, len(p.nodes))}
	}
	clear(notes.active)
	clear(notes.seen)
	e := evaluation{plan: p, active: notes.active, seen: notes.seen}
	return e.run(body)
}

// evaluationNotes are what an evaluation needs by node.
type evaluationNotes struct {
	active []int32
	seen   []bool
}

var hugeNotes = sync.Pool{New: func() any { return new(evaluationNotes) }}

func (p *criteriaPlan) explain(body []byte) Decision {
	e := evaluation{plan: p, active: make([]int32, len(p.nodes)), seen: make([]bool, len(p.nodes)), got: make([]evidence, len(p.criteria))}
	d := Decision{Verdict: e.run(body)}
	for i := range p.criteria {
		c := &p.criteria[i]
		check := Check{Field: c.field, Condition: strings.ToLower(predicates[c.is].label), Want: c.want()}
		if e.readable() {
			check.Got, check.Verdict = e.got[i].json, e.outcomes[i].verdict()
		}
		d.Checks = append(d.Checks, check)
	}
	e.addGroups(&d, &logic{match: matchAll, parts: []logic{p.logic}}, 0, 0)
	return d
}

// addGroups adds the groups in a group, an outer one before those in it, and
// returns how many checks there are. The first check has the index first. A list
// of what must hold within another is a part of that.
func (e *evaluation) addGroups(d *Decision, group *logic, depth, first int) (checks int) {
	for i := range group.parts {
		l := &group.parts[i]
		switch {
		case l.match == 0:
			checks++
			continue
		case l.match == matchAll && group.match == matchAll:
			checks += e.addGroups(d, l, depth, first+checks)
			continue
		}
		g := CheckGroup{Match: matchNames[l.match], Depth: depth, First: first + checks}
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

func (e *evaluation) run(body []byte) Verdict {
	e.body = body
	e.scan.Reset(body)
	e.top = 1 // at the first node, which is 0
	e.value(0)
	if !e.readable() {
		return VerdictUndetermined
	}
	return e.plan.logic.decide(&e.outcomes).verdict()
}

func (e *evaluation) readable() bool { return e.scan.Complete() && !e.twice }

// value reads the next value, at which the nodes from e.active[from] on are.
func (e *evaluation) value(from int) {
	v, size := jsonscan.Value{Kind: e.scan.Kind()}, -1
	if v.Kind >= jsonscan.Object && e.inside(from) {
		v.Start = e.scan.Offset()
		size = e.container(from)
		v.End = e.scan.Offset()
	} else {
		v = e.scan.Read()
		e.forget(from)
	}
	if e.scan.Failed() {
		return
	}
	s := subjectOf(e.body, v)
	for _, n := range e.active[from:e.top] {
		e.settle(&e.plan.nodes[n], s, size)
	}
}

// inside reports whether a path goes into the value.
func (e *evaluation) inside(from int) bool {
	for _, n := range e.active[from:e.top] {
		if e.plan.nodes[n].inside() {
			return true
		}
	}
	return false
}

// forget prepares for a container: nothing in it was seen yet.
func (e *evaluation) forget(from int) {
	for _, n := range e.active[from:e.top] {
		node := &e.plan.nodes[n]
		e.seen[node.any] = false
		for _, m := range node.members {
			e.seen[m.node] = false
		}
	}
}

// container reads what is in an object or an array, and returns how many there
// are.
func (e *evaluation) container(from int) int {
	e.forget(from)
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

func (e *evaluation) enterMember(n *pathNode) {
	for i := range n.members {
		m := &n.members[i]
		if e.scan.NameIs(m.Name) {
			e.twice = e.twice || e.seen[m.node]
			e.enter(m.node)
		}
	}
	if n.any != 0 {
		e.enter(n.any)
	}
}

func (e *evaluation) enterElement(n *pathNode, index int) {
	for i := range n.members {
		if m := &n.members[i]; m.Index == index {
			e.enter(m.node)
		}
	}
	if n.any != 0 {
		e.enter(n.any)
	}
}

func (e *evaluation) enter(node int32) {
	e.seen[node] = true
	e.active[e.top] = node
	e.top++
}

// settle judges by the value at a node, and by what is not in it.
func (e *evaluation) settle(n *pathNode, s subject, size int) {
	for _, c := range n.ends {
		e.judge(c, s)
	}
	for _, m := range n.members {
		if !e.seen[m.node] {
			e.missing(&e.plan.nodes[m.node])
		}
	}
	if n.any != 0 && !e.seen[n.any] {
		for _, c := range e.plan.nodes[n.any].through {
			e.conclude(c, outcomeAbsent, subject{})
		}
	}
	for _, c := range n.counts {
		e.count(c, s, size)
	}
}

// missing judges all criteria at a node that is not there, and below. Those
// that need an element have nothing to judge.
func (e *evaluation) missing(n *pathNode) {
	for _, c := range n.through {
		if e.plan.criteria[c].needs > n.level {
			e.conclude(c, outcomeAbsent, subject{})
		} else {
			e.judge(c, subject{})
		}
	}
}

func (e *evaluation) count(c int32, s subject, size int) {
	switch {
	case size >= 0:
		var digits [20]byte
		e.judge(c, subject{kind: jsonscan.Number, text: strconv.AppendInt(digits[:0], int64(size), 10)})
	case s.isNothing():
		e.conclude(c, outcomeAbsent, s)
	default:
		e.conclude(c, outcomeUndetermined, s)
	}
}

func (e *evaluation) judge(c int32, s subject) {
	e.conclude(c, e.plan.criteria[c].judge(s), s)
}

// conclude adds an outcome. Among the elements that "*" meets, the first that
// decides most stays.
func (e *evaluation) conclude(c int32, o outcome, s subject) {
	if e.got != nil && (o > e.outcomes[c] || !e.got[c].known) {
		e.got[c] = evidence{true, s.json()}
	}
	e.outcomes[c] = max(e.outcomes[c], o)
}

// Conditions: how they judge a value.

package criteria

import (
	"bytes"
	"regexp"
	"sync"

	"github.com/trackdrive-go/trackdrive/internal/decimal"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/jsonvalue"
)

// ruleOutcome is a rule's outcome for a reply. Among alternatives the larger one
// wins.
type ruleOutcome uint8

const (
	outcomeFails ruleOutcome = iota
	outcomeAbsent
	outcomeUndetermined
	outcomeHolds
)

func outcomeOf(holds bool) ruleOutcome {
	if holds {
		return outcomeHolds
	}
	return outcomeFails
}

// negated swaps holding and failing. Undecided outcomes stay undecided.
func (o ruleOutcome) negated() ruleOutcome {
	switch o {
	case outcomeHolds:
		return outcomeFails
	case outcomeFails:
		return outcomeHolds
	default:
		return o
	}
}

func (o ruleOutcome) verdict() Verdict {
	switch o {
	case outcomeHolds:
		return Accepted
	case outcomeUndetermined:
		return Undetermined
	default:
		return Rejected
	}
}

// replyValue is a value of a reply, read once for all conditions on it. The zero
// replyValue is missing.
type replyValue struct {
	kind   jsonscan.Kind
	json   []byte // as the reply spells it
	text   []byte // json; for a string, its text without quotes and escapes
	number decimal.Number[[]byte]
	form   decimal.Form // whether there is a number: a JSON number, or a string that holds a plain decimal

	isHidden bool // the value is not known: a mark stands in its place
}

// isNothing reports whether the value is null or missing.
func (v *replyValue) isNothing() bool { return v.kind == jsonscan.Null || v.kind == jsonscan.Invalid }

func (v *replyValue) isContainer() bool { return v.kind == jsonscan.Object || v.kind == jsonscan.Array }

// isVoid reports whether the value is "", [] or {}.
func (v *replyValue) isVoid() bool {
	switch v.kind {
	case jsonscan.String:
		return len(v.text) == 0
	case jsonscan.Object, jsonscan.Array:
		return len(bytes.TrimSpace(v.text[1:len(v.text)-1])) == 0
	default:
		return false
	}
}

// valueTest is the test of an operator or of its opposite.
type valueTest uint8

const (
	testAbove valueTest = iota
	testBelow
	testWithin
	testOneOf
	testText
	testPrefix
	testSuffix
	testPattern
	testPresent
	testNull
	testEmpty
	testTrue
)

// readyCondition is a condition that is ready to judge values.
type readyCondition struct {
	condition Condition
	test      valueTest
	negated   bool
	operands  []readyOperand
	pattern   *regexp.Regexp
	needs     int // the last level of the path that needs an element, from 1; 0 if none does
}

// judge decides whether the condition holds for a value.
func (c *readyCondition) judge(v *replyValue) ruleOutcome {
	o := c.decide(v)
	if c.negated {
		return o.negated()
	}
	return o
}

// textBuffers are for copies of a reply's texts.
var textBuffers = sync.Pool{New: func() any { return new(textBuffer) }}

type textBuffer struct {
	short [shortText]byte
	long  []byte
}

// shortText is the length in bytes up to which a text fits a buffer of fixed size.
const shortText = 256

// MaxKeptText is the size in bytes up to which a buffer is kept for the next
// text. No text of a reply outgrows it: a buffer grows to at most twice the
// length of its text.
const MaxKeptText = 2 << 20

func (b *textBuffer) keep() {
	if cap(b.long) <= MaxKeptText {
		textBuffers.Put(b)
	}
}

func (b *textBuffer) copied(text []byte) []byte {
	if len(text) <= len(b.short) {
		return append(b.short[:0], text...)
	}
	b.long = append(b.long[:0], text...)
	return b.long
}

// decide runs the test on a value, before any negation.
func (c *readyCondition) decide(v *replyValue) ruleOutcome {
	switch c.test {
	case testPresent:
		return outcomeOf(v.kind != jsonscan.Invalid)
	case testNull:
		return outcomeOf(v.isNothing())
	case testEmpty:
		return outcomeOf(v.isNothing() || v.isVoid())
	case testOneOf:
		return c.decideOneOf(v)
	}
	switch {
	case v.isNothing():
		return outcomeAbsent
	case v.isContainer(), v.isHidden:
		return outcomeUndetermined
	}
	switch c.test {
	case testAbove, testBelow, testWithin:
		return c.decideNumber(v)
	case testTrue:
		value, known := jsonvalue.Bool(v.kind, v.text)
		if !known {
			return outcomeUndetermined
		}
		return outcomeOf(value)
	default:
		return outcomeOf(c.textHolds(v.text))
	}
}

func (c *readyCondition) decideNumber(v *replyValue) ruleOutcome {
	if v.form != decimal.Exact {
		return outcomeUndetermined
	}
	switch first := decimal.Compare(v.number, c.operands[0].number); c.test {
	case testAbove:
		return outcomeOf(first > 0)
	case testBelow:
		return outcomeOf(first < 0)
	default:
		return outcomeOf(first >= 0 && decimal.Compare(v.number, c.operands[1].number) <= 0)
	}
}

func (c *readyCondition) textHolds(text []byte) bool {
	switch want := c.operands[0].text; c.test {
	case testText:
		return bytes.Contains(text, want)
	case testPrefix:
		return bytes.HasPrefix(text, want)
	case testSuffix:
		return bytes.HasSuffix(text, want)
	default:
		return c.matches(text)
	}
}

// matches matches a copy, because package regexp moves its argument to the heap.
func (c *readyCondition) matches(text []byte) bool {
	buffer := textBuffers.Get().(*textBuffer)
	defer buffer.keep()
	return c.pattern.Match(buffer.copied(text))
}

func (c *readyCondition) decideOneOf(v *replyValue) ruleOutcome {
	best := outcomeFails
	for i := range c.operands {
		best = max(best, c.operands[i].equals(v))
	}
	return best
}

func (o *readyOperand) equals(v *replyValue) ruleOutcome {
	switch {
	case v.isNothing():
		if o.isNull {
			return outcomeHolds
		}
		return outcomeAbsent
	case o.isNull:
		return outcomeFails
	case v.isContainer(), v.isHidden:
		return outcomeUndetermined
	}
	switch {
	case v.kind == jsonscan.Number && v.form == decimal.TooLong:
		return outcomeUndetermined
	case v.form == decimal.NoNumber || o.form == decimal.NoNumber:
		return outcomeOf(bytes.Equal(v.text, o.text))
	case v.form == decimal.TooLong || o.form == decimal.TooLong:
		return outcomeUndetermined
	default:
		return outcomeOf(decimal.Compare(v.number, o.number) == 0)
	}
}

// Conditions: what they take, and what they say of a value.

package trackdrive

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/trackdrive-go/trackdrive/internal/attempt"
	"github.com/trackdrive-go/trackdrive/internal/decimal"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/jsonvalue"
)

// predicate is what a condition says of its field.
type predicate uint8

const (
	predGreaterThan predicate = iota + 1
	predAtLeast
	predLessThan
	predAtMost
	predBetween
	predEquals
	predNotEquals
	predIn
	predNotIn
	predContains
	predNotContains
	predStartsWith
	predEndsWith
	predMatches
	predExists
	predMissing
	predIsNull
	predNotNull
	predIsEmpty
	predNotEmpty
	predIsTrue
	predIsFalse
)

// predicates are all predicates: each is a probe, or the opposite of one.
var predicates = [...]struct {
	label   string // as platforms show it
	takes   operandRule
	probe   probe
	negated bool
}{
	predGreaterThan: {"Greater Than", takesNumber, probeAbove, false},
	predAtLeast:     {"Greater Than Or Equal", takesNumber, probeBelow, true},
	predLessThan:    {"Less Than", takesNumber, probeBelow, false},
	predAtMost:      {"Less Than Or Equal", takesNumber, probeAbove, true},
	predBetween:     {"Between", takesTwoNumbers, probeWithin, false},
	predEquals:      {"Equals", takesValue, probeOneOf, false},
	predNotEquals:   {"Not Equals", takesValue, probeOneOf, true},
	predIn:          {"In", takesValues, probeOneOf, false},
	predNotIn:       {"Not In", takesValues, probeOneOf, true},
	predContains:    {"Contains", takesText, probeText, false},
	predNotContains: {"Not Contains", takesText, probeText, true},
	predStartsWith:  {"Starts With", takesText, probePrefix, false},
	predEndsWith:    {"Ends With", takesText, probeSuffix, false},
	predMatches:     {"Matches", takesPattern, probePattern, false},
	predExists:      {"Exists", takesNothing, probePresent, false},
	predMissing:     {"Missing", takesNothing, probePresent, true},
	predIsNull:      {"Is Null", takesNothing, probeNull, false},
	predNotNull:     {"Not Null", takesNothing, probeNull, true},
	predIsEmpty:     {"Is Empty", takesNothing, probeEmpty, false},
	predNotEmpty:    {"Not Empty", takesNothing, probeEmpty, true},
	predIsTrue:      {"Is True", takesNothing, probeTrue, false},
	predIsFalse:     {"Is False", takesNothing, probeTrue, true},
}

// operandRule is what a predicate takes.
type operandRule uint8

const (
	takesNothing operandRule = iota
	takesNumber
	takesTwoNumbers
	takesText
	takesPattern
	takesValue
	takesValues
)

func (r operandRule) list() bool { return r == takesTwoNumbers || r == takesValues }

func (r operandRule) numbers() bool { return r == takesNumber || r == takesTwoNumbers }

// operand is what a field is compared with, as it was given.
type operand struct {
	kind operandKind
	text string // the text, or the literal; of a faulty one what is wrong with it
}

type operandKind uint8

const (
	faultyOperand operandKind = iota
	textOperand
	numberOperand
	boolOperand
	nullOperand
)

// operandOf takes what Go code gives.
func operandOf(v any) operand {
	switch v := v.(type) {
	case nil:
		return operand{nullOperand, "null"}
	case string:
		return textOperandOf(v)
	case bool:
		return operand{boolOperand, strconv.FormatBool(v)}
	case Amount:
		if !v.IsSet() {
			return operand{faultyOperand, "is an unset amount"}
		}
		return textOperandOf(v.String())
	case json.Number:
		return numberOperandOf(string(v))
	case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, uintptr, float32, float64:
		literal, err := json.Marshal(v)
		if err != nil {
			return operand{faultyOperand, "is no finite number"}
		}
		return operand{numberOperand, string(literal)}
	default:
		return operand{faultyOperand, "must be text, a number, a boolean or nil"}
	}
}

func textOperandOf(text string) operand {
	if strings.ToValidUTF8(text, "") != text {
		return operand{faultyOperand, "is not valid UTF-8"}
	}
	return operand{textOperand, text}
}

func numberOperandOf(literal string) operand {
	if !jsonscan.IsNumber(literal) {
		return operand{faultyOperand, "is no JSON number"}
	}
	return operand{numberOperand, literal}
}

// appendJSON appends the operand as JSON.
func (o operand) appendJSON(dst []byte) []byte {
	if o.kind == textOperand {
		return jsonscan.AppendQuoted(dst, o.text)
	}
	return append(dst, o.text...)
}

// want is what the condition compares with, for people.
func (c Condition) want() string {
	switch {
	case c.list:
		return string(c.appendValue(nil))
	case len(c.operands) == 1:
		return c.operands[0].text
	default:
		return ""
	}
}

// appendValue appends what the condition compares with as JSON.
func (c Condition) appendValue(dst []byte) []byte {
	if !c.list {
		return c.operands[0].appendJSON(dst)
	}
	dst = append(dst, '[')
	for i, o := range c.operands {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = o.appendJSON(dst)
	}
	return append(dst, ']')
}

// comparand is an operand made ready to be compared with.
type comparand struct {
	null   bool // JSON null
	text   []byte
	form   decimal.Form
	number decimal.Number[string]
}

func (o operand) comparand() comparand {
	c := comparand{text: []byte(o.text)}
	switch o.kind {
	case nullOperand:
		c.null = true
	case numberOperand:
		c.number, c.form = jsonvalue.Number(jsonscan.Number, o.text)
	case textOperand:
		c.null = strings.EqualFold(o.text, "null")
		c.number, c.form = jsonvalue.Number(jsonscan.String, o.text)
	}
	return c
}

// outcome is what a condition says. The larger one wins among alternatives.
type outcome uint8

const (
	outcomeNo outcome = iota
	outcomeAbsent
	outcomeUndetermined
	outcomeYes
)

func decided(holds bool) outcome {
	if holds {
		return outcomeYes
	}
	return outcomeNo
}

// negated swaps yes and no. What is not decided stays so.
func (o outcome) negated() outcome {
	switch o {
	case outcomeYes:
		return outcomeNo
	case outcomeNo:
		return outcomeYes
	default:
		return o
	}
}

func (o outcome) verdict() Verdict {
	switch o {
	case outcomeYes:
		return VerdictAccepted
	case outcomeUndetermined:
		return VerdictUndetermined
	default:
		return VerdictRejected
	}
}

// subject is a value of a reply. The zero subject is a missing one.
type subject struct {
	kind    jsonscan.Kind
	escaped bool
	text    []byte // JSON; of a string what is between the quotes
}

func subjectOf(body []byte, v jsonscan.Value) subject {
	return subject{v.Kind, v.Escaped, body[v.Start:v.End]}
}

// json returns the value as it stands in the reply, "" when it is missing.
func (s subject) json() string {
	if s.kind == jsonscan.String {
		return `"` + string(s.text) + `"`
	}
	return string(s.text)
}

// number reads a JSON number, or a string that holds a plain decimal.
func (s subject) number() (decimal.Number[[]byte], decimal.Form) {
	return jsonvalue.Number(s.kind, s.text)
}

// isNothing reports whether the value is null or missing.
func (s subject) isNothing() bool { return s.kind == jsonscan.Null || s.kind == jsonscan.Invalid }

func (s subject) isContainer() bool { return s.kind == jsonscan.Object || s.kind == jsonscan.Array }

// isVoid reports whether the value is "", [] or {}.
func (s subject) isVoid() bool {
	switch s.kind {
	case jsonscan.String:
		return len(s.text) == 0
	case jsonscan.Object, jsonscan.Array:
		return len(bytes.TrimSpace(s.text[1:len(s.text)-1])) == 0
	default:
		return false
	}
}

// probe is what a predicate, or its opposite, finds out.
type probe uint8

const (
	probeAbove probe = iota
	probeBelow
	probeWithin
	probeOneOf
	probeText
	probePrefix
	probeSuffix
	probePattern
	probePresent
	probeNull
	probeEmpty
	probeTrue
)

// criterion is a condition made ready.
type criterion struct {
	Condition
	probe    probe
	negated  bool
	operands []comparand
	pattern  *regexp.Regexp
	needs    int // the last level of the path that needs an element, from 1; 0 when none does
}

// judge says whether the condition holds for a value.
func (c *criterion) judge(s subject) outcome {
	if s.escaped {
		return c.judgeEscaped(s)
	}
	o := c.try(s)
	if c.negated {
		return o.negated()
	}
	return o
}

// judgeEscaped judges the text that is meant, which is never longer than what
// is written.
func (c *criterion) judgeEscaped(s subject) outcome {
	var short [shortText]byte
	if len(s.text) <= len(short) {
		return c.judge(subject{kind: s.kind, text: jsonscan.AppendUnescaped(short[:0], s.text)})
	}
	buffer := textBuffers.Get().(*textBuffer)
	defer buffer.keep()
	buffer.long = jsonscan.AppendUnescaped(buffer.long[:0], s.text)
	return c.judge(subject{kind: s.kind, text: buffer.long})
}

// textBuffers are for copies of a reply's texts.
var textBuffers = sync.Pool{New: func() any { return new(textBuffer) }}

type textBuffer struct {
	short [shortText]byte
	long  []byte
}

// How long texts are, in bytes: those that need no buffer that grows, and those
// whose buffer is kept for the next text, which are all that a reply can hold.
const (
	shortText = 256
	longText  = 2 * attempt.MaxBody // a buffer grows past its text
)

func (b *textBuffer) keep() {
	if cap(b.long) <= longText {
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

func (c *criterion) try(s subject) outcome {
	switch c.probe {
	case probePresent:
		return decided(s.kind != jsonscan.Invalid)
	case probeNull:
		return decided(s.isNothing())
	case probeEmpty:
		return decided(s.isNothing() || s.isVoid())
	case probeOneOf:
		return c.tryOperands(s)
	}
	switch {
	case s.isNothing():
		return outcomeAbsent
	case s.isContainer():
		return outcomeUndetermined
	}
	switch c.probe {
	case probeAbove, probeBelow, probeWithin:
		return c.tryNumber(s)
	case probeTrue:
		value, known := jsonvalue.Bool(s.kind, s.text)
		if !known {
			return outcomeUndetermined
		}
		return decided(value)
	default:
		return decided(c.tryText(s.text))
	}
}

func (c *criterion) tryNumber(s subject) outcome {
	n, form := s.number()
	if form != decimal.Exact {
		return outcomeUndetermined
	}
	switch first := decimal.Compare(n, c.operands[0].number); c.probe {
	case probeAbove:
		return decided(first > 0)
	case probeBelow:
		return decided(first < 0)
	default:
		return decided(first >= 0 && decimal.Compare(n, c.operands[1].number) <= 0)
	}
}

func (c *criterion) tryText(text []byte) bool {
	switch want := c.operands[0].text; c.probe {
	case probeText:
		return bytes.Contains(text, want)
	case probePrefix:
		return bytes.HasPrefix(text, want)
	case probeSuffix:
		return bytes.HasSuffix(text, want)
	default:
		return c.matches(text)
	}
}

// matches matches a copy: package regexp keeps what it is given on the heap.
func (c *criterion) matches(text []byte) bool {
	buffer := textBuffers.Get().(*textBuffer)
	defer buffer.keep()
	return c.pattern.Match(buffer.copied(text))
}

func (c *criterion) tryOperands(s subject) outcome {
	found := outcomeNo
	for i := range c.operands {
		found = max(found, c.operands[i].equals(s))
	}
	return found
}

func (c *comparand) equals(s subject) outcome {
	switch {
	case s.isNothing():
		if c.null {
			return outcomeYes
		}
		return outcomeAbsent
	case c.null:
		return outcomeNo
	case s.isContainer():
		return outcomeUndetermined
	}
	n, form := s.number()
	switch {
	case s.kind == jsonscan.Number && form == decimal.TooLong:
		return outcomeUndetermined
	case form == decimal.NoNumber || c.form == decimal.NoNumber:
		return decided(bytes.Equal(s.text, c.text))
	case form == decimal.TooLong || c.form == decimal.TooLong:
		return outcomeUndetermined
	default:
		return decided(decimal.Compare(n, c.number) == 0)
	}
}

// Samples: replies that a group accepts, made from its conditions.

package criteria

import (
	"cmp"
	"encoding/json"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// Limits on the search for a sample.
const (
	maxSampleChoices = 16  // of alternatives in the groups
	maxSampleTries   = 256 // of values, for each choice
	maxSampleIndex   = 16  // of a list
)

// Sample returns a small reply that the group accepts: one with few fields, and no
// list or object that no condition needs. It is false if none is found, which does
// not mean that there is none.
func (g *Group) Sample() (sample []byte, ok bool) {
	if g == nil || g.plan == nil {
		return nil, false
	}
	for choice := range maxSampleChoices {
		b := sampleBuilder{choice: choice}
		b.want(g, true)
		if sample, ok = b.search(g); ok {
			return sample, true
		}
	}
	return nil, false
}

// sampleBuilder collects which values the fields of a sample may have.
type sampleBuilder struct {
	choice int // which alternative is taken in each group
	fields []sampleField
}

type sampleField struct {
	path   jsonscan.Path
	values []any // droppedValue for none
}

// want adds what makes a rule hold, or fail.
func (b *sampleBuilder) want(rule Rule, holds bool) {
	switch r := rule.(type) {
	case Condition:
		b.add(r, holds)
	case *Group:
		holdsInside := holds != (r.match == MatchNone)
		rules := r.rules
		if holdsInside != (r.match == MatchAll) && len(rules) > 0 { // one is enough
			rules = rules[b.choice%len(rules):][:1]
		}
		for _, inner := range rules {
			b.want(inner, holdsInside)
		}
	}
}

func (b *sampleBuilder) add(c Condition, holds bool) {
	path, err := jsonscan.ParsePath(c.path)
	if err != nil {
		return // a group with mistakes has no plan
	}
	values := sampleValues(c, holds)
	for i := range b.fields {
		if slices.Equal(b.fields[i].path, path) {
			b.fields[i].values = append(b.fields[i].values, values...)
			return
		}
	}
	b.fields = append(b.fields, sampleField{path, values})
}

// search tries the values until the group accepts.
func (b *sampleBuilder) search(g *Group) (sample []byte, ok bool) {
	slices.SortStableFunc(b.fields, func(f, other sampleField) int { return cmp.Compare(len(f.path), len(other.path)) })
	for try := range maxSampleTries {
		var reply any = map[string]any{}
		left := try
		for _, f := range b.fields {
			value := f.values[left%len(f.values)]
			left /= len(f.values)
			if !isDropped(value) {
				reply = putAt(reply, f.path, value)
			}
		}
		if left > 0 {
			return nil, false
		}
		body, err := json.Marshal(reply)
		if err == nil && g.Evaluate(body) == Accepted {
			return body, true
		}
	}
	return nil, false
}

// putAt returns a reply with a value at a path.
func putAt(reply any, path jsonscan.Path, value any) any {
	if len(path) == 0 {
		return value
	}
	step, rest := path[0], path[path.Alternatives():]
	if step.Op == jsonscan.Member && step.Index < 0 {
		object, _ := reply.(map[string]any)
		if object == nil {
			object = map[string]any{}
		}
		object[step.Name] = putAt(object[step.Name], rest, value)
		return object
	}
	list, _ := reply.([]any)
	length := step.Index + 1
	switch step.Op {
	case jsonscan.Any:
		length = 1
	case jsonscan.Count:
		length = countOf(value)
	}
	for len(list) < min(length, maxSampleIndex) {
		list = append(list, map[string]any{})
	}
	if step.Op != jsonscan.Count && length <= len(list) {
		list[length-1] = putAt(list[length-1], rest, value)
	}
	return list
}

func countOf(value any) int {
	if n, isNumber := value.(json.Number); isNumber {
		count, _ := strconv.Atoi(string(n))
		return count
	}
	return 1
}

// sampleText is the value of a field that only has to be there.
const sampleText = "sample"

// sampleValues returns values of a field for which a condition may hold, or fail.
func sampleValues(c Condition, holds bool) []any {
	row := operatorTable[c.operator]
	operand := func(i int) Operand { return c.operands[i] }
	passes := holds != row.negated
	switch row.test {
	case testAbove, testBelow:
		if (row.test == testAbove) == passes {
			return numbersNear(operand(0), 0, 1, 0.01, -1)
		}
		return numbersNear(operand(0), 0, -1, -0.01, 1)
	case testWithin:
		if passes {
			return append(numbersNear(operand(0), 0), numbersNear(operand(1), 0)...)
		}
		return append(numbersNear(operand(1), 1), numbersNear(operand(0), -1)...)
	case testOneOf:
		return oneOfValues(c.operands, passes)
	case testText, testPrefix, testSuffix:
		return textOr(passes, operand(0).text)
	case testPattern:
		return patternValues(operand(0).text, passes)
	case testPresent, testNull, testEmpty:
		if passes == (row.test == testPresent) {
			return []any{sampleText, json.Number("1")}
		}
		return []any{droppedValue{}, nil, ""}
	default:
		return []any{passes}
	}
}

// numbersNear returns an operand's number plus each of these.
func numbersNear(o Operand, offsets ...float64) []any {
	n, err := strconv.ParseFloat(strings.TrimPrefix(o.text, "$"), 64)
	if err != nil {
		return []any{sampleText}
	}
	var values []any
	for _, offset := range offsets {
		values = append(values, json.Number(strconv.FormatFloat(n+offset, 'f', -1, 64)))
	}
	return values
}

func oneOfValues(operands []Operand, passes bool) []any {
	if !passes {
		return []any{sampleText, json.Number("1"), json.Number("0"), false}
	}
	var values []any
	for _, o := range operands {
		if o.kind == kindNull {
			values = append(values, droppedValue{})
		}
		values = append(values, json.RawMessage(o.appendJSON(nil)))
	}
	return values
}

// textOr returns a text, or another one.
func textOr(same bool, text string) []any {
	if same {
		return []any{text}
	}
	return []any{sampleText, "other"}
}

func patternValues(pattern string, passes bool) []any {
	if !passes {
		return []any{sampleText, "", "0", "-"}
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return []any{sampleText}
	}
	return []any{matchOfPattern(parsed), sampleText, "1", ""}
}

// matchOfPattern returns a short text that a pattern is likely to match.
func matchOfPattern(re *syntax.Regexp) string {
	const longestRepeat = 64
	var b strings.Builder
	switch re.Op {
	case syntax.OpLiteral:
		return string(re.Rune)
	case syntax.OpCharClass:
		if len(re.Rune) > 0 {
			return string(max(re.Rune[0], min(re.Rune[1], ' ')))
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return "x"
	case syntax.OpPlus, syntax.OpCapture, syntax.OpAlternate:
		return matchOfPattern(re.Sub[0])
	case syntax.OpRepeat:
		return strings.Repeat(matchOfPattern(re.Sub[0]), min(re.Min, longestRepeat))
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			b.WriteString(matchOfPattern(sub))
		}
	}
	return b.String()
}

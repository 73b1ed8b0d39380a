// A linter for groups, which finds wrong replies that they would accept.

package criteria

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// Weaknesses returns the wrong replies that the group would accept: "accepts
// when buyers is empty". They are made from a sample that it accepts. Each field
// that the group uses, and each list and object around one, is dropped, nulled,
// emptied and retyped in turn.
func (g *Group) Weaknesses(sample []byte) []string {
	reply := decodeSample(sample)
	var weaknesses []string
	for _, path := range g.usedPaths() {
		for _, kind := range mutationKinds {
			mutation := replyMutation{change: kind.change}
			wrong := mutation.apply(reply, path)
			if mutation.changed && g.accepts(wrong) {
				weaknesses = append(weaknesses, fmt.Sprintf("accepts when %s %s", path, kind.what))
			}
		}
	}
	return weaknesses
}

func decodeSample(sample []byte) (reply any) {
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(sample, []byte("\ufeff"))))
	dec.UseNumber()
	if err := dec.Decode(&reply); err != nil {
		return nil // cannot happen: the sample was accepted, so it is valid
	}
	return reply
}

func (g *Group) accepts(reply any) bool {
	body, err := json.Marshal(reply)
	return err == nil && g.Evaluate(body) == Accepted
}

// usedPaths returns every path of the group and the paths around it, each once,
// outer ones first.
func (g *Group) usedPaths() (paths []jsonscan.Path) {
	known := map[string]bool{}
	for i := range g.plan.conditions {
		path, err := jsonscan.ParsePath(g.plan.conditions[i].condition.path)
		if err != nil {
			continue // a group with mistakes has no plan
		}
		for at := 0; at < len(path); {
			at += path[at:].Alternatives()
			part := path[:at]
			if !part.Counts() && !known[part.String()] {
				known[part.String()] = true
				paths = append(paths, part)
			}
		}
	}
	return paths
}

// droppedValue marks a value that is to be left out.
type droppedValue struct{}

func isDropped(value any) bool {
	_, is := value.(droppedValue)
	return is
}

// mutationKinds are the ways in which a field can be wrong. A kind that leaves the
// value unchanged is skipped.
var mutationKinds = []struct {
	what   string
	change func(value any) any
}{
	{"is missing", func(any) any { return droppedValue{} }},
	{"is null", func(any) any { return nil }},
	{"is empty", emptyOf},
	{"is text", retypedTo[string]("none")},
	{"is a boolean", retypedTo[bool](false)},
	{"is a list", retypedTo[[]any]([]any{"none"})},
	{"is an object", retypedTo[map[string]any](map[string]any{"none": "none"})},
}

// emptyOf returns the empty value of the same kind; "" for a scalar.
func emptyOf(value any) any {
	switch value.(type) {
	case []any:
		return []any{}
	case map[string]any:
		return map[string]any{}
	default:
		return ""
	}
}

// retypedTo returns other for a value that is not a T.
func retypedTo[T any](other any) func(any) any {
	return func(value any) any {
		if _, same := value.(T); same {
			return value
		}
		return other
	}
}

// replyMutation changes what is at a path.
type replyMutation struct {
	change  func(any) any
	changed bool // whether apply changed something
}

// apply returns a changed copy.
func (m *replyMutation) apply(value any, path jsonscan.Path) any {
	if len(path) == 0 {
		other := m.change(value)
		m.changed = m.changed || !reflect.DeepEqual(other, value)
		return other
	}
	switch value := value.(type) {
	case map[string]any:
		return m.applyToMembers(maps.Clone(value), path)
	case []any:
		return m.applyToElements(slices.Clone(value), path)
	default:
		return value
	}
}

func (m *replyMutation) applyToMembers(object map[string]any, path jsonscan.Path) any {
	steps := path[:path.Alternatives()]
	for name, value := range object {
		if !slices.ContainsFunc(steps, func(s jsonscan.Step) bool { return s.Op == jsonscan.Any || s.Name == name }) {
			continue
		}
		if object[name] = m.apply(value, path[len(steps):]); isDropped(object[name]) {
			delete(object, name)
		}
	}
	return object
}

// applyToElements also drops the elements after a dropped one, which would move
// up into its place.
func (m *replyMutation) applyToElements(list []any, path jsonscan.Path) any {
	steps := path[:path.Alternatives()]
	for i, value := range list {
		if !slices.ContainsFunc(steps, func(s jsonscan.Step) bool { return s.Op == jsonscan.Any || s.Index == i }) {
			continue
		}
		if list[i] = m.apply(value, path[len(steps):]); isDropped(list[i]) {
			return list[:i]
		}
	}
	return list
}

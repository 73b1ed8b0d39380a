// A linter for criteria: which wrong replies would they accept?

package trackdrive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// Weaknesses finds criteria that fail open. It takes a good reply, which they
// accept, and drops, nulls, empties and retypes one field that they use after
// the other, and the lists and objects around it. Each wrong reply that would
// be accepted all the same is reported: "accepts when buyers is empty". Under
// Any that can be what is meant.
//
// Criteria without weaknesses give nil. Where the sample is not accepted, or
// the criteria have mistakes, that is the one thing reported.
func (c *Criteria) Weaknesses(sample []byte) []string {
	if err := c.Err(); err != nil {
		return []string{withoutPrefix(err.Error())}
	}
	if verdict := c.Evaluate(sample); verdict != VerdictAccepted {
		return []string{fmt.Sprintf("does not accept the sample: %s", verdict)}
	}
	reply := decodeSample(sample)
	var found []string
	for _, path := range c.usedPaths() {
		for _, s := range spoilings {
			wrong := spoiler{spoil: s.spoil}
			changed := wrong.change(reply, path)
			if wrong.done && c.accepts(changed) {
				found = append(found, fmt.Sprintf("accepts when %s %s", path, s.what))
			}
		}
	}
	return found
}

func decodeSample(sample []byte) (reply any) {
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(sample, []byte("\ufeff"))))
	dec.UseNumber()
	if err := dec.Decode(&reply); err != nil {
		return nil // it was accepted: it is valid
	}
	return reply
}

func (c *Criteria) accepts(reply any) bool {
	body, err := json.Marshal(reply)
	return err == nil && c.Evaluate(body) == VerdictAccepted
}

// usedPaths returns every path of the criteria with what is around it, once,
// from the outside in.
func (c *Criteria) usedPaths() (paths []jsonscan.Path) {
	known := map[string]bool{}
	for i := range c.plan.criteria {
		path, err := jsonscan.ParsePath(c.plan.criteria[i].field)
		if err != nil {
			continue // criteria with mistakes have no plan
		}
		for length := range path {
			part := path[:length+1]
			if !part.Counts() && !known[part.String()] {
				known[part.String()] = true
				paths = append(paths, part)
			}
		}
	}
	return paths
}

// dropped stands for a value that is to be left out.
type dropped struct{}

func isDropped(value any) bool {
	_, is := value.(dropped)
	return is
}

// spoilings are the ways in which a field can be wrong. What changes nothing is
// no spoiling.
var spoilings = []struct {
	what  string
	spoil func(value any) any
}{
	{"is missing", func(any) any { return dropped{} }},
	{"is null", func(any) any { return nil }},
	{"is empty", emptied},
	{"is text", unless[string]("none")},
	{"is a boolean", unless[bool](false)},
	{"is a list", unless[[]any]([]any{"none"})},
	{"is an object", unless[map[string]any](map[string]any{"none": "none"})},
}

func emptied(value any) any {
	switch value.(type) {
	case []any:
		return []any{}
	case map[string]any:
		return map[string]any{}
	default:
		return ""
	}
}

// unless retypes a value that is no T.
func unless[T any](other any) func(any) any {
	return func(value any) any {
		if _, same := value.(T); same {
			return value
		}
		return other
	}
}

// spoiler changes what is at a path.
type spoiler struct {
	spoil func(any) any
	done  bool // something was changed
}

// change returns a changed copy.
func (s *spoiler) change(value any, path jsonscan.Path) any {
	if len(path) == 0 {
		changed := s.spoil(value)
		s.done = s.done || !reflect.DeepEqual(changed, value)
		return changed
	}
	switch value := value.(type) {
	case map[string]any:
		return s.changeMembers(maps.Clone(value), path)
	case []any:
		return s.changeElements(slices.Clone(value), path)
	default:
		return value
	}
}

func (s *spoiler) changeMembers(object map[string]any, path jsonscan.Path) any {
	for name, value := range object {
		if path[0].Op != jsonscan.Any && name != path[0].Name {
			continue
		}
		if object[name] = s.change(value, path[1:]); isDropped(object[name]) {
			delete(object, name)
		}
	}
	return object
}

// changeElements drops what is behind a dropped element as well: it would move
// up into its place.
func (s *spoiler) changeElements(list []any, path jsonscan.Path) any {
	for i, value := range list {
		if path[0].Op != jsonscan.Any && i != path[0].Index {
			continue
		}
		if list[i] = s.change(value, path[1:]); isDropped(list[i]) {
			return list[:i]
		}
	}
	return list
}

// Names of Fields. Programs send the same names again and again, so the client
// remembers them sorted, checked and quoted.

package trackdrive

import (
	"math/rand/v2"
	"strings"
	"sync/atomic"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/template"
)

// knownNames is a set of names in Fields that was checked and sent before.
type knownNames struct {
	typed  []string // the names of the typed parameters beside them, which they must not repeat
	names  []string // sorted
	inJSON []string // each as JSON has it, between a comma and a colon
	inForm []string // each as forms have it, between an ampersand and an equals sign
}

// namesMemory remembers some sets of names, each in a place by its size.
type namesMemory [16]atomic.Pointer[knownNames]

// What is remembered of one set at most: more is seldom sent, or not twice.
const (
	maxKnownNames = 1 << 10 // names
	maxKnownText  = 1 << 15 // bytes of all names
)

func (m *namesMemory) place(size int) *atomic.Pointer[knownNames] { return &m[size%len(m)] }

// recall returns the fields by name if their names are known; otherwise nil.
func (m *namesMemory) recall(typed []typedParam, fields Fields) ([]wireField, *knownNames) {
	known := m.place(len(fields)).Load()
	if known == nil || len(known.names) != len(fields) || !known.areBeside(typed) {
		return nil, nil
	}
	sorted := make([]wireField, len(fields))
	for i, name := range known.names {
		value, found := fields[name]
		if !found {
			return nil, nil
		}
		sorted[i] = wireField{name, value}
	}
	return sorted, known
}

// remember keeps names that were sorted and checked. Most of the time it does not
// replace a set, or two of the same size would replace each other at every call.
func (m *namesMemory) remember(typed []typedParam, sorted []wireField) {
	place := m.place(len(sorted))
	if len(sorted) > maxKnownNames || place.Load() != nil && rand.N(16) != 0 {
		return
	}
	known := new(knownNames)
	for _, param := range typed {
		known.typed = append(known.typed, param.name)
	}
	size := 0
	for _, field := range sorted {
		if size += len(field.name); size > maxKnownText {
			return
		}
		name := strings.Clone(field.name) // not the memory that it is a part of
		known.names = append(known.names, name)
		known.inJSON = append(known.inJSON, string(append(jsonscan.AppendQuoted([]byte{','}, name), ':')))
		known.inForm = append(known.inForm, string(append(template.AppendForm([]byte{'&'}, name), '=')))
	}
	place.Store(known)
}

// areBeside reports whether the names were checked beside these parameters.
func (k *knownNames) areBeside(typed []typedParam) bool {
	if len(typed) != len(k.typed) {
		return false
	}
	for i := range typed {
		if typed[i].name != k.typed[i] {
			return false
		}
	}
	return true
}

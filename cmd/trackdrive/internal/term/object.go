package term

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/trackdrive-go/trackdrive/internal/jsondoc"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// ReadObject reads a file, or the standard input if the name is "-", that holds one JSON
// object, into a map. Numbers stay exact. What says what it is: "an object of parameters";
// the example shows its form.
func (t *Terminal) ReadObject(name, what, example string, into any) error {
	data, err := t.ReadInput(name, what, LimitSettings)
	if err != nil {
		return err
	}
	if place, message := jsondoc.Fault(data); message != "" {
		return Failed(fmt.Errorf("%s:%s: %s", DisplayName(name), place, message))
	}
	document := jsondoc.Document(data)
	if repeated, found := repeatedMember(document); found {
		line, column := jsonscan.Position(data, repeated.NameAt)
		return Failed(fmt.Errorf("%s:%d:%d: %s is given twice", DisplayName(name), line, column, repeated.Name))
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if decoder.Decode(into) != nil || document.Kind != jsonscan.Object {
		return Failed(errors.New(DisplayName(name) + " must hold " + example))
	}
	return nil
}

// repeatedMember finds the first member, at any depth, whose name an object has twice.
func repeatedMember(value jsondoc.Located) (jsondoc.Located, bool) {
	inner, isObject := value.Members()
	if !isObject {
		inner, _ = value.Elements()
	}
	for _, member := range inner {
		if member.Repeated {
			return member, true
		}
		if repeated, found := repeatedMember(member); found {
			return repeated, true
		}
	}
	return jsondoc.Located{}, false
}

package trackdrive

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Even what the templates refuse today is read on the safe side.
func TestParametersOfAPingAreReadInDoubtAsGiven(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]pingValues{
		"caller_id=1;trackdrive_number=1":     {true, true},
		"&&caller_id=%zz&trackdrive_number=1": {true, true},
		"caller_id&trackdrive_number":         {},
		"caller_id=%20&trackdrive_number=+":   {},
		"caller_id=%C2%A0&trackdrive_number":  {},
		"a=caller_id=1":                       {},
		"caller_id==":                         {caller: true},
		"":                                    {},
	} {
		var given pingValues
		given.readForm(text)
		require.Equal(t, want, given, text)
	}
	for text, want := range map[string]pingValues{
		"\ufeff{\"caller_id\":\"1\",\"trackdrive_number\":0}":     {true, true},
		`{"caller_id":"1","caller_id":"","trackdrive_number":[]}`: {caller: true},
		`{"caller_id":"","caller_id":"1"}`:                        {caller: true},
		`{"caller_id":"1","trackdrive_number":`:                   {true, true},
		`{'Caller_ID':1}`:                                         {caller: true},
		`{"caller_id":"\t\n\u00a0"}`:                              {},
		`{"caller_id":{"x":[null,{}]}}`:                           {},
		`{"caller_id":{"x":[null,false]}}`:                        {caller: true},
		`[{"trackdrive_number":1e3}]`:                             {number: true},
		`"caller_id"`:                                             {},
		``:                                                        {},
		`<html>`:                                                  {},
	} {
		var given pingValues
		given.readJSON([]byte(text))
		require.Equal(t, want, given, text)
	}
}

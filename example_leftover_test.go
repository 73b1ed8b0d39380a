package trackdrive_test

import (
	"fmt"

	"github.com/trackdrive-go/trackdrive"
)

// A program can drop optional fields that some platform did not fill in.
func ExampleLeftoverToken() {
	fields := trackdrive.Fields{"zip": "[tag:User:zip]", "state": "NV", "company": "[ACME]"}
	for name, value := range fields {
		if text, isText := value.(string); isText && trackdrive.LeftoverToken(text) {
			delete(fields, name)
		}
	}
	fmt.Println(fields)
	// Output: map[company:[ACME] state:NV]
}

// The names of this program's companies are written in brackets.
func ExampleWithLiteral() {
	_, err := trackdrive.NewClient("acme", trackdrive.WithLiteral("company"))
	fmt.Println(err)
	_, err = trackdrive.NewClient("acme", trackdrive.WithLiteral("caller_id"))
	fmt.Println(err)
	// Output:
	// <nil>
	// trackdrive: invalid argument: WithLiteral: caller_id cannot be literal: a token in its place would reach the market
}

package trackdrive_test

import (
	"fmt"
	"net/url"

	"github.com/trackdrive-go/trackdrive"
)

func ExampleRedactURL() {
	u, err := url.Parse("https://acme.trackdrive.com/api/v1/calls/4711?auth_token=made-up-token")
	if err != nil {
		panic(err)
	}
	fmt.Println(trackdrive.RedactURL(u))
	// Output:
	// https://acme.trackdrive.com/api/v1/calls/{id}?auth_token=REDACTED
}

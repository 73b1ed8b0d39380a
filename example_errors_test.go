package trackdrive_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/trackdrive-go/trackdrive"
)

func ExampleError_Error() {
	err := &trackdrive.Error{
		Operation: "post", Method: "POST", URL: "https://acme.trackdrive.com/api/v1/inbound_webhooks/post/{vanity_uri}",
		StatusCode: 422, Errors: []trackdrive.FieldError{{Field: "caller_id", Message: "is invalid"}}, Attempts: 1, Delivery: trackdrive.DeliveryAnswered,
	}
	fmt.Println(err)
	// Output:
	// trackdrive: post POST https://acme.trackdrive.com/api/v1/inbound_webhooks/post/{vanity_uri}: 422 bad request: caller_id: is invalid (1 attempt, answered)
}

func ExampleError_Is() {
	var err error = &trackdrive.Error{StatusCode: 429} // made by hand, in a test
	fmt.Println(errors.Is(err, trackdrive.ErrRateLimited))
	err = &trackdrive.Error{Err: trackdrive.ErrTimeout}
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output:
	// true
	// true
}

func ExampleError_Unwrap() {
	err := &trackdrive.Error{Err: trackdrive.ErrExpired}
	fmt.Println(errors.Unwrap(err))
	// Output:
	// trackdrive: ping id expired
}

func ExampleDeliveryOf() {
	client, err := trackdrive.NewClient("acme")
	if err != nil {
		panic(err)
	}
	_, err = client.Post(context.Background(), "sell", &trackdrive.PostRequest{})
	switch trackdrive.DeliveryOf(err) {
	case trackdrive.DeliveryNotSent:
		fmt.Println("try again, or sell elsewhere:", err)
	case trackdrive.DeliveryUnknown:
		fmt.Println("it may be sold: settle that first")
	}
	// Output:
	// try again, or sell elsewhere: trackdrive: post: invalid argument: ping_id: is empty; for a post without a ping, set PostOnly
}

func ExampleFieldError_Error() {
	fmt.Println(trackdrive.FieldError{Field: "caller_id", Message: "is invalid"})
	fmt.Println(trackdrive.FieldError{Message: "Duplicate lead"})
	// Output:
	// caller_id: is invalid
	// Duplicate lead
}

func ExampleParseError_Error() {
	_, err := trackdrive.ParseCriteria([]byte(`{"criteria":[{"field":"","condition":"Bigger"}]}`))
	fmt.Println(err)
	// Output:
	// trackdrive: invalid argument: criteria[0].condition: is unknown; criteria[0].field: empty path at position 1
}

func ExampleParseError_Is() {
	_, err := trackdrive.ParseTemplate(trackdrive.FormatJSON, `{"a": [b`)
	fmt.Println(errors.Is(err, trackdrive.ErrInvalidArgument))
	// Output:
	// true
}

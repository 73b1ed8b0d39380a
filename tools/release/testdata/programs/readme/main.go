// Program readme is the first program of the README, on a fake TrackDrive.
//
// needs: .
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func main() {
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "check_for_available_buyers", Buyers: []trackdrivetest.Buyer{{ID: "101", Name: "Buyer A", Bid: "25.50"}}})
	if err := sell(context.Background(), trackdrive.WithTransport(fake.Transport())); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if len(fake.Sales()) != 1 {
		fmt.Fprintln(os.Stderr, errors.New("nothing was sold"))
		os.Exit(1)
	}
}

func sell(ctx context.Context, opts ...trackdrive.Option) error {
	client, err := trackdrive.NewClient("acme", opts...)
	if err != nil {
		return err
	}
	ping, err := client.Ping(ctx, "check_for_available_buyers", &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		return err
	}
	if best, ok := ping.Best(); ok && ping.Accepted {
		post, err := client.Post(ctx, "check_for_available_buyers", ping.PostTo(best))
		if err != nil {
			return err // trackdrive.DeliveryOf(err): not sent, answered, or unknown
		}
		number, ok := post.Number()
		fmt.Println(number, ok)
	}
	return nil
}

package sales_test

import (
	"context"
	"fmt"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// settleUnknown asks TrackDrive about every lead that may be sold. Those for which it
// is too late to find a call go to ask: somebody has to ask the buyer. Call it every
// few minutes.
func settleUnknown(ctx context.Context, desk *sales.Desk, ask func(sales.Sale, error)) error {
	var page sales.Query
	for {
		unknown, err := desk.Unsettled(ctx, page)
		if err != nil {
			return err
		}
		for _, known := range unknown {
			sale, err := desk.Settle(ctx, known.LeadID)
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil:
				ask(known, err) // nobody could be asked, or not now
			case sale.State == sales.Unknown && isTooLate(sale):
				ask(*sale, nil)
			}
		}
		if len(unknown) < page.PageSize() {
			return nil
		}
		page.After = unknown[len(unknown)-1].LeadID
	}
}

// isTooLate reports whether Settle can no longer find a call: it looks for those that
// began within an hour.
func isTooLate(sale *sales.Sale) bool {
	last := sale.Tries[len(sale.Tries)-1]
	return sale.AskedAt.Sub(last.At) > 70*time.Minute
}

// A job that settles leads, as a program calls it every few minutes.
func ExampleDesk_Unsettled_job() {
	fake := trackdrivetest.New() // in place of TrackDrive
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{ID: "101", Name: "Buyer A", Bid: "25.50"}}})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")))
	if err != nil {
		panic(err)
	}
	desk, err := sales.New(sales.Config{
		Store:   salestest.NewMemory(),
		Clients: func(string) *trackdrive.Client { return client },
	})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	fake.Fail(trackdrivetest.OpPost, trackdrivetest.AfterActing(trackdrivetest.Drop()), 2) // sold, and the answer is lost
	for id, caller := range map[string]string{"lead-4711": "+15555550142", "lead-4712": "+15555550177"} {
		_, _ = desk.Post(ctx, id, client, "sell", &trackdrive.PostRequest{PostOnly: true, CallerID: caller})
	}

	before, _ := desk.Counts(ctx)
	err = settleUnknown(ctx, desk, func(sale sales.Sale, err error) { fmt.Println("ask the buyer about", sale.LeadID, err) })
	after, _ := desk.Counts(ctx)
	fmt.Println(before.Unknown, "unknown, then", after.Unknown, "unknown and", after.Sold, "sold", err)
	// Output: 2 unknown, then 0 unknown and 2 sold <nil>
}

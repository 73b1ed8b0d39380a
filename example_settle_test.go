package trackdrive_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// If the answer to a post was lost, look the call up.
func ExampleClient_FindSale() {
	fake := market()
	defer fake.Close()
	fake.Fail(trackdrivetest.OpPost, trackdrivetest.AfterActing(trackdrivetest.Drop()), 1)
	client := clientFor(fake, trackdrive.WithAuth(trackdrive.DeveloperToken("dev-made-up")))
	ctx := context.Background()
	ping, err := client.Ping(ctx, "sell", &trackdrive.PingRequest{CallerID: "+15555550177"})
	if err != nil {
		panic(err)
	}
	best, _ := ping.Best()

	began := time.Now()
	_, err = client.Post(ctx, "sell", ping.PostTo(best))
	if trackdrive.DeliveryOf(err) != trackdrive.DeliveryUnknown {
		return // sold, or certainly not
	}
	calls, err := client.FindSale(ctx, &trackdrive.SaleQuery{Caller: "(555) 555-0177", BuyerID: best.ID, After: began})
	if err != nil {
		panic(err) // still unknown
	}
	fmt.Println(len(calls), calls[0].Buyer, calls[0].CallerNumber)
	// Output:
	// 1 Buyer A +15555550177
}

// Two answers are lost: the first post did not sell, the second did.
func ExampleAuctionResult_Settle() {
	fake, result := finished()
	defer fake.Close()
	post := func(source string) trackdrivetest.Matcher {
		return trackdrivetest.Where(func(r trackdrivetest.Request) bool {
			return r.Operation == trackdrivetest.OpPost && r.Target == source
		})
	}
	fake.Fail(post("medicare"), trackdrivetest.BadGateway(), 1)
	fake.Fail(post("health"), trackdrivetest.AfterActing(trackdrivetest.Drop()), 1)
	client := clientFor(fake, trackdrive.WithAuth(trackdrive.DeveloperToken("dev-made-up")))
	clients := map[string]*trackdrive.Client{"medicare": client, "health": client} // by source

	sale, err := sellAndSettle(context.Background(), result, clients, "+15555550142")
	fmt.Println(err)
	fmt.Println(sale.Sold, sale.Bid, sale.Response == nil)
	for _, try := range sale.Tries {
		fmt.Println(try.Bid.Source, try.Outcome)
	}
	// Output:
	// medicare: Buyer A 25.50: 0 calls
	// health: Buyer B 20.00: 1 call
	// <nil>
	// true health: Buyer B 20.00 true
	// medicare unknown
	// health unknown
}

// isSold stands for somebody who looks at the calls, and asks the buyer.
func isSold(bid trackdrive.Bid, calls []trackdrive.Call) (bool, error) {
	switch len(calls) {
	case 0: // the buyer, who was asked, has not bought it
		fmt.Println(bid.String() + ": 0 calls")
		return false, nil
	case 1:
		fmt.Println(bid.String() + ": 1 call")
		return true, nil
	default:
		return false, errors.New("ambiguous")
	}
}

func sellAndSettle(ctx context.Context, result *trackdrive.AuctionResult, clients map[string]*trackdrive.Client, caller string) (*trackdrive.Sale, error) {
	sale, err := result.Sell(ctx)
	for trackdrive.DeliveryOf(err) == trackdrive.DeliveryUnknown {
		tried := len(sale.Tries)
		if tried == 0 || sale.Tries[tried-1].Outcome != trackdrive.TryUnknown {
			return sale, err // a ping may have sold, not a post
		}
		doubt := sale.Tries[tried-1]
		calls, err2 := clients[doubt.Bid.Source].FindSale(ctx, &trackdrive.SaleQuery{Caller: caller, BuyerID: doubt.Bid.Buyer.ID, After: doubt.At})
		if err2 != nil {
			return sale, err2 // still in doubt
		}
		sold, err2 := isSold(doubt.Bid, calls) // somebody decides, who may ask the buyer
		if err2 != nil {
			return sale, err2
		}
		if err2 = result.Settle(sold); err2 != nil {
			return sale, err2
		}
		sale, err = result.Sell(ctx) // the sale, or the next bid
	}
	return sale, err
}

// TestTheCodeThatSettlesCompiles looks for each line of the document's code above.
func TestTheCodeThatSettlesCompiles(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("docs/delivery.md")
	require.NoError(t, err)
	source, err := os.ReadFile("example_settle_test.go")
	require.NoError(t, err)
	_, code, isThere := strings.Cut(string(document), "An auction whose doubts are settled:\n\n```go\n")
	require.True(t, isThere)
	code, _, isThere = strings.Cut(code, "```")
	require.True(t, isThere)
	compiled := make(map[string]bool)
	for line := range strings.Lines(string(source)) {
		compiled[strings.TrimSpace(line)] = true
	}
	lines := 0
	for line := range strings.Lines(code) {
		lines++
		require.True(t, compiled[strings.TrimSpace(line)], "not compiled: %s", line)
	}
	require.Greater(t, lines, 10)
}

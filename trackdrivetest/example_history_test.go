package trackdrivetest_test

import (
	"context"
	"fmt"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// sellThree sells three calls on a fake that remembers two.
func sellThree() *trackdrivetest.Fake {
	fake := trackdrivetest.New(trackdrivetest.WithLimits(trackdrivetest.Limits{Requests: 2, Sales: 2}))
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "25.50"}}})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
	if err != nil {
		panic(err)
	}
	for _, caller := range []string{"+15555550141", "+15555550142", "+15555550143"} {
		if _, err := client.Post(context.Background(), "sell", &trackdrive.PostRequest{PostOnly: true, CallerID: caller}); err != nil {
			panic(err)
		}
	}
	return fake
}

func ExampleWithLimits() {
	fake := sellThree()
	totals := fake.Totals()
	fmt.Println(totals.Sales, "sold for", totals.Revenue, "in all;", len(fake.Sales()), "remembered")
	// Output: 3 sold for 76.50 in all; 2 remembered
}

func ExampleFake_Totals() {
	totals := sellThree().Totals()
	fmt.Println(totals.Requests, "requests,", totals.Sales, "sales,", totals.Revenue)
	// Output: 3 requests, 3 sales, 76.50
}

func ExampleFake_SalesAfter() {
	fake := sellThree()
	sales, total := fake.SalesAfter(1)
	fmt.Println(len(sales), "more, to", sales[0].CallerID, "and", sales[1].CallerID)
	sales, _ = fake.SalesAfter(total)
	fmt.Println(len(sales), "more")
	// Output:
	// 2 more, to +15555550142 and +15555550143
	// 0 more
}

func ExampleFake_RequestsAfter() {
	requests, total := sellThree().RequestsAfter(2)
	fmt.Println(len(requests), "of", total, requests[0].Params.Text("caller_id"))
	// Output: 1 of 3 +15555550143
}

func ExampleCompany_Calls() {
	for _, call := range sellThree().Calls() {
		fmt.Println(call.ID, call.CallerNumber, call.BuyerName)
	}
	// Output:
	// 900001 +15555550141 Buyer A
	// 900002 +15555550142 Buyer A
	// 900003 +15555550143 Buyer A
}

func ExampleCompany_Endpoint() {
	e, found := sellThree().Endpoint("sell")
	fmt.Println(found, e.Buyers[0].ID, e.Buyers[0].Bid)
	// Output: true 101 25.50
}

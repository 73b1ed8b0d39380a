package trackdrive_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/insight"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/receive"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// TestTheREADMEsCodeCompiles looks for each line of the README's Go code in the
// functions below, which do compile.
func TestTheREADMEsCodeCompiles(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	source, err := os.ReadFile("readme_test.go")
	require.NoError(t, err)
	compiled := make(map[string]bool)
	for line := range strings.Lines(string(source)) {
		compiled[strings.TrimSpace(line)] = true
	}
	inCode, checked := false, 0
	for line := range strings.Lines(string(readme)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "```"):
			inCode = line == "```go"
		case inCode && line != "":
			require.True(t, compiled[line], "not compiled: %s", line)
			checked++
		}
	}
	require.Greater(t, checked, 50)
}

// TestTheRehearsalRunsTheFirstProgram looks for the README's first program in the one
// that a rehearsal of a release builds and runs.
func TestTheRehearsalRunsTheFirstProgram(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	program, err := os.ReadFile("tools/release/testdata/programs/readme/main.go")
	require.NoError(t, err)
	_, rest, found := strings.Cut(unindented(blocksOf(string(readme), "go")[0]), "client, err := trackdrive.NewClient(\"acme\")\n")
	require.True(t, found)
	require.Contains(t, unindented(string(program)), rest)
}

var (
	_ = []any{readmeStart, readmeConversion, readmeTemplate, readmeWebhook, readmeChoose, readmeAll, readmeStatic, readmeAuction, readmeSales, readmeOutbox, readmeReceive, readmeCompanies, readmeWatch, readmeTest}

	ctx              = context.Background()
	acme, globex     *trackdrive.Client
	endpoint, caller = "sell", "+15555550142"
	store            outbox.Store
	number           = "+15555550120"
	callUUID         = "4f6ab8c2"
	public, private  = "tdpub-made-up", "tdprv-made-up"
	encoded          = "bWFkZTp1cA=="
	r                *http.Request
)

func readmeReceive(mux *http.ServeMux, secret string, isKnown func(string) bool, keep func(context.Context, receive.Forwarded) error,
	decide func(context.Context, *trackdrive.PingRequest) (receive.Answer, error),
) {
	mux.Handle("/forward/", receive.Forward(keep, receive.Secret(secret), receive.Companies(isKnown)))
	mux.Handle("/bids/", receive.Bids(decide, nil, receive.Secret(secret)))
}

func readmeStart() error {
	client, err := trackdrive.NewClient("acme")
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

func readmeConversion() error {
	client, err := trackdrive.NewClient("acme", trackdrive.WithAuth(trackdrive.BasicAuth(public, private)))
	if err != nil {
		return err
	}
	_, err = client.UpdateCall(ctx, callUUID, &trackdrive.UpdateCall{
		BuyerConverted: new(true),
		Revenue:        trackdrive.MustAmount("25.50"),
	})
	return err
}

func readmeTemplate() (string, error) {
	body, err := trackdrive.ParseTemplate(trackdrive.FormatJSON, `{"caller_id": "[[tag:CallerId]]", "zip": "[zip]{90210}"}`)
	if err != nil {
		return "", err
	}
	text, err := body.Expand(trackdrive.Values{"tag:CallerId": "+15555550142"})
	return text, err
}

func readmeWebhook(client *trackdrive.Client) (string, error) {
	webhook, err := trackdrive.ParseWebhook([]byte(`{
		"url": "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/health",
		"body": "{\"caller_id\": \"[[tag:CallerId]]\"}",
		"acceptance": {"criteria": [
			{"field": "buyers.0.offer_conversion_payout", "condition": "Greater Than", "value": "20.00"}
		]}
	}`)) // every mistake, with its line and column
	if err != nil {
		return "", err
	}
	result, err := client.RunWebhook(ctx, webhook, trackdrive.Values{"tag:CallerId": "+15555550142"})
	if err != nil {
		return "", err
	}
	fmt.Println(result.Accepted, result.Decision) // rejected: buyers.0.offer_conversion_payout greater than 20.00: got 15.00
	return result.Decision.String(), nil
}

func TestTheREADMEsTemplateAndWebhookWork(t *testing.T) {
	t.Parallel()
	text, err := readmeTemplate()
	require.NoError(t, err)
	require.Equal(t, `{"caller_id": "+15555550142", "zip": "90210"}`, text)

	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "health", Shape: trackdrivetest.ShapeCallGrid, Buyers: []trackdrivetest.Buyer{{ID: "1", Name: "Buyer A", Bid: "15.00"}}})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
	require.NoError(t, err)
	decision, err := readmeWebhook(client)
	require.NoError(t, err)
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	require.Contains(t, string(readme), "// "+decision+"\n", "as the README shows it")
}

func readmeChoose(ping *trackdrive.PingResponse) (trackdrive.Buyer, bool) {
	enough := trackdrive.MustCriteria(trackdrive.Field("offer_conversion_payout").AtLeast("20.00")) // panics on mistakes
	best, ok := ping.Best(enough.AcceptsBuyer, func(b trackdrive.Buyer) bool { return b.PingID != "" })
	return best, ok
}

func readmeAll(client *trackdrive.Client, ping *trackdrive.PingResponse) (*trackdrive.PostResponse, error) {
	post, err := client.Post(ctx, endpoint, ping.PostToAll())
	if err != nil {
		return post, err
	}
	post, err = client.Post(ctx, endpoint, &trackdrive.PostRequest{PostOnly: true, CallerID: caller})
	return post, err
}

func readmeAuction() error {
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{
		Sources: []trackdrive.AuctionSource{
			{Name: "acme", Client: acme, Endpoint: "check_for_available_buyers", MinPayout: trackdrive.MustAmount("15")},
			{Name: "globex", Client: globex, Endpoint: "health", Weight: trackdrive.MustAmount("0.85"), Timeout: time.Second},
		},
		Timeout: 3 * time.Second,        // for all pings together
		Grace:   300 * time.Millisecond, // after the first acceptable bid
	})
	if err != nil {
		return err
	}
	result, err := auction.Run(ctx, &trackdrive.PingRequest{CallerID: caller})
	if err != nil {
		return err
	}
	sale, err := result.Sell(ctx) // the next bid only where the lead is certainly unsold
	if err != nil {
		return err
	}
	number, ok := sale.Number()
	log.Println(sale, result.Losses)
	fmt.Println(number, ok)
	return nil
}

func readmeSales(file sales.Store, clients func(string) *trackdrive.Client, auction *trackdrive.Auction) (*sales.Sale, error) {
	desk, err := sales.New(sales.Config{Store: file, Clients: clients}) // file, err := boltsales.Open("sales.db", nil)
	if err != nil {
		return nil, err
	}
	sale, err := desk.Auction(ctx, "lead-4711", auction, &trackdrive.PingRequest{CallerID: caller})
	if errors.Is(err, sales.ErrUnknown) {
		sale, err = desk.Settle(ctx, "lead-4711") // it may be sold: asks TrackDrive for its call
	}
	number, ok := sale.Number()
	fmt.Println(number, ok)
	return sale, err
}

func TestTheREADMEsSaleWorks(t *testing.T) {
	t.Parallel()
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{ID: "1", Name: "Buyer A", Bid: "15.00"}}})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")))
	require.NoError(t, err)
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "acme", Client: client, Endpoint: endpoint}}})
	require.NoError(t, err)
	fake.Fail(trackdrivetest.OpPost, trackdrivetest.AfterActing(trackdrivetest.Drop()), 1)
	sale, err := readmeSales(salestest.NewMemory(), func(string) *trackdrive.Client { return client }, auction)
	require.NoError(t, err)
	require.Equal(t, sales.Sold, sale.State, "by its call")
	fake.AssertSales(t, 1)
}

func readmeOutbox(client *trackdrive.Client, ref trackdrive.CallRef) error {
	worker, err := outbox.New(outbox.Config{Store: store, Client: client}) // store, err := boltstore.Open("conversions.db", nil)
	if err != nil {
		return err
	}
	ran := make(chan error, 1)
	go func() { ran <- worker.Run(ctx) }() // to stop: end ctx, wait for ran, then close the store
	item, err := outbox.NewUpdate("sale-4711", ref, &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("25.50")})
	if err != nil {
		return err
	}
	_, added, err := worker.Enqueue(ctx, item) // on the disk when it returns; the same id is stored once
	fmt.Println(added)
	return err
}

func readmeStatic(client *trackdrive.Client) (*trackdrive.PingResponse, error) {
	ping, err := client.Ping(ctx, endpoint, &trackdrive.PingRequest{CallerID: caller, TrackdriveNumber: number},
		trackdrive.WithTracking(trackdrive.TrackingStatic))
	return ping, err
}

func readmeCompanies() error {
	client, err := trackdrive.NewClient("acme", trackdrive.WithAuth(trackdrive.PerSubdomain(map[string]trackdrive.Authenticator{
		"acme":  trackdrive.BasicAuth(public, private),
		"other": trackdrive.BasicToken(encoded),
	})))
	if err != nil {
		return err
	}
	ref, err := trackdrive.ParseCallRef(r) // TrackDrive's forward post
	if err != nil {
		return err
	}
	_, err = client.UpdateCallAt(ctx, ref, &trackdrive.UpdateCall{BuyerConverted: new(true), Revenue: trackdrive.MustAmount("25.50")})
	return err
}

func readmeWatch() error {
	numbers := insight.New()
	client, err := trackdrive.NewClient("acme",
		trackdrive.WithLogger(slog.Default()),
		trackdrive.WithCallObserver(numbers.ObserveCall))
	fmt.Println(numbers.Report())
	_ = client
	return err
}

func readmeTest(t *testing.T, client *trackdrive.Client) {
	httpmock.ActivateNonDefault(client.HTTPClient())

	srv := trackdrivetest.NewServer(t)
	srv.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{ID: "1", Name: "Buyer A", Bid: "25.50"}}})
	client, err := trackdrive.NewClient("acme", trackdrive.WithBaseURL(srv.URL))
	// … run the code under test …
	srv.AssertSales(t, 1)
	fmt.Println(client, err)
}

package tdotel_test

import (
	"context"
	"fmt"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/trackdrive-go/trackdrive"
	tdotel "github.com/trackdrive-go/trackdrive/otel"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// printMetrics prints the values of the metrics named.
func printMetrics(reader *sdkmetric.ManualReader, names ...string) {
	var all metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &all); err != nil {
		fmt.Println(err)
		return
	}
	var lines []string
	add := func(name string, with attribute.Set, value any) {
		lines = append(lines, fmt.Sprintln(name, with.Encoded(attribute.DefaultEncoder()), value))
	}
	for _, m := range all.ScopeMetrics[0].Metrics {
		if !slices.Contains(names, m.Name) {
			continue
		}
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			for _, p := range data.DataPoints {
				add(m.Name, p.Attributes, p.Value)
			}
		case metricdata.Sum[float64]:
			for _, p := range data.DataPoints {
				add(m.Name, p.Attributes, p.Value)
			}
		case metricdata.Histogram[float64]:
			for _, p := range data.DataPoints {
				add(m.Name, p.Attributes, p.Sum)
			}
		}
	}
	slices.Sort(lines)
	for _, line := range lines {
		fmt.Print(line)
	}
}

// market is a fake with one endpoint.
func market() *trackdrivetest.Fake {
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "25.50"}}})
	return fake
}

func Example() {
	spans, reader := tracetest.NewInMemoryExporter(), sdkmetric.NewManualReader() // a program has exporters
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	fake := market()
	fake.Fail(trackdrivetest.OpPing, trackdrivetest.TooManyRequests(0), 1)

	telemetry, err := tdotel.New(tdotel.WithTracerProvider(tracers), tdotel.WithMeterProvider(meters))
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := trackdrive.NewClient("acme", append(telemetry.Options(), trackdrive.WithTransport(fake.Transport()))...)
	if err != nil {
		fmt.Println(err)
		return
	}
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{
		Sources: []trackdrive.AuctionSource{{Name: "acme", Client: client, Endpoint: "sell"}},
		Observe: telemetry.ObserveAuction,
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	ctx, span := tracers.Tracer("dialer").Start(context.Background(), "sell")
	result, err := auction.Run(ctx, &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := result.Sell(ctx); err != nil {
		fmt.Println(err)
	}
	span.End()

	for _, s := range spans.GetSpans() {
		fmt.Println(s.SpanKind, s.Name)
	}
	printMetrics(reader, "trackdrive.auction.posts", "trackdrive.sold", "trackdrive.revenue")
	// Output:
	// client POST /api/v1/inbound_webhooks/ping/{vanity_uri}
	// client POST /api/v1/inbound_webhooks/ping/{vanity_uri}
	// internal trackdrive ping
	// internal trackdrive auction
	// client POST /api/v1/inbound_webhooks/post/{vanity_uri}
	// internal trackdrive post
	// internal sell
	// trackdrive.auction.posts trackdrive.outcome=sold,trackdrive.source=acme 1
	// trackdrive.revenue trackdrive.buyer=Buyer A,trackdrive.source=acme 25.5
	// trackdrive.sold trackdrive.buyer=Buyer A,trackdrive.source=acme 1
}

func ExampleNew() {
	telemetry, err := tdotel.New() // with OpenTelemetry's global providers
	fmt.Println(len(telemetry.Options()), err)
	// Output: 2 <nil>
}

func ExampleWithMeterProvider() {
	telemetry, err := tdotel.New(tdotel.WithMeterProvider(metricnoop.NewMeterProvider())) // spans only
	fmt.Println(telemetry != nil, err)
	// Output: true <nil>
}

func ExampleWithTracerProvider() {
	telemetry, err := tdotel.New(tdotel.WithTracerProvider(tracenoop.NewTracerProvider())) // metrics only
	fmt.Println(telemetry != nil, err)
	// Output: true <nil>
}

func ExampleWithLabelLimit() {
	reader := sdkmetric.NewManualReader()
	telemetry, err := tdotel.New(tdotel.WithLabelLimit(2), tdotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, endpoint := range []string{"cars", "homes", "boats", "planes", "cars"} {
		telemetry.ObserveCall(context.Background(), trackdrive.CallReport{Operation: "ping", Endpoint: endpoint, Outcome: trackdrive.OutcomeAccepted})
	}
	printMetrics(reader, "trackdrive.calls")
	// Output:
	// trackdrive.calls trackdrive.endpoint=cars,trackdrive.operation=ping,trackdrive.outcome=accepted 2
	// trackdrive.calls trackdrive.endpoint=homes,trackdrive.operation=ping,trackdrive.outcome=accepted 1
	// trackdrive.calls trackdrive.endpoint=other,trackdrive.operation=ping,trackdrive.outcome=accepted 2
}

func ExampleTelemetry_Options() {
	telemetry, err := tdotel.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	options := append(telemetry.Options(), trackdrive.WithAuth(trackdrive.AuthToken("token-1")))
	client, err := trackdrive.NewClient("acme", options...)
	fmt.Println(client.Subdomain(), err)
	// Output: acme <nil>
}

func ExampleTelemetry_ObserveAttempt() {
	telemetry, err := tdotel.New(tdotel.WithTracerProvider(tracenoop.NewTracerProvider()))
	if err != nil {
		fmt.Println(err)
		return
	}
	// Metrics of attempts only.
	client, err := trackdrive.NewClient("acme", trackdrive.WithObserver(telemetry.ObserveAttempt))
	fmt.Println(client.Subdomain(), err)
	// Output: acme <nil>
}

func ExampleTelemetry_ObserveCall() {
	reader := sdkmetric.NewManualReader()
	telemetry, err := tdotel.New(tdotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))
	if err != nil {
		fmt.Println(err)
		return
	}
	fake := market()
	client, err := trackdrive.NewClient("acme", trackdrive.WithCallObserver(telemetry.ObserveCall), trackdrive.WithTransport(fake.Transport()))
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := client.Ping(context.Background(), "sell", &trackdrive.PingRequest{CallerID: "+15555550142"}); err != nil {
		fmt.Println(err)
	}
	printMetrics(reader, "trackdrive.calls", "trackdrive.call.payout")
	// Output:
	// trackdrive.call.payout trackdrive.endpoint=sell,trackdrive.operation=ping,trackdrive.subdomain=acme 25.5
	// trackdrive.calls trackdrive.endpoint=sell,trackdrive.operation=ping,trackdrive.outcome=accepted,trackdrive.subdomain=acme 1
}

func ExampleTelemetry_ObserveAuction() {
	reader := sdkmetric.NewManualReader()
	telemetry, err := tdotel.New(tdotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(market().Transport()))
	if err != nil {
		fmt.Println(err)
		return
	}
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{
		Sources: []trackdrive.AuctionSource{
			{Name: "choosy", Client: client, Endpoint: "sell", MinPayout: trackdrive.MustAmount("30")},
			{Name: "usual", Client: client, Endpoint: "sell"},
		},
		Observe: telemetry.ObserveAuction,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := auction.Run(context.Background(), &trackdrive.PingRequest{CallerID: "+15555550142"}); err != nil {
		fmt.Println(err)
	}
	printMetrics(reader, "trackdrive.auction.bids", "trackdrive.auction.losses")
	// Output:
	// trackdrive.auction.bids trackdrive.source=usual 1
	// trackdrive.auction.losses trackdrive.reason=below_minimum,trackdrive.source=choosy 1
}

func ExampleTelemetry_AddCorrection() {
	reader := sdkmetric.NewManualReader()
	telemetry, err := tdotel.New(tdotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	telemetry.AddCorrection(ctx, trackdrive.MustAmount("25.50")) // the lead was sold after all
	telemetry.AddCorrection(ctx, trackdrive.MustAmount("-4.50")) // a buyer returned a call
	printMetrics(reader, "trackdrive.revenue.corrections")
	// Output:
	// trackdrive.revenue.corrections trackdrive.kind=found 25.5
	// trackdrive.revenue.corrections trackdrive.kind=taken_back 4.5
}

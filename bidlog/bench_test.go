package bidlog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/bidlog"
)

// typicalReply is a reply with three buyers, in the shape that TrackDrive sends.
func typicalReply(i int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `{"success":true,"status":"success","try_all_buyers_ping_id":"all-%d","forwarding_number":"+15555550143","ping_ids_expiry_in_seconds":60,"buyers":[`, i)
	for j := range 3 {
		if j > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"buyer_id":%d,"name":"Buyer %c","ping_id":"%08x-8a1e-4a53-9d0e-00155d55a0b2","offer_id":10017,"offer_conversion_payout":"%d.50","current_conversion_duration":90,"tier":"1","destination_number":"+15555550143","concurrency_cap_limit":10,"concurrency_cap_available":%d}`, 101+j, 101+j, 'A'+j, i, 10+(i+j)%30, i%10)
	}
	return []byte(b.String() + `]}`)
}

// loggedPings returns a log of so many auctions of one ping.
func loggedPings(tb testing.TB, pings int) []byte {
	tb.Helper()
	var b bytes.Buffer
	log, err := bidlog.New(&b, bidlog.Config{MaxQueued: 1 << 30})
	if err != nil {
		tb.Fatal(err)
	}
	for i := range pings {
		reply, err := trackdrive.ParsePingResponse(typicalReply(i))
		if err != nil {
			tb.Fatal(err)
		}
		log.Ping("acme", reply, trackdrive.VerdictAccepted)
	}
	if err := log.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// BenchmarkReplay replays 100,000 pings, which is to take less than a second for each
// set of rules. The peer reads the same log with encoding/json, and does nothing else.
func BenchmarkReplay(b *testing.B) {
	const pings = 100_000
	log := loggedPings(b, pings)
	criteria := trackdrive.All(trackdrive.Field("success").IsTrue(), trackdrive.Field("buyers.*.offer_conversion_payout").AtLeast("20.00"), trackdrive.Field("buyers.#").GreaterThan(1))
	hidden := trackdrive.Field("buyers.*.name").Equals("Buyer B")
	measure := func(name string, f func() error) {
		b.Run(name, func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			b.SetBytes(int64(len(log)))
			b.ReportAllocs()
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/pings, "ns/ping")
		})
	}
	measure("criteria", func() error {
		_, err := bidlog.Replay(bytes.NewReader(log), criteria)
		return err
	})
	measure("weights", func() error {
		_, err := bidlog.ReplayAll(bytes.NewReader(log), bidlog.Rules{Default: bidlog.SourceRules{Criteria: criteria, Weight: trackdrive.MustAmount("0.85"), Margin: trackdrive.MustAmount("1")}})
		return err
	})
	measure("five", func() error {
		rules := bidlog.Rules{Default: bidlog.SourceRules{Criteria: criteria}}
		_, err := bidlog.ReplayAll(bytes.NewReader(log), rules, rules, rules, rules, rules)
		return err
	})
	measure("hidden", func() error {
		_, err := bidlog.Replay(bytes.NewReader(log), trackdrive.All(hidden))
		return err
	})
	measure("peer", func() error {
		for line := range bytes.Lines(log) {
			var into struct {
				Kind, Source, Verdict string
				Buyers                []struct{ ID, Payout string }
				Reply                 map[string]any
			}
			if err := json.Unmarshal(line, &into); err != nil {
				return err
			}
		}
		return nil
	})
}

// BenchmarkObserveAuction measures what the log of a reply costs the auction.
func BenchmarkObserveAuction(b *testing.B) {
	reply, err := trackdrive.ParsePingResponse(typicalReply(7))
	if err != nil {
		b.Fatal(err)
	}
	reply.Request = &trackdrive.PingRequest{CallerID: "+15555550142"}
	bids := make([]trackdrive.Bid, len(reply.Buyers))
	for i, buyer := range reply.Buyers {
		bids[i] = trackdrive.Bid{Source: "acme", Buyer: buyer, Payout: buyer.Payout, Ping: reply}
	}
	events := map[string]trackdrive.AuctionEvent{
		"reply": {Kind: trackdrive.EventBids, Source: "acme", After: time.Second, Bids: bids},
		"end":   {Kind: trackdrive.EventEnd, After: time.Second, End: trackdrive.EndAllAnswered, Bids: bids},
		"ping":  {Kind: trackdrive.EventPing, Source: "acme"},
		"sale":  {Kind: trackdrive.EventSale, Source: "acme", Try: &trackdrive.SaleTry{Bid: bids[0], Outcome: trackdrive.TrySold}},
	}
	ctx := context.Background()
	for _, name := range []string{"reply", "end", "sale", "ping"} {
		e := events[name]
		b.Run(name, func(b *testing.B) {
			log, err := bidlog.New(io.Discard, bidlog.Config{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				log.ObserveAuction(ctx, e)
			}
			b.StopTimer()
			if err := log.Close(); err != nil {
				b.Fatal(err)
			}
		})
		b.Run(name+"/absent", func(b *testing.B) {
			var log *bidlog.Log
			b.ReportAllocs()
			for b.Loop() {
				log.ObserveAuction(ctx, e)
			}
		})
	}
}

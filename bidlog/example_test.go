package bidlog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/bidlog"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// fakeSources returns two sources with a buyer each. Globex's criteria do not accept it.
func fakeSources() []trackdrive.AuctionSource {
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{ID: "101", Name: "Buyer A", Bid: "25.50"}}})
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "more", Buyers: []trackdrivetest.Buyer{{ID: "201", Name: "Buyer B", Bid: "28.00"}}})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
	if err != nil {
		panic(err)
	}
	return []trackdrive.AuctionSource{
		{Name: "acme", Client: client, Endpoint: "sell"},
		{Name: "globex", Client: client, Endpoint: "more", Criteria: trackdrive.MustCriteria(trackdrive.Field("buyers.0.bid_price").AtLeast("30.00"))},
	}
}

// sellOnce runs an auction with the sources, and sells.
func sellOnce(log *bidlog.Log) {
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: fakeSources(), Observe: log.ObserveAuction})
	if err != nil {
		panic(err)
	}
	result, err := auction.Run(context.Background(), &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	if _, err := result.Sell(context.Background()); err != nil {
		panic(err)
	}
}

// exampleLog returns the log of an auction.
func exampleLog() io.Reader {
	var b bytes.Buffer
	log, err := bidlog.New(&b, bidlog.Config{})
	if err != nil {
		panic(err)
	}
	sellOnce(log)
	if err := log.Close(); err != nil {
		panic(err)
	}
	return &b
}

func Example() {
	dir, err := os.MkdirTemp("", "bidlog")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := logAndReplay(filepath.Join(dir, "bids.jsonl"), fakeSources(), &trackdrive.PingRequest{CallerID: "+15555550142"}); err != nil {
		panic(err)
	}
	// Output:
	// replies     2      no buyer 0, left out 0, judged 2
	// accepted    2      then 1; both 1, only then 0, only now 1, neither 0, undetermined 0
	// bids        2      then 1
	// with a bid  1      then 1, of 1 auctions
	// best bids   28.00  then 25.50
	// sold        1      for 25.50, unknown 0
	//
	// source  replies  then  now  undetermined  bids  best  value  sold  revenue
	// acme    1        1     1    0             1     0     0.00   1     25.50
	// globex  1        0     1    0             1     1     28.00  0     0.00
	//
	// buyer       replies  then  now  undetermined  bids  best  value  sold  revenue
	// acme/101    0        0     0    0             1     0     0.00   1     25.50
	// globex/201  0        0     0    0             1     1     28.00  0     0.00
}

func logAndReplay(path string, sources []trackdrive.AuctionSource, lead *trackdrive.PingRequest) error {
	log, err := bidlog.Open(path, bidlog.Config{})
	if err != nil {
		return err
	}
	defer log.Close()
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: sources, Observe: log.ObserveAuction})
	if err != nil {
		return err
	}
	result, err := auction.Run(context.Background(), lead)
	if err != nil {
		return err
	}
	if _, err := result.Sell(context.Background()); err != nil {
		return err
	}
	if err := log.Close(); err != nil { // or, while it is being written, log.Flush
		return err
	}

	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lower := trackdrive.MustCriteria(trackdrive.Field("buyers.0.bid_price").AtLeast("20.00"))
	replay, err := bidlog.Replay(file, lower)
	if err != nil {
		return err
	}
	fmt.Print(replay)
	return nil
}

func ExampleReplay() {
	file := exampleLog()
	lower := trackdrive.MustCriteria(trackdrive.Field("buyers.0.bid_price").AtLeast("20.00"))
	result, err := bidlog.Replay(file, lower)
	if err != nil {
		panic(err)
	}
	fmt.Println("accepted only now:", result.Verdicts.OnlyNow)
	fmt.Println("best bids:", result.Now.Value, "instead of", result.Then.Value)
	// Output:
	// accepted only now: 1
	// best bids: 28.00 instead of 25.50
}

func ExampleReplayAll() {
	file := exampleLog()
	results, err := bidlog.ReplayAll(file,
		bidlog.Rules{Name: "a floor of 26", Default: bidlog.SourceRules{MinPayout: trackdrive.MustAmount("26")}},
		bidlog.Rules{Name: "globex counts 85%", Sources: map[string]bidlog.SourceRules{"globex": {Weight: trackdrive.MustAmount("0.85")}}},
	)
	if err != nil {
		panic(err)
	}
	for _, r := range results {
		fmt.Printf("%s: %d bids, the best %s\n", r.Name, r.Now.Bids, r.Now.Value)
	}
	// Output:
	// a floor of 26: 1 bids, the best 28.00
	// globex counts 85%: 2 bids, the best 25.50
}

// Observe sees each verdict. A condition on a hidden value is Undetermined.
func ExampleReplayAll_hidden() {
	results, err := bidlog.ReplayAll(exampleLog(), bidlog.Rules{
		Default: bidlog.SourceRules{Criteria: trackdrive.MustCriteria(trackdrive.Field("buyers.0.name").Equals("Buyer A"))},
		Observe: func(j bidlog.Judgment) {
			if j.Source == "acme" {
				fmt.Println(j.Source, "then", j.Then, "now", j.Now, "because of", j.Hidden)
			}
		},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(results[0].Hidden)
	// Output:
	// acme then accepted now undetermined because of [buyers.0.name]
	// map[buyers.0.name:2]
}

func ExampleResult_String() {
	result, err := bidlog.Replay(exampleLog(), trackdrive.All(trackdrive.Field("buyers.#").GreaterThan(1)))
	if err != nil {
		panic(err)
	}
	result.Sources, result.Buyers = nil, nil
	fmt.Print(result)
	// Output:
	// replies     2     no buyer 0, left out 0, judged 2
	// accepted    0     then 0; both 0, only then 1, only now 0, neither 1, undetermined 0
	// bids        0     then 1
	// with a bid  0     then 1, of 1 auctions
	// best bids   0.00  then 25.50
	// sold        1     for 25.50, unknown 0
}

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "bidlog")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "bids.jsonl")
	log, err := bidlog.Open(path, bidlog.Config{MaxBytes: 64 << 20, MaxFiles: 10, Keep: []string{"vertical"}})
	if err != nil {
		panic(err)
	}
	sellOnce(log)
	if err := log.Close(); err != nil {
		panic(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		panic(err)
	}
	fmt.Println(info.Mode())
	// Output: -rw-------
}

func ExampleNew() {
	log, err := bidlog.New(os.Stdout, bidlog.Config{})
	if err != nil {
		panic(err)
	}
	log.Ping("acme", nil, trackdrive.VerdictRejected) // nothing to log
	fmt.Println(log.Close())
	// Output: <nil>
}

func ExampleLog_ObserveAuction() {
	var b bytes.Buffer
	log, err := bidlog.New(&b, bidlog.Config{})
	if err != nil {
		panic(err)
	}
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: fakeSources(), Observe: log.ObserveAuction})
	if err != nil {
		panic(err)
	}
	result, err := auction.Run(context.Background(), &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	if _, err := result.Sell(context.Background()); err != nil {
		panic(err)
	}
	if err := log.Close(); err != nil {
		panic(err)
	}
	kinds := map[string]int{}
	for line := range strings.Lines(b.String()) {
		var entry struct{ Kind string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			panic(err)
		}
		kinds[entry.Kind]++
	}
	fmt.Println(kinds)
	// Output: map[end:1 post:1 reply:2 sale:1]
}

func ExampleLog_ObserveCall() {
	var b bytes.Buffer
	log, err := bidlog.New(&b, bidlog.Config{})
	if err != nil {
		panic(err)
	}
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{ID: "101", Bid: "25.50"}}})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithCallObserver(log.ObserveCall))
	if err != nil {
		panic(err)
	}
	if _, err := client.Ping(context.Background(), "sell", &trackdrive.PingRequest{CallerID: "+15555550142"}); err != nil {
		panic(err)
	}
	if err := log.Close(); err != nil {
		panic(err)
	}
	var line struct{ Kind, Operation, Endpoint, Outcome, Payout string }
	if err := json.Unmarshal(b.Bytes(), &line); err != nil {
		panic(err)
	}
	fmt.Println(line.Kind, line.Operation, line.Endpoint, line.Outcome, line.Payout)
	// Output: call ping sell accepted 25.50
}

func ExampleLog_Ping() {
	var b bytes.Buffer
	log, err := bidlog.New(&b, bidlog.Config{})
	if err != nil {
		panic(err)
	}
	reply, err := trackdrive.ParsePingResponse([]byte(`{"success":true,"forwarding_number":"+15555550143","buyers":[{"id":101,"ping_id":"p-1","bid":"25.50"}]}`))
	if err != nil {
		panic(err)
	}
	log.Ping("acme", reply, trackdrive.VerdictAccepted)
	if err := log.Close(); err != nil {
		panic(err)
	}
	_, line, _ := strings.Cut(b.String(), `"source"`) // after the time
	fmt.Print(`"source"`, line)
	// Output: "source":"acme","answer":"accepted","verdict":"accepted","bids":1,"buyers":[{"id":"101","payout":"25.50","post":true}],"reply":{"success":true,"forwarding_number":"[redacted]","buyers":[{"id":101,"ping_id":"p-1","bid":"25.50"}]}}
}

func ExampleLog_Stats() {
	log, err := bidlog.New(fullDisk{}, bidlog.Config{})
	if err != nil {
		panic(err)
	}
	log.ObserveCall(context.Background(), trackdrive.CallReport{Operation: "ping"})
	_ = log.Close() // reports the error, too
	stats := log.Stats()
	fmt.Println(stats.Lines, stats.Dropped, stats.LastError)
	// Output: 0 1 the disk is full
}

// fullDisk is a writer without room.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

func ExampleLog_Flush() {
	var b bytes.Buffer
	log, err := bidlog.New(&b, bidlog.Config{})
	if err != nil {
		panic(err)
	}
	defer log.Close()
	log.ObserveCall(context.Background(), trackdrive.CallReport{Operation: "ping"})
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := log.Flush(ctx); err != nil {
		panic(err)
	}
	fmt.Println(strings.Count(b.String(), "\n"), "line")
	// Output: 1 line
}

func ExampleLog_Close() {
	var b bytes.Buffer
	log, err := bidlog.New(&b, bidlog.Config{})
	if err != nil {
		panic(err)
	}
	log.ObserveCall(context.Background(), trackdrive.CallReport{Operation: "ping"})
	if err := log.Close(); err != nil {
		panic(err)
	}
	log.ObserveCall(context.Background(), trackdrive.CallReport{Operation: "post"}) // too late
	fmt.Println(strings.Count(b.String(), "\n"), "line,", log.Stats().Dropped, "dropped")
	// Output: 1 line, 1 dropped
}

// A log may have several files, the oldest first.
func ExampleFiles() {
	dir, err := os.MkdirTemp("", "bidlog")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "bids.jsonl")
	log, err := bidlog.Open(path, bidlog.Config{MaxBytes: 1 << 10, MaxFiles: 3})
	if err != nil {
		panic(err)
	}
	for range 100 {
		log.ObserveCall(context.Background(), trackdrive.CallReport{Operation: "ping"})
	}
	if err := log.Close(); err != nil {
		panic(err)
	}
	files, err := bidlog.Files(path)
	if err != nil {
		panic(err)
	}
	for _, file := range files {
		fmt.Println(filepath.Base(file))
	}
	// Output:
	// bids.jsonl.2
	// bids.jsonl.1
	// bids.jsonl
}

func ExampleOpenFiles() {
	dir, err := os.MkdirTemp("", "bidlog")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "bids.jsonl")
	for range 2 { // as two runs of a program do
		log, err := bidlog.Open(path, bidlog.Config{MaxBytes: 1 << 10})
		if err != nil {
			panic(err)
		}
		sellOnce(log)
		if err := log.Close(); err != nil {
			panic(err)
		}
	}
	if err := replayFiles(path, nil); err != nil {
		panic(err)
	}
	// Output: 2 auctions, 2 sold
}

func replayFiles(path string, criteria *trackdrive.Criteria) error {
	files, err := bidlog.Files(path)
	if err != nil {
		return err
	}
	log, err := bidlog.OpenFiles(files...)
	if err != nil {
		return err
	}
	defer log.Close()
	result, err := bidlog.Replay(log, criteria)
	if err != nil {
		return err
	}
	fmt.Printf("%d auctions, %d sold\n", result.Input.Auctions, result.Sold)
	return nil
}

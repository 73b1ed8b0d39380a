package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/bidlog"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/boltsales"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

var isUpdating = flag.Bool("update", false, "rewrite the outputs that the scripts expect")

func TestMain(m *testing.M) { os.Exit(runWithCommand(m)) }

// runWithCommand runs the tests with the command in the PATH. It is built as it is
// installed: the race detector, under which the packages' own tests run, would make each
// of some hundred processes slow to start.
func runWithCommand(m *testing.M) int {
	dir, err := os.MkdirTemp("", "trackdrive-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // of this run alone
	if said, err := exec.Command("go", "build", "-o", filepath.Join(dir, "trackdrive"), ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "the command cannot be built: %v\n%s", err, said)
		return 1
	}
	if err := os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
		panic(err)
	}
	return m.Run()
}

// TestScripts runs each command as a person would, against a fake TrackDrive, and
// compares its output and its exit status.
func TestScripts(t *testing.T) {
	t.Parallel()
	rewrites := &outputRewrites{texts: map[string]map[string]string{}}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup:               setUpScript,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status":      runWithStatus,
			"shows":       rewrites.compare,
			"outbox":      makeOutbox,
			"sales":       makeSales,
			"hold":        holdOutbox,
			"fault":       planFault,
			"sold":        wantSales,
			"sent":        wantRequests,
			"newcall":     addCall,
			"noleak":      wantNoSecret,
			"megabytes":   makeLargeFile,
			"closedpipe":  runWithClosedPipe,
			"interrupted": runInterrupted,
			"replace":     replaceVariables,
			"bidlog":      makeBidLog,
		},
	})
	t.Cleanup(func() { rewrites.write(t) })
}

// fakeKey is where a script finds its fake.
type fakeKey struct{}

const planted = "PLANTED"

// setUpScript starts a fake for a script.
func setUpScript(env *testscript.Env) error {
	srv, err := newFake()
	if err != nil {
		return err
	}
	env.Defer(srv.Close)
	env.Values[fakeKey{}] = srv
	env.Setenv("TRACKDRIVE_BASE_URL", srv.URL)
	env.Setenv("CALL", "00000000-0000-4000-8000-000000000001")
	return nil
}

// newFake is a TrackDrive with two companies: acme has an endpoint with three buyers,
// and credentials.
func newFake() (*trackdrivetest.Server, error) {
	srv, err := trackdrivetest.Start()
	if err != nil {
		return nil, err
	}
	srv.AddEndpoint(trackdrivetest.Endpoint{
		VanityURI: "health", Expiry: 30 * time.Second,
		Buyers: []trackdrivetest.Buyer{
			{Name: "Buyer A", Bid: "9.50", Number: "+15555550120"},
			{Name: "Buyer B", Bid: "25.00", MinCall: 90 * time.Second, Tier: "gold", Number: "+15555550121"},
			{Name: "Buyer C", Unavailable: true},
		},
	})
	srv.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "nobody", Buyers: []trackdrivetest.Buyer{{Name: "Buyer C", Unavailable: true}}})
	srv.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "locked", RequireAuth: true, Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "9.50"}}})
	srv.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "solar", RequiredOnPing: []string{"zip"}, Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "9.50"}}})
	srv.AddAccess(trackdrivetest.Access{PublicKey: "tdpub-" + planted + "-1", PrivateKey: "tdprv-" + planted + "-2"})
	srv.AddAccess(trackdrivetest.Access{AuthToken: "auth-" + planted + "-3"})
	srv.AddAccess(trackdrivetest.Access{PublicKey: "tdpub-" + planted + "-weak", PrivateKey: "tdprv-" + planted + "-weak", Lacks: []trackdrivetest.Permission{trackdrivetest.PermitBuyerRevenue}})
	srv.AddOffer(trackdrivetest.Offer{ID: "7", LeadToken: "lead-" + planted + "-4", OfferToken: "offer-" + planted + "-5"})
	srv.AddCall(trackdrivetest.Call{UUID: "00000000-0000-4000-8000-000000000001", CallerNumber: "+15555550149"})
	return srv, nil
}

func fakeOf(ts *testscript.TestScript) *trackdrivetest.Server {
	return ts.Value(fakeKey{}).(*trackdrivetest.Server)
}

// runWithStatus runs the command, and wants an exit status: status 2 ping acme.
func runWithStatus(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := exitStatus(ts.Exec("trackdrive", args[1:]...))
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

func exitStatus(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	default:
		return -1
	}
}

// volatileTexts are what differs between two runs.
var volatileTexts = []struct {
	pattern *regexp.Regexp
	text    string
}{
	{regexp.MustCompile(`https://acme\.trackdrive\.com|http://(127\.0\.0\.1|\[::1\]):[0-9]+`), "BASE"},
	{regexp.MustCompile(`(127\.0\.0\.1|\[::1\]):[0-9]+`), "HOST"},
	{regexp.MustCompile(`20[0-9]{2}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+Z`), "TIME"},
	{regexp.MustCompile(`[^ "]*/script-[^/]+/`), ""},
	{regexp.MustCompile(`^trackdrive (\(devel\)|v[0-9.]+[-+0-9a-z.]*)`), "trackdrive VERSION"},
	{regexp.MustCompile(`go1[0-9.]+`), "GO"},
	{regexp.MustCompile(`linux/amd64|darwin/arm64|linux/arm64`), "PLATFORM"},
}

func steadyText(text string) string {
	// Items of different calls are delivered at the same time.
	text = deliveredLines.ReplaceAllStringFunc(text, func(lines string) string {
		list := strings.SplitAfter(lines, "\n")
		slices.Sort(list)
		return strings.Join(list, "")
	})
	for _, volatile := range volatileTexts {
		text = volatile.pattern.ReplaceAllString(text, volatile.text)
	}
	return text
}

var deliveredLines = regexp.MustCompile(`(delivered  .*\n)+`)

// outputRewrites are the outputs to write into the scripts, with -update.
type outputRewrites struct {
	mu    sync.Mutex
	texts map[string]map[string]string // by script and file
}

// compare compares an output with a file: shows stdout bids.txt. What differs between
// two runs is replaced in both.
func (r *outputRewrites) compare(ts *testscript.TestScript, _ bool, args []string) {
	got := steadyText(ts.ReadFile(args[0]))
	if *isUpdating {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.texts[ts.Name()] == nil {
			r.texts[ts.Name()] = map[string]string{}
		}
		r.texts[ts.Name()][args[1]] = got
		return
	}
	if want := steadyText(ts.ReadFile(args[1])); got != want {
		ts.Fatalf("%s differs from %s.\n--- got ---\n%s--- want ---\n%s", args[0], args[1], got, want)
	}
}

func (r *outputRewrites) write(t *testing.T) {
	for script, texts := range r.texts {
		name := filepath.Join("testdata", "script", script+".txtar")
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Error(err)
			continue
		}
		for i := range archive.Files {
			if text, isGiven := texts[archive.Files[i].Name]; isGiven {
				archive.Files[i].Data = []byte(text)
				delete(texts, archive.Files[i].Name)
			}
		}
		for file, text := range texts {
			archive.Files = append(archive.Files, txtar.File{Name: file, Data: []byte(text)})
		}
		if err := os.WriteFile(name, txtar.Format(archive), 0o600); err != nil {
			t.Error(err)
		}
	}
}

// planFault plans a fault for the next request of a kind: fault post lost.
func planFault(ts *testscript.TestScript, _ bool, args []string) {
	faults := map[string]trackdrivetest.Fault{
		"lost": trackdrivetest.AfterActing(trackdrivetest.Drop()), "drop": trackdrivetest.Drop(), "html": trackdrivetest.HTML200(),
		"down": trackdrivetest.Status(http.StatusServiceUnavailable, nil, `{}`), "busy": trackdrivetest.TooManyRequests(time.Minute),
		"slow": trackdrivetest.AfterActing(trackdrivetest.Slow(time.Minute)),
	}
	fault, isKnown := faults[args[1]]
	if !isKnown {
		ts.Fatalf("there is no fault %q", args[1])
	}
	times := 1
	if len(args) > 2 {
		times = trackdrivetest.Always
	}
	fakeOf(ts).Fail(trackdrivetest.Operation(args[0]), fault, times)
}

// wantSales compares the number of sales in the fake's ledger: sold 1.
func wantSales(ts *testscript.TestScript, _ bool, args []string) {
	if got := strconv.Itoa(len(fakeOf(ts).Sales())); got != args[0] {
		ts.Fatalf("%s sales, want %s", got, args[0])
	}
}

// wantRequests compares the number of requests that the fake received: sent 1 post.
func wantRequests(ts *testscript.TestScript, _ bool, args []string) {
	var operations []trackdrivetest.Operation
	for _, name := range args[1:] {
		operations = append(operations, trackdrivetest.Operation(name))
	}
	if got := strconv.Itoa(len(fakeOf(ts).Requests(operations...))); got != args[0] {
		ts.Fatalf("%s requests, want %s", got, args[0])
	}
}

// addCall adds a call of a caller at a buyer: newcall UUID NUMBER BUYER.
func addCall(ts *testscript.TestScript, _ bool, args []string) {
	fakeOf(ts).AddCall(trackdrivetest.Call{UUID: args[0], CallerNumber: args[1], BuyerID: trackdrive.ID(args[2])})
}

// wantNoSecret wants no planted credential in the outputs.
func wantNoSecret(ts *testscript.TestScript, _ bool, _ []string) {
	for _, output := range []string{"stdout", "stderr"} {
		if strings.Contains(ts.ReadFile(output), planted) {
			ts.Fatalf("%s shows a credential:\n%s", output, ts.ReadFile(output))
		}
	}
}

// replaceVariables fills in the variables of the script's environment: replace bid.json.
func replaceVariables(ts *testscript.TestScript, _ bool, args []string) {
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// makeLargeFile writes a file of so many megabytes: megabytes 100 big.json.
func makeLargeFile(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Repeat(strings.Repeat("[", 1<<10), n<<10)), 0o600))
}

// runWithClosedPipe runs the command with a standard output that nobody reads, and
// wants an exit status: closedpipe 1 outbox list.
func runWithClosedPipe(ts *testscript.TestScript, _ bool, args []string) {
	reader, writer, err := os.Pipe()
	ts.Check(err)
	ts.Check(reader.Close())
	defer writer.Close()
	cmd := commandOf(ts, args[1:])
	cmd.Stdout = writer
	var said strings.Builder
	cmd.Stderr = &said
	got := strconv.Itoa(exitStatus(cmd.Run()))
	ts.Check(os.WriteFile(ts.MkAbs("said"), []byte(said.String()), 0o600))
	if got != args[0] {
		ts.Fatalf("exit status %s, want %s: %s", got, args[0], said.String())
	}
}

// commandOf returns the command as a process in the folder and the environment of a script.
func commandOf(ts *testscript.TestScript, args []string) *exec.Cmd {
	program, err := exec.LookPath("trackdrive")
	ts.Check(err)
	cmd := exec.Command(program, args...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH")}
	for _, name := range []string{"TRACKDRIVE_BASE_URL", "TRACKDRIVE_OUTBOX", "TRACKDRIVE_AUTH_TOKEN"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	return cmd
}

// runInterrupted runs the command, interrupts it once it has said all of these texts, and
// wants an exit status: interrupted 1 'delivered|waits' outbox drain.
func runInterrupted(ts *testscript.TestScript, _ bool, args []string) {
	cmd := commandOf(ts, args[2:])
	var printed strings.Builder
	cmd.Stdout = &printed
	stderr, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	kill := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	var said strings.Builder
	missing := strings.Split(args[1], "|")
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		before := len(missing)
		missing = slices.DeleteFunc(missing, func(text string) bool { return strings.Contains(lines.Text(), text) })
		if before > 0 && len(missing) == 0 {
			ts.Check(cmd.Process.Signal(os.Interrupt))
		}
	}
	got := strconv.Itoa(exitStatus(cmd.Wait()))
	ts.Check(os.WriteFile(ts.MkAbs("printed"), []byte(printed.String()), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("said"), []byte(said.String()), 0o600))
	if got != args[0] {
		ts.Fatalf("exit status %s, want %s: %s", got, args[0], said.String())
	}
}

// makeBidLog runs five auctions with a log of their bids, and sells each lead: bidlog
// bids.jsonl.
func makeBidLog(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(writeBidLog(fakeOf(ts), ts.MkAbs(args[0])))
}

func writeBidLog(srv *trackdrivetest.Server, path string) error {
	client, err := trackdrive.NewClient("acme", trackdrive.WithBaseURL(srv.URL))
	if err != nil {
		return err
	}
	log, err := bidlog.Open(path, bidlog.Config{})
	if err != nil {
		return err
	}
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Observe: log.ObserveAuction, Sources: []trackdrive.AuctionSource{
		{Name: "health", Client: client, Endpoint: "health"}, {Name: "solar", Client: client, Endpoint: "solar"}, {Name: "nobody", Client: client, Endpoint: "nobody"},
	}})
	if err != nil {
		return err
	}
	for i := range 5 {
		result, err := auction.Run(context.Background(), &trackdrive.PingRequest{CallerID: fmt.Sprintf("+1555555015%d", i), Fields: trackdrive.Fields{"zip": "90210"}})
		if err != nil {
			return err
		}
		if _, err := result.Sell(context.Background()); err != nil {
			return err
		}
	}
	return log.Close()
}

// holdOutbox has a file open until the script ends, as a service would.
func holdOutbox(ts *testscript.TestScript, _ bool, args []string) {
	store, err := boltstore.Open(ts.MkAbs(args[0]), nil)
	ts.Check(err)
	ts.Defer(func() { _ = store.Close() })
}

// makeOutbox makes an outbox with an item in each state that needs somebody, and two
// that wait: outbox conversions.db.
func makeOutbox(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(writeOutbox(ts.MkAbs(args[0])))
}

func writeOutbox(path string) error {
	store, err := boltstore.Open(path, nil)
	if err != nil {
		return err
	}
	at := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	add := func(item outbox.Item, err error) error {
		if err != nil {
			return err
		}
		item.State, item.EnqueuedAt, item.Due = outbox.Waiting, at, at
		at = at.Add(time.Minute)
		_, _, err = store.Enqueue(context.Background(), item)
		return err
	}
	become := func(id string, state outbox.State, why string) error {
		_, err := store.Update(context.Background(), id, func(i *outbox.Item) error {
			i.State, i.LastError, i.Attempts = state, why, 1
			if state == outbox.Dead {
				i.SettledAt = at
			}
			return nil
		})
		return err
	}
	call := func(n int) trackdrive.CallRef {
		return trackdrive.CallRef{Subdomain: "acme", UUID: fmt.Sprintf("00000000-0000-4000-8000-%012d", n)}
	}
	err = errors.Join(
		add(outbox.NewUpdate("sale-1", call(1), &trackdrive.UpdateCall{BuyerConverted: new(true), Revenue: trackdrive.MustAmount("25.50")})),
		add(outbox.NewUpdate("sale-2", call(1), &trackdrive.UpdateCall{Payout: trackdrive.MustAmount("9.00")})),
		add(outbox.NewUpdate("sale-3", call(3), &trackdrive.UpdateCall{AddRevenue: trackdrive.MustAmount("5.00")})),
		become("sale-3", outbox.Aside, "trackdrive: update_call: no answer: network error"),
		add(outbox.NewUpdate("sale-4", call(4), &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("1200.00")})),
		become("sale-4", outbox.Parked, "trackdrive: update_call: 403 forbidden"),
		add(outbox.NewUpdateByCaller("sale-5", "acme", "+15555550143", &trackdrive.CallerUpdate{OfferToken: "offer", Revenue: trackdrive.MustAmount("7.25")})),
		become("sale-5", outbox.Dead, "trackdrive: update_call_by_caller_id: 422 bad request: +15555550143 has no call"),
	)
	return errors.Join(err, store.Close())
}

// makeSales makes a file with leads that are unknown, sold and unsold: sales sales.db.
// With "keyed", there is one more whose caller is kept as an HMAC.
func makeSales(ts *testscript.TestScript, _ bool, args []string) {
	keyed := ""
	if len(args) > 1 {
		keyed = strings.Repeat("0123456789abcdef", 4)
	}
	ts.Check(writeSales(ts.MkAbs(args[0]), keyed))
}

func writeSales(path, keyed string) error {
	store, err := boltsales.Open(path, nil)
	if err != nil {
		return err
	}
	add := func(lead, caller string, state sales.State, outcome trackdrive.TryOutcome, change func(*sales.Sale)) error {
		_, err := store.Change(context.Background(), sales.Change{LeadID: lead, Apply: func(r *sales.Record, _ []sales.Record, now time.Time) error {
			r.CallerKey = caller
			r.Sale = sales.Sale{LeadID: lead, State: state, Caller: caller, Tries: []sales.Try{{
				Source: "acme", Subdomain: "acme", Endpoint: "health", BuyerID: "102", BuyerName: "Buyer B", PingID: "bp-1-102",
				Payout: trackdrive.MustAmount("25.00"), At: now.Add(-time.Minute), Outcome: outcome,
			}}}
			change(&r.Sale)
			return nil
		}})
		return err
	}
	err = errors.Join(
		add("lead-1", "+15555550142", sales.Unknown, trackdrive.TryUnknown, func(s *sales.Sale) { s.Tries[0].Error = "trackdrive: post: no answer: timeout" }),
		add("lead-2", "+15555550143", sales.Unknown, trackdrive.TryUnknown, func(*sales.Sale) {}),
		add("lead-3", "+15555550144", sales.Sold, trackdrive.TrySold, func(s *sales.Sale) { s.ForwardingNumber = "+15555550121" }),
		add("lead-4", "+15555550145", sales.Unsold, trackdrive.TryRejected, func(s *sales.Sale) {
			s.Tries[0].Reasons = []trackdrive.FieldError{{Message: "Buyer is no longer available"}}
		}),
	)
	if err == nil && keyed != "" {
		err = add("lead-5", keyed, sales.Unknown, trackdrive.TryUnknown, func(*sales.Sale) {})
	}
	return errors.Join(err, store.Close())
}

// Kill: a process that enqueues and delivers is killed at the worst moments, and
// in the end the ledgers must agree.

package outboxtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// KillConfig says what [Kill] works with.
type KillConfig struct {
	// Open opens the store in a directory, and returns how to close it. It is
	// called in this process and in those that are killed, never in two at once.
	Open func(dir string) (store outbox.Store, closeStore func() error, err error)

	Test  string // the name of the test, or example, that calls Kill: the process to be killed runs it, too
	Dir   string // an empty directory for the store, such as t.TempDir()
	Kills int    // how often to kill. Default 20
	Seed  uint64 // of all that is random but the scheduler. Default: another one each time
}

// KillReport is what Kill found.
type KillReport struct {
	Seed      uint64 // to start from again
	Kills     int    // processes that were killed
	Acked     int    // items whose Enqueue had returned
	Delivered int    // of those, how many TrackDrive has
	Lost      int    // of those, how many it has not: must be 0
	Doubled   int    // additive updates that it has more than once: must be 0
	Disorder  int    // updates that came before an older one of the same call: must be 0
	Forgotten int    // items that were acknowledged, and then stored a second time: must be 0
	Repeated  int    // copies of absolute updates, which change nothing
	Settled   int    // additive updates that were put aside, and settled by the ledger
}

// String gives the report in a line.
func (r KillReport) String() string {
	return fmt.Sprintf("%d kills: %d items acknowledged, %d lost, %d additive updates doubled, %d out of order, %d forgotten; %d absolute ones repeated, %d additive ones settled (seed %d)",
		r.Kills, r.Acked, r.Lost, r.Doubled, r.Disorder, r.Forgotten, r.Repeated, r.Settled, r.Seed)
}

// How the process to be killed is told what to do.
const (
	killDir    = "OUTBOXTEST_KILL_DIR"
	killURL    = "OUTBOXTEST_KILL_URL"
	killCycle  = "OUTBOXTEST_KILL_CYCLE"  // its number; 0 only drains
	killReplay = "OUTBOXTEST_KILL_REPLAY" // items to be enqueued once more
)

// Kill starts a process that enqueues updates and delivers them to a fake
// TrackDrive in this one, kills it (SIGKILL) after a random number of requests
// or acknowledgements, starts it again, and so on. Meanwhile requests fail and
// answers are lost. In the end what was acknowledged must have arrived, additive
// updates once, and those of a call in order; else the test fails.
//
// The process is this test binary, made to run config.Test alone: that test
// must come to Kill soon, and with the same Open. There Kill does not return. It
// works where processes inherit files, which is not on Windows.
func Kill(t trackdrivetest.TB, config KillConfig) KillReport {
	t.Helper()
	if os.Getenv(killDir) != "" {
		if err := serveUntilKilled(config); err != nil {
			fmt.Fprintln(os.Stderr, "outboxtest:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if config.Kills == 0 {
		config.Kills = 20
	}
	if config.Seed == 0 {
		config.Seed = rand.Uint64()
	}
	k := &killer{KillConfig: config, report: KillReport{Seed: config.Seed}, acked: map[int]bool{}}
	k.random = rand.New(rand.NewPCG(config.Seed, 0))
	if err := k.run(t); err != nil {
		t.Fatalf("outboxtest: after %d kills, with seed %d: %v", k.report.Kills, config.Seed, err)
		return k.report
	}
	if r := k.report; r.Lost+r.Doubled+r.Disorder+r.Forgotten > 0 {
		t.Errorf("outboxtest: %s", r)
	}
	return k.report
}

// killCalls is on how many calls the items are. Items are numbered; that of a
// number is the same in every process.
const killCalls = 24

// perCycle is how many numbers a process has.
const perCycle = 1_000_000

func killUUID(n int) string { return fmt.Sprintf("call-%d", n%killCalls) }

func isAdditiveItem(n int) bool { return n/killCalls%2 == 1 }

func killItem(n int) (outbox.Item, error) {
	u := &trackdrive.UpdateCall{PostCallTokens: trackdrive.Fields{"n": strconv.Itoa(n)}}
	if isAdditiveItem(n) {
		u.AddRevenue = trackdrive.MustAmount("1.00")
	} else {
		u.Payout = trackdrive.MustAmount(strconv.Itoa(n))
	}
	return outbox.NewUpdate("n-"+strconv.Itoa(n), trackdrive.CallRef{Subdomain: "acme", UUID: killUUID(n)}, u)
}

// killer is the process that kills.
type killer struct {
	KillConfig
	fake   *trackdrivetest.Fake
	url    string
	report KillReport

	mu     sync.Mutex
	random *rand.Rand
	acked  map[int]bool
	latest []int  // acknowledged by the process before
	left   int    // events until the kill
	at     moment // which events count
	kill   func() // nil when nothing is to be killed
}

// moment is when a process is killed.
type moment int

const (
	atArrival moment = iota // a request arrived, and nothing is done yet
	atAnswer                // TrackDrive acted, and the answer is on its way
	atAck                   // an item was acknowledged
	moments
)

func (k *killer) run(t trackdrivetest.TB) error {
	k.fake = trackdrivetest.New()
	for n := range killCalls {
		k.fake.AddCall(trackdrivetest.Call{UUID: killUUID(n)})
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(k.serve), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // ends with Close
	t.Cleanup(func() { _ = server.Close() })
	k.url = "http://" + listener.Addr().String()

	for cycle := 1; cycle <= k.Kills; cycle++ {
		if err := k.process(cycle); err != nil {
			return err
		}
		k.report.Kills++
		if _, err := k.settle(); err != nil {
			return err
		}
	}
	for range killCalls * k.Kills {
		if err := k.process(0); err != nil {
			return err
		}
		left, err := k.settle()
		if err != nil {
			return err
		}
		if left == 0 {
			k.compare()
			return nil
		}
	}
	return errors.New("the store does not become empty")
}

// serve is TrackDrive with bad days, and counts.
func (k *killer) serve(w http.ResponseWriter, r *http.Request) {
	k.happened(atArrival)
	switch fault := k.fault(); {
	case fault < 3:
		panic(http.ErrAbortHandler)
	case fault < 6:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case fault < 9:
		w.WriteHeader(http.StatusTooManyRequests)
		return
	case fault < 12:
		k.fake.ServeHTTP(discard{}, r)
		k.happened(atAnswer)
		panic(http.ErrAbortHandler)
	}
	k.fake.ServeHTTP(w, r)
	k.happened(atAnswer)
}

// discard is for an answer that is lost.
type discard struct{}

// Header returns one that nobody reads.
func (discard) Header() http.Header { return http.Header{} }

// Write takes anything.
func (discard) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader does nothing.
func (discard) WriteHeader(int) {}

// fault is a number below 100: what to do to a request. Nothing goes wrong
// where nothing is killed.
func (k *killer) fault() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kill == nil {
		return 99
	}
	return k.random.IntN(100)
}

// happened kills when it is time.
func (k *killer) happened(m moment) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kill == nil || k.at != m {
		return
	}
	if k.left--; k.left == 0 {
		k.kill()
	}
}

// patience is how long a process may take, until it is taken for stuck.
const patience = time.Minute

// process runs one, and kills it; that of cycle 0 ends by itself.
func (k *killer) process(cycle int) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = read.Close() }()
	cmd := exec.Command(program, "-test.run=^"+k.Test+"$")
	cmd.Env = append(os.Environ(), killDir+"="+k.Dir, killURL+"="+k.url,
		killCycle+"="+strconv.Itoa(cycle), killReplay+"="+numbers(k.latest))
	cmd.ExtraFiles = []*os.File{write}
	var said strings.Builder
	cmd.Stderr = &said
	err = cmd.Start()
	_ = write.Close()
	if err != nil {
		return err
	}
	stuck := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	k.arm(cycle, cmd.Process)
	k.latest = nil
	readErr := k.readAcks(read)
	killed := k.disarm()
	ended := cmd.Wait()
	switch {
	case !stuck.Stop():
		return fmt.Errorf("process %d is stuck: %s", cycle, said.String())
	case readErr != nil:
		return readErr
	case !killed && cycle > 0, cycle == 0 && ended != nil:
		return fmt.Errorf("process %d ended by itself: %w: %s", cycle, ended, said.String())
	}
	return nil
}

// arm chooses the moment.
func (k *killer) arm(cycle int, process *os.Process) {
	if cycle == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.at, k.left = moment(k.random.IntN(int(moments))), 1+k.random.IntN(40)
	k.kill = func() { _ = process.Kill() }
}

func (k *killer) disarm() (killed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	killed = k.kill != nil && k.left <= 0
	k.kill = nil
	return killed
}

// readAcks reads what the process has enqueued, until it is gone.
func (k *killer) readAcks(r io.Reader) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		text, again := strings.CutPrefix(lines.Text(), "again ")
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("the process says %q", lines.Text())
		}
		if again {
			k.report.Forgotten++
		}
		k.acked[n] = true
		k.latest = append(k.latest, n)
		k.happened(atAck)
	}
	return lines.Err()
}

func numbers(list []int) string {
	const some = 20
	texts := make([]string, 0, some)
	for _, n := range list[max(0, len(list)-some):] {
		texts = append(texts, strconv.Itoa(n))
	}
	return strings.Join(texts, " ")
}

// settle does what somebody does who looks up the calls of which nobody knows.
// A request of a process that was killed just now may still be on its way; but
// what is aside was put there by it, or by one before.
func (k *killer) settle() (left int, err error) {
	store, closeStore, err := k.Open(k.Dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	for {
		aside, err := store.List(ctx, outbox.Query{State: outbox.Aside})
		if err != nil {
			return 0, err
		}
		for _, item := range aside {
			if _, err := outbox.Settle(ctx, store, item.ID, k.has(item)); err != nil {
				return 0, err
			}
			k.report.Settled++
		}
		if len(aside) == 0 {
			counts, err := store.Counts(ctx)
			return counts.Backlog() + counts.Dead, err
		}
	}
}

// has reports whether the ledger has an item.
func (k *killer) has(item outbox.Item) bool {
	for _, u := range k.fake.Updates(item.CallUUID) {
		if "n-"+u.Values[killMark] == item.ID {
			return true
		}
	}
	return false
}

// killMark is what tells items apart in the ledger.
const killMark = "post_call_tokens[n]"

// compare compares the ledger with what was acknowledged.
func (k *killer) compare() {
	times := map[int]int{}
	for n := range killCalls {
		last := 0
		for _, u := range k.fake.Updates(killUUID(n)) {
			n, err := strconv.Atoi(u.Values[killMark])
			if err != nil || n < last {
				k.report.Disorder++
			}
			last = max(last, n)
			times[n]++
		}
	}
	for n, count := range times {
		if isAdditiveItem(n) {
			k.report.Doubled += count - 1
		} else {
			k.report.Repeated += count - 1
		}
	}
	k.report.Acked = len(k.acked)
	for n := range k.acked {
		if times[n] == 0 {
			k.report.Lost++
		} else {
			k.report.Delivered++
		}
	}
}

// serveUntilKilled is the process that is killed.
func serveUntilKilled(config KillConfig) error {
	cycle, err := strconv.Atoi(os.Getenv(killCycle))
	if err != nil {
		return err
	}
	store, closeStore, err := config.Open(os.Getenv(killDir))
	if err != nil {
		return err
	}
	client, err := trackdrive.NewClient("acme", trackdrive.WithBaseURL(os.Getenv(killURL)), trackdrive.WithAuth(trackdrive.AuthToken("made-up")))
	if err != nil {
		return err
	}
	victim := &victim{acks: os.NewFile(3, "acks"), room: make(chan struct{}, backlog)}
	victim.Worker, err = outbox.New(outbox.Config{
		Store: store, Client: client, Concurrency: 6,
		Rules:   outbox.Rules{FirstWait: 2 * time.Millisecond, MaxWait: 20 * time.Millisecond},
		OnEvent: victim.note,
	})
	if err != nil {
		return err
	}
	if cycle == 0 {
		return errors.Join(victim.Drain(ctx), closeStore())
	}
	ended := make(chan error, 1)
	go func() { ended <- victim.Run(ctx) }()
	go func() { ended <- victim.replay(os.Getenv(killReplay)) }()
	for lane := range lanes {
		go func() { ended <- victim.enqueue(cycle, lane) }()
	}
	for {
		if err := <-ended; err != nil {
			return err
		}
	}
}

// The process enqueues on several lanes at once, each with calls of its own, and
// no more than it can deliver soon.
const (
	lanes   = 3 // divides killCalls
	backlog = 48
)

// victim enqueues, and says so.
type victim struct {
	*outbox.Worker
	acks *os.File
	room chan struct{} // holds one for each item on its way
}

// note makes room for another item.
func (v *victim) note(e outbox.Event) {
	if e.Kind == outbox.EventDelivered || e.Kind == outbox.EventAside {
		select {
		case <-v.room:
		default:
		}
	}
}

// replay does what a caller does who does not know whether it was heard.
func (v *victim) replay(list string) error {
	for text := range strings.FieldsSeq(list) {
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		item, err := killItem(n)
		if err != nil {
			return err
		}
		_, added, err := v.Enqueue(ctx, item)
		if err == nil && added {
			_, err = fmt.Fprintf(v.acks, "again %d\n", n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *victim) enqueue(cycle, lane int) error {
	for n := cycle*perCycle + lane - cycle*perCycle%lanes; ; n += lanes {
		v.room <- struct{}{}
		item, err := killItem(n)
		if err != nil {
			return err
		}
		if _, _, err := v.Enqueue(ctx, item); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(v.acks, n); err != nil {
			return err
		}
	}
}

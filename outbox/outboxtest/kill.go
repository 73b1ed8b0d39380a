// Kill: a process that enqueues and delivers is killed at the worst moments, and
// the ledgers must agree in the end.

package outboxtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// KillConfig configures [Kill].
type KillConfig struct {
	// Open opens the store in a directory, and returns a function that closes it.
	// It is called in this process and in those that are killed. Two processes have
	// the store open at once only if there are several Processes.
	Open func(dir string) (store outbox.Store, closeStore func() error, err error)

	Test  string // the name of the test or example that calls Kill; the process to be killed runs it, too
	Dir   string // an empty directory for the store, such as t.TempDir()
	Kills int    // how often to kill. Default 20
	Seed  uint64 // the seed of everything random except the scheduler. Default: a new one each time

	// For engines that several processes share.
	Processes int           // how many processes use the store at once; one of them is killed at a time. Default 1
	Timeout   time.Duration // for one delivery; see outbox.Config. Default: outbox's

	// Work delivers the store's items until ctx ends. Default: worker.Run.
	Work func(ctx context.Context, store outbox.Store, worker *outbox.Worker) error

	// Disturb is called before every fifth kill, while the processes work. It may
	// restart a server. If it is set, an Enqueue that fails is tried again.
	Disturb func() error
}

// open opens the store, and tries again while a server restarts.
func (c *KillConfig) open(dir string) (store outbox.Store, closeStore func() error, err error) {
	for began := time.Now(); ; {
		store, closeStore, err = c.Open(dir)
		if err == nil || c.Disturb == nil || time.Since(began) > stuckAfter/2 {
			return store, closeStore, err
		}
		<-time.After(shortWait)
	}
}

// KillReport is the result of Kill.
type KillReport struct {
	Seed      uint64 // the seed, to repeat the run
	Kills     int    // processes that were killed
	Disturbed int    // calls of Disturb
	Acked     int    // acknowledged items: those whose Enqueue returned
	Delivered int    // acknowledged items that TrackDrive has
	Lost      int    // acknowledged items that it does not have: must be 0
	Doubled   int    // additive items that it has more than once: must be 0
	Disorder  int    // items that arrived before an older one with the same Key: must be 0
	Forgotten int    // acknowledged items that were stored a second time: must be 0
	Repeated  int    // copies of absolute items, which change nothing
	Settled   int    // additive items that were put aside, and settled as the ledger says
}

// String returns the report on one line.
func (r KillReport) String() string {
	disturbed := ""
	if r.Disturbed > 0 {
		disturbed = fmt.Sprintf(", %d disturbances", r.Disturbed)
	}
	return fmt.Sprintf("%d kills%s: %d items acknowledged, %d lost, %d additive updates doubled, %d out of order, %d forgotten; %d absolute ones repeated, %d additive ones settled (seed %d)",
		r.Kills, disturbed, r.Acked, r.Lost, r.Doubled, r.Disorder, r.Forgotten, r.Repeated, r.Settled, r.Seed)
}

// The environment variables that tell the process to be killed what to do.
const (
	killDir    = "OUTBOXTEST_KILL_DIR"
	killURL    = "OUTBOXTEST_KILL_URL"
	killCycle  = "OUTBOXTEST_KILL_CYCLE"  // the cycle's number; 0 only drains
	killReplay = "OUTBOXTEST_KILL_REPLAY" // the items to enqueue again
)

// Kill starts a process that enqueues items of every operation and delivers them to
// a fake TrackDrive and a partner in this one, kills it (SIGKILL) after a random number of requests
// or acknowledgements, starts it again, and so on. Meanwhile requests fail and
// answers are lost. The test fails unless, in the end, every acknowledged item has
// arrived, additive ones exactly once, and those with one Key in order.
//
// The process is this test binary, running only config.Test. That test must call
// Kill soon, and with the same Open; in that process Kill does not return. Kill
// needs processes that inherit files, so it does not work on Windows.
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
	config.Processes = max(config.Processes, 1)
	k := &killRun{KillConfig: config, report: KillReport{Seed: config.Seed}, acked: map[int]bool{}}
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

// perCycle is how many numbers a process has. A cycle is a process; cycles are
// numbered from 1, in the order in which the processes start.
const perCycle = 1_000_000

// firstNumber returns the first number of a lane in a cycle.
func firstNumber(cycle, lane int) int { return cycle*perCycle + lane - cycle*perCycle%laneCount }

func cycleOf(n int) int { return (n + laneCount) / perCycle }

// killRun is one run of Kill, in the process that kills.
type killRun struct {
	KillConfig
	fake   *trackdrivetest.Fake
	url    string
	report KillReport

	living   []*childProcess
	replayed []int              // what the last process that ended had acknowledged
	diedAt   map[int]int        // by cycle: how many processes had been started when it ended
	said     chan *childProcess // the processes that have ended

	mu     sync.Mutex
	random *rand.Rand
	acked  map[int]bool
	ledger []int      // the items that TrackDrive and the partner acted on, in order
	left   int        // events until the kill
	at     killMoment // which events count
	kill   func()     // nil if nothing is to be killed
}

// killMoment is when a process is killed.
type killMoment int

const (
	atArrival killMoment = iota // a request arrived, and was not acted on yet
	atAnswer                    // TrackDrive acted, and the answer is on its way
	atAck                       // an item was acknowledged
	momentCount
)

func (k *killRun) run(t trackdrivetest.TB) error {
	k.fake = killFake()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(k.serve), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // ends with Close
	t.Cleanup(func() { _ = server.Close() })
	k.url = "http://" + listener.Addr().String()

	k.diedAt, k.said = map[int]int{}, make(chan *childProcess, k.Processes)
	defer k.killAll()
	cycle := 0
	for kill := 1; kill <= k.Kills; kill++ {
		for len(k.living) < k.Processes {
			cycle++
			if err := k.start(cycle); err != nil {
				return err
			}
		}
		if err := k.killOne(kill, cycle); err != nil {
			return err
		}
		k.report.Kills++
		if _, err := k.settle(); err != nil {
			return err
		}
	}
	k.killAll()
	return k.drain()
}

// drain lets processes deliver what is left, and compares the ledgers.
func (k *killRun) drain() error {
	for range killOrders * k.Kills {
		if err := k.start(0); err != nil {
			return err
		}
		p, err := k.await()
		if err != nil {
			return err
		}
		if p.ended != nil {
			return p.failed()
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
	return errors.New("the store does not run empty")
}

// serve plays a TrackDrive that sometimes fails, and counts requests.
func (k *killRun) serve(w http.ResponseWriter, r *http.Request) {
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
		k.act(discardWriter{}, r)
		k.happened(atAnswer)
		panic(http.ErrAbortHandler)
	}
	k.act(w, r)
	k.happened(atAnswer)
}

// discardWriter discards an answer that is to be lost.
type discardWriter struct{}

// Header returns a header that is discarded.
func (discardWriter) Header() http.Header { return http.Header{} }

// Write discards data.
func (discardWriter) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader does nothing.
func (discardWriter) WriteHeader(int) {}

// fault returns a number below 100 that selects what goes wrong with a request.
// Nothing goes wrong if nothing is to be killed.
func (k *killRun) fault() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kill == nil {
		return 99
	}
	return k.random.IntN(100)
}

// happened counts an event, and kills when it is time.
func (k *killRun) happened(m killMoment) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kill == nil || k.at != m {
		return
	}
	if k.left--; k.left == 0 {
		k.kill()
	}
}

// stuckAfter is how long a process may take before it counts as stuck.
const stuckAfter = time.Minute

// childProcess is a process that enqueues and delivers. The process of cycle 0
// only delivers, and ends by itself.
type childProcess struct {
	cycle  int
	cmd    *exec.Cmd
	stderr strings.Builder
	acked  []int
	ended  error // how it ended, once it has
}

func (p *childProcess) failed() error {
	return fmt.Errorf("process %d ended by itself: %w: %s", p.cycle, p.ended, p.stderr.String())
}

func (k *killRun) start(cycle int) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	p := &childProcess{cycle: cycle, cmd: exec.Command(program, "-test.run=^"+k.Test+"$")}
	p.cmd.Env = append(os.Environ(), killDir+"="+k.Dir, killURL+"="+k.url,
		killCycle+"="+strconv.Itoa(cycle), killReplay+"="+lastNumbers(k.replayed))
	p.cmd.ExtraFiles = []*os.File{write}
	p.cmd.Stderr = &p.stderr
	err = p.cmd.Start()
	_ = write.Close()
	if err != nil {
		return errors.Join(err, read.Close())
	}
	k.replayed = nil
	k.living = append(k.living, p)
	go func() {
		err := k.readAcks(p, read)
		p.ended = errors.Join(p.cmd.Wait(), err, read.Close())
		k.said <- p
	}()
	return nil
}

// await waits for the next process to end.
func (k *killRun) await() (*childProcess, error) {
	stuck := time.NewTimer(stuckAfter)
	defer stuck.Stop()
	select {
	case p := <-k.said:
		k.living = slices.DeleteFunc(k.living, func(other *childProcess) bool { return other == p })
		return p, nil
	case <-stuck.C:
		var all strings.Builder
		cycles := make([]int, 0, len(k.living))
		for _, p := range k.living {
			cycles = append(cycles, p.cycle)
		}
		living := k.living
		k.killAll()
		for _, p := range living {
			all.WriteString(p.stderr.String())
		}
		return nil, fmt.Errorf("processes %v are stuck: %s", cycles, all.String())
	}
}

func (k *killRun) killAll() {
	for _, p := range k.living {
		_ = p.cmd.Process.Kill() // it may be gone already
	}
	for range k.living {
		<-k.said
	}
	k.living = nil
}

// killOne kills one of the processes at a random moment, and waits until it has ended.
func (k *killRun) killOne(kill, latest int) error {
	if k.Disturb != nil && kill%disturbEvery == 0 {
		if err := k.Disturb(); err != nil {
			return err
		}
		k.report.Disturbed++
	}
	victim := k.arm()
	p, err := k.await()
	killed := k.disarm()
	switch {
	case err != nil:
		return err
	case p != victim || !killed:
		return p.failed()
	}
	k.replayed, k.diedAt[p.cycle] = p.acked, latest
	return nil
}

// disturbEvery is the number of kills from one call of Disturb to the next.
const disturbEvery = 5

// arm chooses which process to kill, and when.
func (k *killRun) arm() *childProcess {
	k.mu.Lock()
	defer k.mu.Unlock()
	victim := k.living[k.random.IntN(len(k.living))]
	k.at, k.left = killMoment(k.random.IntN(int(momentCount))), 1+k.random.IntN(40)
	k.kill = func() { _ = victim.cmd.Process.Kill() }
	return victim
}

func (k *killRun) disarm() (killed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	killed = k.kill != nil && k.left <= 0
	k.kill = nil
	return killed
}

// readAcks reads what the process reports as enqueued, until it ends.
func (k *killRun) readAcks(p *childProcess, r io.Reader) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		text, again := strings.CutPrefix(lines.Text(), "again ")
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("the process wrote %q instead of an item's number", lines.Text())
		}
		p.acked = append(p.acked, n)
		k.ack(n, again)
		k.happened(atAck)
	}
	return lines.Err()
}

func (k *killRun) ack(n int, again bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.acked[n] = true
	if again {
		k.report.Forgotten++
	}
}

func lastNumbers(list []int) string {
	const some = 20
	texts := make([]string, 0, some)
	for _, n := range list[max(0, len(list)-some):] {
		texts = append(texts, strconv.Itoa(n))
	}
	return strings.Join(texts, " ")
}

// settle settles the items that are aside, as an operator does who looks up their
// calls. A request of the process that was just killed may still be on its way,
// but an item that is aside was put there by that process or an earlier one.
func (k *killRun) settle() (left int, err error) {
	store, closeStore, err := k.open(k.Dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	for {
		aside, err := store.List(baseCtx, outbox.Query{State: outbox.Aside})
		if err != nil {
			return 0, err
		}
		for _, item := range aside {
			if _, err := outbox.Settle(baseCtx, store, item.ID, k.has(item)); err != nil {
				return 0, err
			}
			k.report.Settled++
		}
		if len(aside) == 0 {
			counts, err := store.Counts(baseCtx)
			return counts.Backlog() + counts.Dead, err
		}
	}
}

// has reports whether the ledger has an item.
func (k *killRun) has(item outbox.Item) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.ContainsFunc(k.ledger, func(n int) bool { return killID(n) == item.ID })
}

// compare compares the ledger with what was acknowledged.
func (k *killRun) compare() {
	k.mu.Lock()
	defer k.mu.Unlock()
	times := map[int]int{}
	seen := map[int]map[int]int{} // by what is in order and by cycle, the last number
	for _, n := range k.ledger {
		if n < 0 { // nobody enqueued that
			k.report.Disorder++
			continue
		}
		last := seen[n%killOrders]
		if last == nil {
			last = map[int]int{}
			seen[n%killOrders] = last
		}
		if n < last[cycleOf(n)] || k.isLate(cycleOf(n), last) {
			k.report.Disorder++
		}
		last[cycleOf(n)] = n
		times[n]++
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

// isLate reports whether there was an update of a process that started after the
// process of a cycle had ended.
func (k *killRun) isLate(cycle int, seen map[int]int) bool {
	diedAt, isDead := k.diedAt[cycle]
	if !isDead {
		return false
	}
	for other := range seen {
		if other > diedAt {
			return true
		}
	}
	return false
}

// serveUntilKilled runs in the process that is to be killed.
func serveUntilKilled(config KillConfig) error {
	cycle, err := strconv.Atoi(os.Getenv(killCycle))
	if err != nil {
		return err
	}
	store, closeStore, err := config.open(os.Getenv(killDir))
	if err != nil {
		return err
	}
	client, err := trackdrive.NewClient("acme", trackdrive.WithBaseURL(os.Getenv(killURL)), trackdrive.WithAuth(trackdrive.AuthToken("made-up")))
	if err != nil {
		return err
	}
	webhooks, err := killWebhooks(os.Getenv(killURL))
	if err != nil {
		return err
	}
	victim := &victimWorker{acks: os.NewFile(3, "acks"), room: make(chan struct{}, maxBacklog), store: store, KillConfig: config}
	victim.Worker, err = outbox.New(outbox.Config{
		Store: store, Client: client, Concurrency: 6, Timeout: config.Timeout, Tokens: killToken, Webhooks: webhooks,
		Rules:   outbox.Rules{FirstWait: 2 * time.Millisecond, MaxWait: 20 * time.Millisecond},
		OnEvent: victim.note,
	})
	if err != nil {
		return err
	}
	if cycle == 0 {
		return errors.Join(victim.drain(), closeStore())
	}
	ended := make(chan error, 1)
	go func() { ended <- victim.work(baseCtx) }()
	go func() { ended <- victim.replay(os.Getenv(killReplay)) }()
	for lane := range laneCount {
		go func() { ended <- victim.enqueue(cycle, lane) }()
	}
	for {
		if err := <-ended; err != nil {
			return err
		}
	}
}

// The process enqueues on several lanes at once, each with its own calls, and no
// more than it can deliver soon.
const (
	laneCount  = 3 // divides killOrders
	maxBacklog = 48
)

// victimWorker works in the process that is killed: it enqueues, delivers, and
// reports what it has enqueued.
type victimWorker struct {
	KillConfig
	*outbox.Worker
	store outbox.Store
	acks  *os.File
	room  chan struct{} // holds one for each item on its way
}

func (v *victimWorker) work(ctx context.Context) error {
	if v.Work == nil {
		return v.Run(ctx)
	}
	return v.Work(ctx, v.store, v.Worker)
}

// drain delivers until everything is settled, or must be settled by hand.
func (v *victimWorker) drain() error {
	if v.Work == nil {
		return v.Drain(baseCtx)
	}
	working, stop := context.WithCancel(baseCtx)
	ended := make(chan error, 1)
	go func() { ended <- v.Work(working, v.store, v.Worker) }()
	for {
		select {
		case err := <-ended:
			stop()
			return fmt.Errorf("work ended early: %w", err)
		case <-time.After(lookEvery):
		}
		counts, err := v.store.Counts(baseCtx)
		// Items that are aside hold up others, and the killing process settles them.
		if err == nil && counts.Aside == 0 && counts.Waiting+counts.Sending > 0 {
			continue
		}
		stop()
		if ended := <-ended; !errors.Is(ended, context.Canceled) {
			err = errors.Join(err, ended)
		}
		return err
	}
}

// lookEvery is how often a process checks whether everything is delivered.
const lookEvery = 50 * time.Millisecond

// note makes room for another item.
func (v *victimWorker) note(e outbox.Event) {
	if e.Kind == outbox.EventDelivered || e.Kind == outbox.EventAside {
		select {
		case <-v.room:
		default:
		}
	}
}

// replay enqueues again, as a caller does who got no acknowledgement.
func (v *victimWorker) replay(list string) error {
	for text := range strings.FieldsSeq(list) {
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		item, err := killItem(n)
		if err != nil {
			return err
		}
		added, err := v.insist(item)
		if err == nil && added {
			_, err = fmt.Fprintf(v.acks, "again %d\n", n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *victimWorker) enqueue(cycle, lane int) error {
	for n := firstNumber(cycle, lane); ; n += laneCount {
		v.waitForRoom()
		item, err := killItem(n)
		if err != nil {
			return err
		}
		if _, err := v.insist(item); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(v.acks, n); err != nil {
			return err
		}
	}
}

// waitForRoom waits until this process has delivered something. It does not wait
// for long, because other processes may deliver its items.
func (v *victimWorker) waitForRoom() {
	var enough <-chan time.Time
	if v.Processes > 1 {
		enough = time.After(shortWait)
	}
	select {
	case v.room <- struct{}{}:
	case <-enough:
	}
}

// insist enqueues an item. While a server restarts, it tries again with the same id.
func (v *victimWorker) insist(item outbox.Item) (added bool, err error) {
	for began := time.Now(); ; {
		_, added, err = v.Enqueue(baseCtx, item)
		if err == nil || v.Disturb == nil || time.Since(began) > stuckAfter/2 {
			return added, err
		}
		<-time.After(shortWait)
	}
}

const shortWait = 100 * time.Millisecond

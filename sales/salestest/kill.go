// Kill: processes that sell leads are killed and stopped at the worst moments, and
// in the end the desk must agree with the ledger of whoever bought.

package salestest

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// KillConfig configures [Kill]. Open, Test and Dir must be set.
type KillConfig struct {
	// Open opens the store in a directory, and returns a function that closes it. It
	// is called in the processes that are killed, and in this one when they are gone.
	// Two processes have the store open at once only if there are several Processes.
	Open func(dir string) (store sales.Store, closeStore func() error, err error)

	Test  string // the name of the test or example that calls Kill; the processes to be killed run it, too
	Dir   string // an empty directory for the store, such as t.TempDir()
	Kills int    // how often to kill a process. Default 20
	Stops int    // how often to stop a process (SIGSTOP) for longer than the lease, and then let it go on. Default: half of Kills; negative, and on systems without the signal: never
	Seed  uint64 // the seed of everything random except the scheduler. Default: a new one each time

	Processes int           // how many processes sell at once, all of them the same leads. Default 1, for a store that only one process can open
	Lease     time.Duration // see sales.Config. A store that is slower than this sells little. Default 500 ms

	// Disturb is called before every fifth kill, while the processes work. It may
	// restart a server. If it is set, opening the store is tried again.
	Disturb func() error
}

// withDefaults returns the configuration with its defaults.
func (c KillConfig) withDefaults() KillConfig {
	c.Kills = cmp.Or(c.Kills, 20)
	c.Stops = max(0, cmp.Or(c.Stops, c.Kills/2))
	if !canStop {
		c.Stops = 0
	}
	c.Processes = max(c.Processes, 1)
	c.Lease = cmp.Or(c.Lease, 500*time.Millisecond)
	for c.Seed == 0 {
		c.Seed = rand.Uint64()
	}
	return c
}

// open opens the store, and tries again while a server restarts.
func (c *KillConfig) open(dir string) (store sales.Store, closeStore func() error, err error) {
	for began := time.Now(); ; {
		store, closeStore, err = c.Open(dir)
		if err == nil || c.Disturb == nil || time.Since(began) > killStuckAfter/2 {
			return store, closeStore, err
		}
		<-time.After(killLookEvery)
	}
}

// KillReport is the result of [Kill].
type KillReport struct {
	Seed      uint64 // the seed, to repeat the run
	Kills     int    // processes that were killed
	Stops     int    // processes that were stopped for longer than the lease
	Disturbed int    // calls of Disturb

	Leads      int // leads that were offered, each many times
	Offers     int // calls of Desk.Auction and Desk.Post
	Posts      int // posts, and pings that may sell, that arrived
	Fenced     int // notes that the store refused because their lease had ended
	Unrecorded int // calls that ended with ErrNotRecorded

	Sold        int // leads that the desk called sold after the last kill
	Unsold      int // leads that it called unsold or open, or did not know
	Unknown     int // leads that it called unknown
	UnknownSold int // unknown leads that the ledger has as sold

	SoldTwice    int // leads that were sold more than once: must be 0
	Forgotten    int // sold leads that the desk called unsold or open, or did not know: must be 0
	Unnoted      int // leads with a post, or a ping that may sell, that the desk has no note of: must be 0
	Unlisted     int // unknown leads that Desk.Unsettled did not list: must be 0
	Unfounded    int // leads that the desk called sold, and that nobody had bought: must be 0
	Contradicted int // leads that the desk told a process were sold, and later something else, or with another number: must be 0
	Unsettled    int // leads that were neither sold nor unsold when all was resolved and offered again: must be 0
}

// String returns the report on one line.
func (r KillReport) String() string {
	disturbed := ""
	if r.Disturbed > 0 {
		disturbed = fmt.Sprintf(", %d disturbances", r.Disturbed)
	}
	return fmt.Sprintf("%d kills, %d stops%s: %d leads offered %d times, %d posts, %d notes fenced off, %d sales not recorded; %d sold, %d unsold, %d unknown (%d of them sold); "+
		"%d sold twice, %d forgotten, %d unnoted, %d unlisted, %d unfounded, %d contradicted, %d unsettled (seed %d)",
		r.Kills, r.Stops, disturbed, r.Leads, r.Offers, r.Posts, r.Fenced, r.Unrecorded, r.Sold, r.Unsold, r.Unknown, r.UnknownSold,
		r.SoldTwice, r.Forgotten, r.Unnoted, r.Unlisted, r.Unfounded, r.Contradicted, r.Unsettled, r.Seed)
}

// The environment variables that tell the processes to be killed what to do.
const (
	killDir     = "SALESTEST_KILL_DIR"
	killURL     = "SALESTEST_KILL_URL"
	killSeed    = "SALESTEST_KILL_SEED"
	killProcess = "SALESTEST_KILL_PROCESS" // its number, from 1
)

// Kill starts processes that sell the same leads with a [sales.Desk], through
// auctions and posts, to a fake TrackDrive and another market in this process. It
// kills them (SIGKILL) and stops them (SIGSTOP) after a random number of requests or
// notes, and starts others, which offer the leads again. Meanwhile pings sell,
// answers are lost or late, and the store fails or stalls around a post.
//
// The test fails unless in the end, by the ledger of the buyers, no lead is sold
// twice, and the desk calls every lead that is sold either sold or unknown. Kill then
// resolves what is unknown, offers every lead again, and looks again.
//
// The processes are this test binary, running only config.Test. That test must call
// Kill soon, and with the same Open; in those processes Kill does not return. Kill
// needs processes that inherit files, so it does not work on Windows. It takes about
// half a second for each kill, and a lease or two for each stop.
func Kill(t trackdrivetest.TB, config KillConfig) KillReport {
	t.Helper()
	if config.Open == nil || config.Test == "" || config.Dir == "" {
		t.Fatalf("salestest: KillConfig needs Open, Test and Dir")
		return KillReport{}
	}
	config = config.withDefaults()
	if os.Getenv(killDir) != "" {
		fmt.Fprintln(os.Stderr, "salestest:", sellUntilKilled(config))
		os.Exit(1)
	}
	k := &killRun{
		KillConfig: config, random: newKillRandom(config.Seed, 0), report: KillReport{Seed: config.Seed}, stories: map[string][]string{},
		said: make(chan *killedProcess, config.Processes), told: map[int]killWord{},
	}
	k.market = newKillMarket(k.random, config.Lease, k.happened)
	if err := k.run(); err != nil {
		t.Fatalf("salestest: after %d kills and %d stops, with seed %d: %v", k.report.Kills, k.report.Stops, config.Seed, err)
		return k.report
	}
	if len(k.stories) > 0 {
		t.Errorf("salestest: %s\n%s", k.report, k.allStories())
	}
	return k.report
}

// killRun is one run of Kill, in the process that kills.
type killRun struct {
	KillConfig
	random  *killRandom
	market  *killMarket
	report  KillReport
	stories map[string][]string // of leads that are not as they must be, by what is wrong

	scratch string // for the temporary files of the processes, which cannot remove them
	started int
	living  []*killedProcess
	said    chan *killedProcess // the processes that have ended

	mu     sync.Mutex
	told   map[int]killWord // by lead: what a process was told last of a sale
	wrong  []int            // leads of which processes were told different things
	at     killMoment       // which events count
	left   int              // events until the strike
	strike func()           // nil if nothing is to be struck
}

// killMoment is when a process is struck.
type killMoment int

const (
	atArrival killMoment = iota // a request arrived, and was not acted on yet
	atAnswer                    // the buyer acted, and the answer is on its way
	atNote                      // the store is about to be given a note
	atWord                      // an offer began or ended
	killMoments
)

// How long things take.
const (
	killStuckAfter = time.Minute // a process that does nothing for so long is stuck
	killLookEvery  = 50 * time.Millisecond
)

// killEvents divided among the processes and this one is the maximum number of events
// of a kind from one strike to the next. In that time, leases end.
const killEvents = 120

// disturbEvery is the number of kills from one call of Disturb to the next.
const disturbEvery = 5

func (k *killRun) run() (err error) {
	if k.scratch, err = os.MkdirTemp("", "salestest-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(k.scratch)) }()
	if err := k.market.open(); err != nil {
		return err
	}
	err = k.strikeAll()
	k.killAll()
	if err := errors.Join(err, k.market.close()); err != nil {
		return err
	}
	return k.compareAll()
}

// strikeAll kills and stops processes in a random order.
func (k *killRun) strikeAll() error {
	isStop := make([]bool, k.Kills+k.Stops)
	for i := range k.Stops {
		isStop[i] = true
	}
	k.random.shuffle(isStop)
	for _, stop := range isStop {
		for len(k.living) < k.Processes {
			if err := k.start(); err != nil {
				return err
			}
		}
		strike := k.killOne
		if stop {
			strike = k.stopOne
		}
		if err := strike(); err != nil {
			return err
		}
	}
	return nil
}

// killOne kills one of the processes at a random moment, and waits until it has ended.
func (k *killRun) killOne() error {
	if k.Disturb != nil && (k.report.Kills+1)%disturbEvery == 0 {
		if err := k.Disturb(); err != nil {
			return err
		}
		k.report.Disturbed++
	}
	victim, struck := k.arm((*os.Process).Kill)
	p, err := k.await(nil)
	switch {
	case err != nil:
		return err
	case p != victim || !isClosed(struck):
		return p.failed()
	}
	k.report.Kills++
	return nil
}

// stopOne stops one of the processes at a random moment for longer than the lease.
func (k *killRun) stopOne() error {
	victim, struck := k.arm(stopProcess)
	p, err := k.await(struck)
	switch {
	case err != nil:
		return err
	case p != nil:
		return p.failed()
	}
	<-time.After(k.Lease * time.Duration(12+k.random.below(10)) / 10)
	k.report.Stops++
	return continueProcess(victim.cmd.Process)
}

// arm chooses which process to strike, and when. It closes struck when it does.
func (k *killRun) arm(signal func(*os.Process) error) (victim *killedProcess, struck chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	victim, struck = k.living[k.random.below(len(k.living))], make(chan struct{})
	k.at, k.left = killMoment(k.random.below(int(killMoments))), 1+k.random.below(killEvents/(k.Processes+1))
	k.strike = func() {
		close(struck)
		_ = signal(victim.cmd.Process) // it is noticed if the process is gone already
	}
	return victim, struck
}

// happened counts an event, and strikes when it is time.
func (k *killRun) happened(m killMoment) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.strike == nil || k.at != m {
		return
	}
	if k.left--; k.left == 0 {
		k.strike()
		k.strike = nil
	}
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// killedProcess is a process that sells leads until it is killed.
type killedProcess struct {
	number int
	cmd    *exec.Cmd
	stderr strings.Builder
	ended  error // how it ended, once it has
}

func (p *killedProcess) failed() error {
	ended := p.ended
	if ended == nil {
		ended = errNothingRan
	}
	return fmt.Errorf("process %d ended by itself: %w: %s", p.number, ended, p.stderr.String())
}

var errNothingRan = errors.New("there is no such test, or it did not call Kill; give the name of the test that calls it")

func (k *killRun) start() error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	k.started++
	p := &killedProcess{number: k.started, cmd: exec.Command(program, "-test.run=^"+k.Test+"$")}
	p.cmd.Env = append(os.Environ(), "TMPDIR="+k.scratch, killDir+"="+k.Dir, killURL+"="+k.market.url,
		killSeed+"="+strconv.FormatUint(k.Seed, 10), killProcess+"="+strconv.Itoa(p.number))
	p.cmd.ExtraFiles = []*os.File{write}
	p.cmd.Stderr = &p.stderr
	err = p.cmd.Start()
	_ = write.Close()
	if err != nil {
		return errors.Join(err, read.Close())
	}
	k.living = append(k.living, p)
	go func() {
		err := k.listen(p, read)
		p.ended = errors.Join(p.cmd.Wait(), err, read.Close())
		k.said <- p
	}()
	return nil
}

// await waits for the next process to end, or for struck.
func (k *killRun) await(struck chan struct{}) (*killedProcess, error) {
	stuck := time.NewTimer(killStuckAfter)
	defer stuck.Stop()
	select {
	case <-struck:
		return nil, nil
	case p := <-k.said:
		k.living = slices.DeleteFunc(k.living, func(other *killedProcess) bool { return other == p })
		return p, nil
	case <-stuck.C:
		living := k.living
		k.killAll()
		var all strings.Builder
		for _, p := range living {
			fmt.Fprintf(&all, "%d: %s\n", p.number, p.stderr.String())
		}
		return nil, fmt.Errorf("the processes are stuck:\n%s", all.String())
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

// listen reads what a process says, until it ends.
func (k *killRun) listen(p *killedProcess, r io.Reader) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		word, err := parseKillWord(lines.Text())
		if err != nil {
			return fmt.Errorf("process %d: %w", p.number, err)
		}
		k.hear(word)
		switch word.kind {
		case saysNote:
			k.happened(atNote)
		case saysFenced:
		default:
			k.happened(atWord)
		}
	}
	return lines.Err()
}

// hear keeps what a process was told.
func (k *killRun) hear(w killWord) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch w.kind {
	case saysBegun:
		k.report.Offers++
	case saysFenced:
		k.report.Fenced++
	case saysSold, saysUnrecorded:
		if w.kind == saysUnrecorded {
			k.report.Unrecorded++
		}
		before, isKnown := k.told[w.lead]
		if w.number == "" || isKnown && before.number != w.number {
			k.wrong = append(k.wrong, w.lead)
		}
		if before.kind != saysSold {
			k.told[w.lead] = w
		}
	}
}

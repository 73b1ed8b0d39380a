package riverstore

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/companyrest"
	"github.com/trackdrive-go/trackdrive/outbox"
)

// silentTransport answers nothing.
type silentTransport struct{}

func (silentTransport) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, io.ErrUnexpectedEOF
}

// processesOf returns what several processes on a database know.
func processesOf(t *testing.T, n int) []*restingCompanies {
	t.Helper()
	s, _ := storeWithItem(t)
	s.options.Logger = slog.New(slog.DiscardHandler)
	processes := make([]*restingCompanies, n)
	for i := range processes {
		client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(silentTransport{}), trackdrive.WithAuth(trackdrive.AuthToken("made-up")))
		require.NoError(t, err)
		worker, err := outbox.New(outbox.Config{Store: s, Client: client})
		require.NoError(t, err)
		processes[i] = newRestingCompanies(s, worker)
	}
	return processes
}

// look refreshes now.
func (r *restingCompanies) look(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	r.tryAt, r.knownAt = time.Time{}, time.Time{}
	r.mu.Unlock()
	require.NoError(t, r.refresh(t.Context()))
}

func (r *restingCompanies) rest(t *testing.T, state companyrest.State) {
	t.Helper()
	companyrest.Set(r.worker, "acme", &state)
	r.note(t.Context(), "acme", false)
}

func (r *restingCompanies) state(t *testing.T) (companyrest.State, bool) {
	t.Helper()
	r.look(t)
	return companyrest.Get(r.worker, "acme")
}

func TestProcessesShareCompaniesThatRest(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, want := range map[string]companyrest.State{
		"paused": {Paused: true, Until: now.Add(time.Minute)},
		"rests": {
			Failures: 5, Until: now.Add(time.Minute), Doubts: 2, AdditiveFrom: now.Add(time.Hour), BlindFrom: now.Add(2 * time.Hour),
		},
		"its time has come": {Failures: 3, Until: now.Add(-time.Minute)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := processesOf(t, 3)
			p[0].rest(t, want)
			for _, other := range p {
				got, rests := other.state(t)
				require.True(t, rests)
				for _, at := range []struct{ want, got time.Time }{{want.Until, got.Until}, {want.AdditiveFrom, got.AdditiveFrom}, {want.BlindFrom, got.BlindFrom}} {
					require.WithinDuration(t, at.want, at.got, 5*time.Second)
				}
				got.Until, got.AdditiveFrom, got.BlindFrom = want.Until, want.AdditiveFrom, want.BlindFrom
				require.Equal(t, want, got)
				require.Equal(t, want.Paused, len(other.worker.Paused()) == 1)
			}
			p[1].worker.Resume("acme")
			for _, i := range []int{1, 0, 2} {
				_, rests := p[i].state(t)
				require.False(t, rests, "resumed for all processes")
			}
		})
	}
}

func TestOneProcessProbesForAll(t *testing.T) {
	t.Parallel()
	p := processesOf(t, 2)
	p[0].rest(t, companyrest.State{Failures: 3, Until: time.Now().Add(-time.Second)})
	probes := func(i int, lease time.Duration) bool {
		isMine, err := p[i].probe(t.Context(), "acme", lease)
		require.NoError(t, err)
		return isMine
	}
	p[1].look(t)
	require.True(t, probes(1, time.Minute))
	require.False(t, probes(0, time.Minute), "the other process probes")
	require.False(t, probes(0, time.Minute), "which this one knows by now")
	release, wait := p[0].worker.Admit("acme")
	require.Nil(t, release)
	require.Positive(t, wait)

	companyrest.Set(p[1].worker, "acme", &companyrest.State{Failures: 4, Until: time.Now().Add(time.Hour)}) // it failed
	p[1].note(t.Context(), "acme", true)
	require.False(t, probes(0, time.Minute), "before the rest is over")
	require.False(t, probes(0, time.Minute), "which this process knows by now")
	got, _ := companyrest.Get(p[0].worker, "acme")
	require.Equal(t, 4, got.Failures)
	require.WithinDuration(t, time.Now().Add(time.Hour), got.Until, 5*time.Second)

	companyrest.Set(p[0].worker, "acme", &companyrest.State{Failures: 4, Until: time.Now().Add(-time.Second)})
	p[0].note(t.Context(), "acme", false)
	require.True(t, probes(0, time.Minute))
	companyrest.Set(p[0].worker, "acme", nil) // it was answered
	p[0].note(t.Context(), "acme", true)
	_, rests := p[1].state(t)
	require.False(t, rests)
}

func TestAProbeOfAProcessThatDiedIsRepeated(t *testing.T) {
	t.Parallel()
	p := processesOf(t, 2)
	p[0].rest(t, companyrest.State{Failures: 3, Until: time.Now().Add(-time.Second)})
	isMine, err := p[0].probe(t.Context(), "acme", 500*time.Millisecond)
	require.NoError(t, err)
	require.True(t, isMine)
	require.Eventually(t, func() bool {
		isMine, err := p[1].probe(t.Context(), "acme", time.Minute)
		_, isKnown := p[1].knows("acme")
		p[1].look(t)
		return err == nil && isMine && isKnown
	}, 20*time.Second, 10*time.Millisecond)
}

func TestTheFirstOfTwoProcessesDecides(t *testing.T) {
	t.Parallel()
	p := processesOf(t, 2)
	p[0].rest(t, companyrest.State{Failures: 3, Until: time.Now().Add(time.Minute)})
	p[1].rest(t, companyrest.State{Failures: 7, Until: time.Now().Add(time.Hour)})
	for _, process := range p {
		got, rests := process.state(t)
		require.True(t, rests)
		require.Equal(t, 3, got.Failures)
	}
	// A change to a row that another process has changed is lost.
	p[0].rest(t, companyrest.State{Failures: 4, Until: time.Now().Add(time.Minute)})
	p[1].rest(t, companyrest.State{Failures: 8, Until: time.Now().Add(time.Hour)})
	for _, process := range p {
		got, _ := process.state(t)
		require.Equal(t, 4, got.Failures)
	}
}

func TestWhatCouldNotBeStoredIsStoredLater(t *testing.T) {
	t.Parallel()
	p := processesOf(t, 2)
	companyrest.Set(p[0].worker, "acme", &companyrest.State{Failures: 3, Until: time.Now().Add(time.Minute)})
	_, rests := p[1].state(t)
	require.False(t, rests)
	p[0].look(t)
	_, rests = p[1].state(t)
	require.True(t, rests)
}

// TestAResumeWinsOverWhatIsNotYetKnown has a process that resumes a company, and does
// not know that another one has just probed it in vain.
func TestAResumeWinsOverWhatIsNotYetKnown(t *testing.T) {
	t.Parallel()
	paused := func(after time.Duration) companyrest.State {
		return companyrest.State{Paused: true, Until: time.Now().Add(after)}
	}
	for name, test := range map[string]struct {
		known bool                                      // by the process that resumes
		then  func(t *testing.T, p []*restingCompanies) // what happens before it looks again
		first int                                       // which process looks first
	}{
		"it looks first":         {true, func(*testing.T, []*restingCompanies) {}, 1},
		"the other one does":     {true, func(*testing.T, []*restingCompanies) {}, 0},
		"it did not know at all": {false, func(*testing.T, []*restingCompanies) {}, 1},
		"a delivery of its ends": {true, func(t *testing.T, p []*restingCompanies) { t.Helper(); p[1].note(t.Context(), "acme", false) }, 0},
		"a probe of its is begun": {true, func(t *testing.T, p []*restingCompanies) {
			t.Helper()
			_, err := p[1].probe(t.Context(), "acme", time.Minute)
			require.NoError(t, err)
		}, 0},
		"it hears of the old state": {true, func(t *testing.T, p []*restingCompanies) {
			t.Helper()
			companyrest.Set(p[1].worker, "acme", &companyrest.State{Paused: true, Until: time.Now().Add(time.Hour)})
		}, 1},
		"the database fails at first": {true, func(t *testing.T, p []*restingCompanies) {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			require.Error(t, p[1].read(ctx))
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := processesOf(t, 3)
			p[0].rest(t, paused(time.Minute))
			if test.known {
				p[1].look(t)
			}
			p[2].look(t)
			p[0].rest(t, paused(time.Hour))
			p[1].worker.Resume("acme")
			test.then(t, p)
			p[test.first].look(t)
			p[1].look(t)
			for _, other := range p {
				_, rests := other.state(t)
				require.False(t, rests, "resumed for all processes")
				require.Empty(t, other.worker.Paused())
			}

			p[1].rest(t, paused(time.Minute)) // the credentials are still wrong
			for _, other := range p {
				_, rests := other.state(t)
				require.True(t, rests, "paused again")
			}
		})
	}
}

// TestADeliveryToACompanyThatIsFineAsksNothing has a database that answers nothing.
func TestADeliveryToACompanyThatIsFineAsksNothing(t *testing.T) {
	t.Parallel()
	p := processesOf(t, 1)[0]
	p.look(t)
	p.store.pool.Close()
	require.NoError(t, p.refresh(context.Background()))
	p.reading.Lock() // whoever reads or writes the table waits for ever
	p.note(t.Context(), "acme", false)
}

// TestWhatWasKnownLongAgoIsReadAgain has a process that did nothing for a while, and
// whose table somebody else is reading just now.
func TestWhatWasKnownLongAgoIsReadAgain(t *testing.T) {
	t.Parallel()
	p := processesOf(t, 2)
	p[1].look(t)
	p[0].rest(t, companyrest.State{Failures: 3, Until: time.Now().Add(time.Hour)})
	p[1].mu.Lock()
	p[1].tryAt, p[1].knownAt = time.Now().Add(time.Minute), time.Now().Add(-companyMaxAge)
	p[1].mu.Unlock()
	require.NoError(t, p[1].refresh(t.Context()))
	_, rests := companyrest.Get(p[1].worker, "acme")
	require.True(t, rests)
}

// TestNothingIsSentBeforeTheCompaniesThatRestAreKnown has a process that starts while
// the table cannot be read.
func TestNothingIsSentBeforeTheCompaniesThatRestAreKnown(t *testing.T) {
	t.Parallel()
	starts := map[string]func(*testing.T, *Engine) error{
		"Start": func(t *testing.T, e *Engine) error {
			t.Helper()
			t.Cleanup(func() { require.NoError(t, e.Stop(context.Background())) })
			return e.Start(context.Background())
		},
		"AddWorkers": func(t *testing.T, e *Engine) error {
			t.Helper()
			workers := river.NewWorkers()
			e.AddWorkers(workers)
			o := e.config.Store.options
			client, err := river.NewClient(riverpgxv5.New(e.config.Store.pool), &river.Config{
				Schema: o.Schema, Logger: o.Logger, Queues: e.Queues(), Workers: workers, FetchCooldown: time.Millisecond, FetchPollInterval: 10 * time.Millisecond,
			})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, client.Stop(context.Background())) })
			return client.Start(context.Background())
		},
	}
	for name, state := range map[string]companyrest.State{
		"rests":  {Failures: 3, Until: time.Now().Add(time.Hour)},
		"paused": {Paused: true, Until: time.Now().Add(time.Hour)},
	} {
		for how, start := range starts {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				p := processesOf(t, 2)
				p[0].rest(t, state)
				s := p[0].store
				const n = 20
				for i := 2; i <= n; i++ { // one more waits already
					newItemOf(t, s, fmt.Sprint("sale-", i), fmt.Sprint("u-", i))
				}
				engine, err := New(Config{Store: s, Worker: p[1].worker, Poll: 10 * time.Millisecond})
				require.NoError(t, err)

				tx, err := s.pool.Begin(t.Context())
				require.NoError(t, err)
				_, err = tx.Exec(t.Context(), `LOCK TABLE `+s.options.name(companyTable)+` IN ACCESS EXCLUSIVE MODE`)
				require.NoError(t, err)
				started := make(chan error, 1)
				go func() { started <- start(t, engine) }()
				require.Eventually(t, func() bool {
					var waits bool
					err := tx.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = $1::regclass)`, s.options.name(companyTable)).Scan(&waits)
					return err == nil && waits
				}, 20*time.Second, time.Millisecond)
				require.NoError(t, tx.Rollback(t.Context()))
				require.NoError(t, <-started)
				require.Eventually(t, func() bool {
					var back int
					err := s.pool.QueryRow(t.Context(), `SELECT count(*) FROM `+s.options.name("river_job")+` WHERE kind = $1 AND priority = $2`, deliverArgs{}.Kind(), restingPriority).Scan(&back)
					return err == nil && back == n
				}, 20*time.Second, 10*time.Millisecond, "all of them look, and step back")
				counts, err := s.Counts(t.Context())
				require.NoError(t, err)
				require.Equal(t, n, counts.Waiting)
				items, err := s.List(t.Context(), outbox.Query{State: outbox.Waiting})
				require.NoError(t, err)
				for _, item := range items {
					require.Zero(t, item.Attempts)
					require.Empty(t, item.LastError, "it was not sent")
				}
			})
		}
	}
}

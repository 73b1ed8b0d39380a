package riverstore

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// batchLog is a database that answers each number with its double.
type batchLog struct {
	requestBatcher[int, int]

	mu      sync.Mutex
	batches [][]int
	most    int // batches in progress at once
	now     int
}

// newBatchLog returns one whose batches take as long as meet does.
func newBatchLog(meet func(ctx context.Context, requests []int) error) *batchLog {
	l := &batchLog{}
	l.answerAll = func(ctx context.Context, requests []int) ([]int, error) {
		l.begin(requests)
		defer l.end()
		if err := meet(ctx, requests); err != nil {
			return nil, err
		}
		answers := make([]int, len(requests))
		for i, n := range requests {
			answers[i] = 2 * n
		}
		return answers, nil
	}
	return l
}

func (l *batchLog) begin(requests []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.batches = append(l.batches, slices.Clone(requests))
	l.now++
	l.most = max(l.most, l.now)
}

func (l *batchLog) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now--
}

// askAll asks for the numbers below n at once, and returns the answers and errors.
func (l *batchLog) askAll(ctx context.Context, n int) ([]int, []error) {
	answers, errs := make([]int, n), make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { answers[i], errs[i] = l.ask(ctx, i) })
	}
	all.Wait()
	return answers, errs
}

func takeASecond(context.Context, []int) error {
	<-time.After(time.Second)
	return nil
}

func TestRequestsThatComeMeanwhileShareABatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newBatchLog(takeASecond)
		const n = 2*batchSize + 50
		answers, errs := l.askAll(t.Context(), n)
		for i := range n {
			require.NoError(t, errs[i])
			require.Equal(t, 2*i, answers[i])
		}
		require.Equal(t, batchesAtOnce, l.most)
		require.LessOrEqual(t, len(l.batches), 2+batchesAtOnce+1)
		for _, batch := range l.batches {
			require.LessOrEqual(t, len(batch), batchSize)
		}
		synctest.Wait()
		require.Zero(t, l.inProgress)
	})
}

func TestARequestDoesNotWaitForCompany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newBatchLog(takeASecond)
		for range 3 {
			began := time.Now()
			answer, err := l.ask(t.Context(), 21)
			require.NoError(t, err)
			require.Equal(t, 42, answer)
			require.Equal(t, time.Second, time.Since(began))
		}
	})
}

func TestOnlyTheRequestAtFaultFails(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	for name, fail := range map[string]func() error{
		"an error": func() error { return refused },
		"a panic":  func() error { panic("a hook of the pool") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newBatchLog(func(ctx context.Context, requests []int) error {
					_ = takeASecond(ctx, requests)
					if slices.Contains(requests, 7) {
						return fail()
					}
					return nil
				})
				answers, errs := l.askAll(t.Context(), 20)
				for i := range answers {
					if i == 7 {
						require.Error(t, errs[i])
						continue
					}
					require.NoError(t, errs[i])
					require.Equal(t, 2*i, answers[i])
				}
			})
		})
	}
}

func TestABatchIsNotRepeatedWithoutAConnection(t *testing.T) {
	t.Parallel()
	for name, meet := range map[string]func(context.Context, []int) error{
		"refused": func(ctx context.Context, requests []int) error {
			_ = takeASecond(ctx, requests)
			return ErrNoConnection
		},
		"no answer": func(ctx context.Context, _ []int) error {
			<-ctx.Done()
			return ctx.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newBatchLog(meet)
				_, errs := l.askAll(t.Context(), 20)
				for _, err := range errs {
					require.ErrorIs(t, err, ErrNoConnection)
				}
				require.LessOrEqual(t, len(l.batches), batchesAtOnce+1)
			})
		})
	}
}

func TestARequestEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		ahead    int // requests that are taken before it
		takes    time.Duration
		ends     time.Duration // of the context
		wantErr  error
		wantWait time.Duration
		wantAsk  bool
	}{
		{"before it is asked", 0, time.Second, 0, context.Canceled, 0, false},
		{"before it is taken", batchesAtOnce, time.Hour, time.Second, context.Canceled, time.Second, false},
		{"when the answer is on its way", 0, 2 * time.Second, time.Second, nil, 2 * time.Second, true},
		{"when the answer is late", 0, 30 * time.Second, time.Second, context.Canceled, time.Second + batchGrace, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newBatchLog(func(ctx context.Context, _ []int) error {
					select {
					case <-time.After(c.takes):
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				})
				for range c.ahead {
					go func() { _, _ = l.ask(context.Background(), 0) }()
					synctest.Wait()
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.ends == 0 {
					cancel()
				}
				time.AfterFunc(c.ends, cancel)
				began := time.Now()
				_, err := l.ask(ctx, 7)
				require.ErrorIs(t, err, c.wantErr)
				require.Equal(t, c.wantWait, time.Since(began))
				<-time.After(2 * batchTimeout) // until all batches are over
				asked := slices.ContainsFunc(l.batches, func(batch []int) bool { return slices.Contains(batch, 7) })
				require.Equal(t, c.wantAsk, asked)
			})
		})
	}
}

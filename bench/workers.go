package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trackdrive-go/trackdrive"
)

const workerRounds = 3

// compareRates lets many workers ping at once, with 20 buyers a reply.
func compareRates(b *benchRun) {
	span := 2 * time.Second
	if b.quick {
		span = 300 * time.Millisecond
	}
	url := b.server(20)
	for _, workers := range []int{64, 512} {
		counting, dials := countDials()
		library := pingWithLibrary(pingTarget{url: url, transport: counting})
		list := []leadPinger{
			library,
			pingWithRetryable(itsOwn(url)).named(peerRetryable + itsTransport),
			pingWithRetryable(withOurs(url)).named(peerRetryable + ourTransport),
			pingWithFasthttp(url),
			pingWithResty(itsOwn(url)).named(peerResty + itsTransport),
			pingWithResty(withOurs(url)).named(peerResty + ourTransport),
		}
		rates := make([][]float64, len(list))
		for range workerRounds {
			for i, p := range list {
				rates[i] = append(rates[i], p.rate(workers, span))
			}
		}
		ours := medianOf(rates[0])
		for i, p := range list[1:] {
			theirs := medianOf(rates[i+1])
			b.table.add(tableRow{
				job: fmt.Sprintf("%d workers, requests a second", workers), peer: p.name,
				ours: fmt.Sprintf("%.0f", ours), theirs: fmt.Sprintf("%.0f", theirs), figure: ours / theirs,
			})
		}
		before := dials.Load()
		library.rate(workers, span)
		b.table.add(tableRow{job: fmt.Sprintf("%d workers", workers), peer: countedDials, figure: float64(dials.Load() - before)})
	}
}

func itsOwn(url string) pingTarget {
	return pingTarget{url: url, transport: http.DefaultTransport.(*http.Transport).Clone()}
}

func withOurs(url string) pingTarget {
	return pingTarget{url: url, transport: trackdrive.NewTransport(nil)}
}

func (p leadPinger) named(name string) leadPinger { return leadPinger{name, p.ping} }

// rate returns requests a second of so many workers.
func (p leadPinger) rate(workers int, span time.Duration) float64 {
	var done atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	end := start.Add(span)
	for range workers {
		wg.Go(func() {
			for time.Now().Before(end) {
				_, err := p.ping()
				must(err)
				done.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / time.Since(start).Seconds()
}

// countDials returns our transport, and how often it has dialled.
func countDials() (http.RoundTripper, *atomic.Int64) {
	dials := new(atomic.Int64)
	base := http.DefaultTransport.(*http.Transport).Clone()
	dial := base.DialContext
	base.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials.Add(1)
		return dial(ctx, network, addr)
	}
	return trackdrive.NewTransport(base), dials
}

package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/trackdrive-go/trackdrive"
)

const (
	shortRefusal = 1 << 10
	longRefusal  = 64 << 10

	peerShortRefusal = "the same with 1 KB"
)

// compareRefusals has "no buyer", which is an answer, and statuses whose bodies
// say why: beside the peer, and beside the same with a short body.
func compareRefusals(b *benchRun) {
	noBuyer := instantReply([]byte(noBuyerReply))
	b.contest("Ping, no buyer", []contestEntry{
		pingWithLibrary(noBuyer).entry(0), pingWithRetryable(noBuyer).entry(0),
		pingByHand(peerGoccy, noBuyer, goccyCodec).entry(0),
	})
	for _, status := range []int{http.StatusUnprocessableEntity, http.StatusServiceUnavailable} {
		short := pingTarget{transport: instantTransport{status, refusalReply(shortRefusal)}, once: true}
		long := pingTarget{transport: instantTransport{status, refusalReply(longRefusal)}, once: true}
		results := b.compete([]contestEntry{
			pingWithLibrary(short).refusedEntry(status), pingWithRetryable(short).refusedEntry(status),
			pingWithLibrary(long).refusedEntry(status), pingWithRetryable(long).refusedEntry(status),
		})
		shortJob, longJob := fmt.Sprintf("Ping, %d, 1 KB of errors", status), fmt.Sprintf("Ping, %d, 64 KB of errors", status)
		b.table.addTimes(shortJob, peerRetryable, results[0], results[1])
		b.table.addTimes(longJob, peerRetryable, results[2], results[3])
		b.table.addTimes(longJob, peerShortRefusal, results[2], results[0])
	}
}

// refusedEntry pings, and wants to be refused with a status and reasons.
func (p leadPinger) refusedEntry(status int) contestEntry {
	return contestEntry{p.name, func(times int) {
		for range times {
			_, err := p.ping()
			if got, reasons := refusalOf(err); got != status || reasons == 0 {
				panic(fmt.Sprintf("%s: not refused with %d and reasons: %v", p.name, status, err))
			}
		}
	}}
}

// refusalOf returns the status of a refused ping and the number of its reasons.
func refusalOf(err error) (status, reasons int) {
	var ours *trackdrive.Error
	if errors.As(err, &ours) {
		return ours.StatusCode, len(ours.Errors)
	}
	var byHand *handError
	if errors.As(err, &byHand) {
		return byHand.status, len(byHand.reasons)
	}
	return 0, 0
}

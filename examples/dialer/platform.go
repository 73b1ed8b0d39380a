// The other platform: it reserves a buyer for a lead, as Retreaver does, and sells the
// lead when the reservation is confirmed.

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive"
)

// fakePlatform answers at /rtbs.json and /rtbs/ID.json.
type fakePlatform struct {
	mu       sync.Mutex
	reserved map[string]reservedBid // by id; none twice
	count    int
	ledger   map[string][]ledgerLine // by the callerKey
}

type reservedBid struct {
	caller string
	payout trackdrive.Amount
	number string
}

func newFakePlatform() *fakePlatform {
	return &fakePlatform{reserved: map[string]reservedBid{}, ledger: map[string][]ledgerLine{}}
}

// ServeHTTP answers.
func (p *fakePlatform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Caller string `json:"caller_number"`
		Zip    string `json:"caller_zip"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var reply string
	if id, isConfirmation := strings.CutPrefix(r.URL.Path, "/rtbs/"); isConfirmation {
		reply = p.confirm(strings.TrimSuffix(id, ".json"))
	} else {
		reply = p.reserve(asked.Caller, asked.Zip)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(reply)) // whoever is gone misses it
}

// reserve bids from 10.00 to 28.99, by the zip code.
func (p *fakePlatform) reserve(caller, zip string) string {
	if isUnwanted(zip) || hasChance(pingFailed) {
		return `{"status":"no-target"}`
	}
	var cents int
	for _, digit := range zip {
		cents = (cents*31 + int(digit)) % 1900
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
	id := fmt.Sprintf("5f1c0d0e-0000-4000-8000-%012d", p.count)
	given := reservedBid{
		caller: callerKey(caller),
		payout: trackdrive.MustAmount(fmt.Sprintf("%d.%02d", 10+cents/100, cents%100)),
		number: fmt.Sprintf("+155555501%02d", p.count%100),
	}
	p.reserved[id] = given
	return fmt.Sprintf(`{"uuid":%q,"status":"reserved","retreaver_payout":%s,"inbound_number":%q,"expires_at":%q}`,
		id, given.payout, given.number, time.Now().Add(time.Minute).UTC().Format(time.RFC3339))
}

// confirm sells. Sometimes the answer is lost or late.
func (p *fakePlatform) confirm(id string) string {
	switch {
	case hasChance(unsoldAnswerLost):
		panic(http.ErrAbortHandler) // closes the connection
	case hasChance(postRefused) || !p.sell(id):
		return `{"status":"no-target"}`
	case hasChance(soldAnswerLost):
		panic(http.ErrAbortHandler)
	case hasChance(soldAnswerLate):
		time.Sleep(lateAnswer)
	}
	return `{"status":"confirmed"}`
}

// sell enters a reservation in the ledger, once.
func (p *fakePlatform) sell(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	given, isReserved := p.reserved[id]
	if isReserved {
		delete(p.reserved, id)
		p.ledger[given.caller] = append(p.ledger[given.caller], ledgerLine{retreaverSource, given.payout})
	}
	return isReserved
}

// sold returns a copy of the ledger.
func (p *fakePlatform) sold() map[string][]ledgerLine {
	p.mu.Lock()
	defer p.mu.Unlock()
	sold := make(map[string][]ledgerLine, len(p.ledger))
	for caller, lines := range p.ledger {
		sold[caller] = append(sold[caller], lines...)
	}
	return sold
}

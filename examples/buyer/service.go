// The service: bids, the forward post, and the conversion.

package main

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/receive"
)

// service is the buyer's side of a call.
type service struct {
	worker *outbox.Worker
	calls  *callLog
	key    string // of those who may report conversions
	log    *log.Logger
}

// handlers are what TrackDrive is given, below the secret, and what the buyer's own
// systems use.
func (s *service) handlers(secret string, knows func(subdomain string) bool) http.Handler {
	ours := []receive.Option{receive.Secret(secret), receive.Companies(knows)}
	mux := http.NewServeMux()
	mux.Handle("/bids/", receive.Bids(s.decide, nil, ours...))
	mux.Handle("/forward/", receive.Forward(s.keep, ours...))
	mux.Handle("/events/call_changed/", receive.Events("call_changed", s.changed, ours...))
	mux.HandleFunc("POST /converted", s.converted)
	return mux
}

// decide bids for calls from one state. It has no state of its own, so that it gives
// the same answer for the same call after a restart, too.
func (s *service) decide(_ context.Context, r *trackdrive.PingRequest) (receive.Answer, error) {
	if r.Fields["state"] != "CA" {
		return receive.Answer{Reason: "outside our area"}, nil
	}
	return receive.Answer{Accepted: true, Revenue: trackdrive.MustAmount("25.50"), Number: "+13035550148", Duration: 90 * time.Second, Name: "Buyer A"}, nil
}

func (s *service) keep(_ context.Context, f receive.Forwarded) error {
	isNew, err := s.calls.add(f.Call)
	switch {
	case err != nil:
		s.log.Printf("call %s is not kept: %v", f.Call.UUID, err)
	case isNew:
		s.log.Printf("kept call %s of %s", f.Call.UUID, f.Call.Subdomain)
	}
	return err
}

func (s *service) changed(_ context.Context, e receive.Event) error {
	if e.Call != nil {
		s.log.Printf("%s says: call %s, revenue %s", e.Subdomain, e.Call.UUID, e.Call.Revenue)
	}
	return nil
}

// converted takes the buyer's own notice of a sale: call=UUID&revenue=25.50. It answers
// 202 once the conversion is in the outbox, which delivers it.
func (s *service) converted(w http.ResponseWriter, r *http.Request) {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+s.key)) != 1 {
		http.Error(w, "wrong key", http.StatusUnauthorized)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	call, known := s.calls.get(r.PostFormValue("call"))
	if !known {
		http.Error(w, "no such call", http.StatusNotFound)
		return
	}
	revenue, err := trackdrive.ParseAmount(r.PostFormValue("revenue"))
	if err != nil {
		http.Error(w, fmt.Sprintf("revenue: %v", err), http.StatusBadRequest)
		return
	}
	// The id makes a second notice of the same sale harmless; a corrected one is another.
	item, err := outbox.NewUpdate(call.UUID+"/"+revenue.String(), call, &trackdrive.UpdateCall{BuyerConverted: new(true), Revenue: revenue})
	if err == nil {
		_, _, err = s.worker.Enqueue(r.Context(), item)
	}
	if err != nil {
		s.log.Printf("call %s: the sale is not kept: %v", call.UUID, err)
		http.Error(w, "not kept; report it again", http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// callLog keeps the calls in a file, one on each line. A larger service has a database.
type callLog struct {
	mu     sync.Mutex
	file   *os.File
	calls  map[string]trackdrive.CallRef // by uuid
	broken error                         // a line may be half there: only a restart mends that
}

// openCallLog reads the calls of a file. A crash may have left half a line at the end:
// that call was not answered 204, and comes again.
func openCallLog(name string) (*callLog, error) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	l := &callLog{file: file, calls: make(map[string]trackdrive.CallRef)}
	dec := json.NewDecoder(file)
	var end int64
	for {
		var call trackdrive.CallRef
		if dec.Decode(&call) != nil {
			break
		}
		l.calls[call.UUID] = call
		end = dec.InputOffset()
	}
	if err := file.Truncate(end); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	_, err = file.Seek(end, 0)
	return l, err
}

var errOtherCompany = errors.New("another company has a call with this uuid")

// add keeps a call: it is on the disk when add returns.
func (l *callLog) add(call trackdrive.CallRef) (isNew bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, ok := l.calls[call.UUID]; ok {
		if known != call {
			return false, errOtherCompany
		}
		return false, nil
	}
	if l.broken != nil {
		return false, l.broken
	}
	if l.broken = l.write(call); l.broken != nil {
		return false, l.broken
	}
	l.calls[call.UUID] = call
	return true, nil
}

func (l *callLog) write(call trackdrive.CallRef) error {
	line, err := json.Marshal(call)
	if err != nil {
		return err
	}
	if _, err := l.file.Write(append([]byte("\n"), line...)); err != nil {
		return err
	}
	return l.file.Sync()
}

func (l *callLog) get(uuid string) (call trackdrive.CallRef, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	call, known = l.calls[uuid]
	return call, known
}

func (l *callLog) Close() error { return l.file.Close() }

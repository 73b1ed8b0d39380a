// The service: what its users ask over HTTP.

package main

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
)

// service takes sales, and lets operators look after those that are stuck.
type service struct {
	worker *outbox.Worker
	store  outbox.Store
	key    string
}

func newService(worker *outbox.Worker, store outbox.Store, key string) http.Handler {
	s := &service{worker, store, key}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sales", s.sell)
	mux.HandleFunc("GET /counts", s.counts)
	mux.HandleFunc("GET /items", s.items)
	mux.HandleFunc("POST /retry", s.retry)
	mux.HandleFunc("POST /settle", s.settle)
	return s.guarded(mux)
}

// guarded lets in who has the key.
func (s *service) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(given), []byte(s.key)) != 1 {
			http.Error(w, "wrong key", http.StatusUnauthorized)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		next.ServeHTTP(w, r)
	})
}

// sell keeps a sale: id, subdomain, call, and revenue or add_revenue. It answers
// 202 when it is on the disk; who gets no answer reports the sale again, under
// the same id.
func (s *service) sell(w http.ResponseWriter, r *http.Request) {
	item, err := readSale(r)
	if err == nil {
		var added bool
		if item, added, err = s.worker.Enqueue(r.Context(), item); err == nil && !added {
			w.Header().Set("X-Known", "true")
		}
	}
	answer(w, http.StatusAccepted, item, err)
}

func readSale(r *http.Request) (outbox.Item, error) {
	id := r.PostFormValue("id")
	if id == "" {
		return outbox.Item{}, fmt.Errorf("%w: id: is empty; it keeps a sale that is reported twice from counting twice", trackdrive.ErrInvalidArgument)
	}
	u := &trackdrive.UpdateCall{BuyerConverted: new(true)}
	for name, amount := range map[string]*trackdrive.Amount{"revenue": &u.Revenue, "add_revenue": &u.AddRevenue} {
		if err := amount.UnmarshalText([]byte(r.PostFormValue(name))); err != nil {
			return outbox.Item{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	if !u.Revenue.IsSet() && !u.AddRevenue.IsSet() {
		return outbox.Item{}, fmt.Errorf("%w: revenue: is empty, and so is add_revenue", trackdrive.ErrInvalidArgument)
	}
	call := trackdrive.CallRef{Subdomain: r.PostFormValue("subdomain"), UUID: r.PostFormValue("call")}
	return outbox.NewUpdate(id, call, u)
}

func (s *service) counts(w http.ResponseWriter, r *http.Request) {
	counts, err := s.worker.Counts(r.Context())
	answer(w, http.StatusOK, counts, err)
}

// items lists those of a state: parked, aside, dead, waiting.
func (s *service) items(w http.ResponseWriter, r *http.Request) {
	after, _ := strconv.ParseUint(r.FormValue("after"), 10, 64) // the first page for anything else
	items, err := s.store.List(r.Context(), outbox.Query{State: outbox.State(r.FormValue("state")), After: after})
	answer(w, http.StatusOK, items, err)
}

func (s *service) retry(w http.ResponseWriter, r *http.Request) {
	item, err := outbox.Retry(r.Context(), s.store, r.PostFormValue("id"))
	s.worker.Wake()
	answer(w, http.StatusOK, item, err)
}

// settle takes delivered=true or false, from somebody who has looked the call
// up.
func (s *service) settle(w http.ResponseWriter, r *http.Request) {
	delivered, err := strconv.ParseBool(r.PostFormValue("delivered"))
	if err != nil {
		answer(w, 0, nil, fmt.Errorf("%w: delivered: must be true or false", trackdrive.ErrInvalidArgument))
		return
	}
	item, err := outbox.Settle(r.Context(), s.store, r.PostFormValue("id"), delivered)
	s.worker.Wake()
	answer(w, http.StatusOK, item, err)
}

// statusOf is what the HTTP status is for an error.
var statusOf = []struct {
	err    error
	status int
}{
	{trackdrive.ErrInvalidArgument, http.StatusBadRequest},
	{outbox.ErrUnknownItem, http.StatusNotFound},
	{outbox.ErrConflict, http.StatusConflict},
	{outbox.ErrWrongState, http.StatusConflict},
}

func answer(w http.ResponseWriter, status int, value any, err error) {
	if err != nil {
		status, value = http.StatusInternalServerError, map[string]string{"error": err.Error()}
		for _, s := range statusOf {
			if errors.Is(err, s.err) {
				status = s.status
			}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // who is gone reads no error
}

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync"
	"testing"

	"github.com/trackdrive-go/trackdrive"
)

// A seenRequest is what a contest compares of a request.
type seenRequest struct {
	method, path, contentType, authorization string
	query                                    map[string][]string
	parameters                               map[string]any
}

// recordingServer answers with a status and a body, and keeps the last request.
func recordingServer(t *testing.T, status int, body []byte) (url string, last func() seenRequest) {
	var mu sync.Mutex
	var seen seenRequest
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		seen = seenRequest{r.Method, r.URL.Path, r.Header.Get("Content-Type"), r.Header.Get("Authorization"), r.URL.Query(), nil}
		if len(sent) > 0 {
			decoder := json.NewDecoder(bytes.NewReader(sent))
			if err := decoder.Decode(&seen.parameters); err != nil {
				t.Error(err)
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() seenRequest {
		mu.Lock()
		defer mu.Unlock()
		return seen
	}
}

// pingersAt are all contestants that post, the library first.
func pingersAt(at pingTarget) []leadPinger {
	return []leadPinger{
		pingWithLibrary(at), pingWithRetryable(at), pingByHand(peerGoccy, at, goccyCodec), pingByHand(peerSonic, at, sonicCodec),
		pingByHand(peerStdlib, at, stdlibCodec), pingWithFasthttp(at.url), pingWithResty(at),
	}
}

func TestContestantsSendAndReadTheSame(t *testing.T) {
	t.Parallel()
	url, last := recordingServer(t, http.StatusOK, pingReply(20))
	at := pingTarget{url: url, transport: trackdrive.NewTransport(nil)}
	sent := make(map[string]seenRequest)
	for _, p := range pingersAt(at) {
		buyers, err := p.ping()
		if err != nil || buyers != 20 {
			t.Errorf("%s reads %d buyers, %v", p.name, buyers, err)
		}
		sent[p.name] = last()
	}
	ours := sent["trackdrive"]
	if len(ours.parameters) != 24 {
		t.Errorf("the library sends %d parameters, not 24", len(ours.parameters))
	}
	for name, theirs := range maps.All(sent) {
		if !reflect.DeepEqual(ours, theirs) {
			t.Errorf("%s sends\n%+v\nand the library\n%+v", name, theirs, ours)
		}
	}
}

func TestContestantsSendTheSameByGET(t *testing.T) {
	t.Parallel()
	url, last := recordingServer(t, http.StatusOK, pingReply(2))
	at := pingTarget{url: url, transport: trackdrive.NewTransport(nil)}
	var sent []seenRequest
	for _, p := range []leadPinger{queryWithLibrary(at), queryByHand(at)} {
		buyers, err := p.ping()
		if err != nil || buyers != 2 {
			t.Errorf("%s reads %d buyers, %v", p.name, buyers, err)
		}
		sent = append(sent, last())
	}
	if len(sent[0].query) != 24 || sent[0].method != http.MethodGet {
		t.Errorf("the library sends %d parameters by %s", len(sent[0].query), sent[0].method)
	}
	if !reflect.DeepEqual(sent[0], sent[1]) {
		t.Errorf("by hand:\n%+v\nthe library:\n%+v", sent[1], sent[0])
	}
}

func TestContestantsAreRefused(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusUnprocessableEntity, http.StatusServiceUnavailable} {
		for _, size := range []int{shortRefusal, longRefusal} {
			body := refusalReply(size)
			if len(body) < size || len(body) > size+100 {
				t.Errorf("a body of %d bytes, not about %d", len(body), size)
			}
			at := pingTarget{transport: instantTransport{status, body}, once: true}
			for _, p := range []leadPinger{pingWithLibrary(at), pingWithRetryable(at)} {
				buyers, err := p.ping()
				if got, reasons := refusalOf(err); buyers != 0 || got != status || reasons < 10 {
					t.Errorf("%s, %d, %d bytes: %d buyers, status %d, %d reasons, %v", p.name, status, size, buyers, got, reasons, err)
				}
			}
		}
	}
}

func TestNoBuyerIsAnAnswer(t *testing.T) {
	t.Parallel()
	url, _ := recordingServer(t, http.StatusOK, []byte(noBuyerReply))
	for _, p := range pingersAt(pingTarget{url: url, transport: trackdrive.NewTransport(nil)}) {
		if buyers, err := p.ping(); buyers != 0 || err != nil {
			t.Errorf("%s: %d buyers, %v", p.name, buyers, err)
		}
	}
}

// The criteria grow fairly only if each rule looks at all elements.
func TestStarCriteriaNeedTheLastElement(t *testing.T) {
	t.Parallel()
	for _, rules := range []int{1, 10, 100} {
		criteria := starCriteria(rules, 10)
		if got := criteria.Evaluate(pingReply(10)); got != trackdrive.VerdictAccepted {
			t.Errorf("%d rules, 10 elements: %v", rules, got)
		}
		if got := criteria.Evaluate(pingReply(9)); got == trackdrive.VerdictAccepted {
			t.Errorf("%d rules, without the last element: %v", rules, got)
		}
	}
}

// The service: the forward post in, the conversion back.

package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive"
)

// service is the buyer's side of a call.
type service struct {
	client    *trackdrive.Client
	companies map[string]bool // whose calls are taken: those that there are credentials for
	key       string          // of those who may report conversions
	calls     *store
	log       *log.Logger
	now       func() time.Time

	sending sync.Map // a *sync.Mutex for each uuid: postbacks of a call go one after the other
}

func newService(client *trackdrive.Client, auth map[string]trackdrive.Authenticator, key string, calls *store, log *log.Logger) *service {
	companies := make(map[string]bool, len(auth))
	for subdomain := range auth {
		companies[strings.ToLower(subdomain)] = true
	}
	return &service{client: client, companies: companies, key: key, calls: calls, log: log, now: time.Now}
}

// ServeHTTP takes TrackDrive's forward post at /forward, by GET or POST, and at
// /converted the buyer's own notice of a sale: call=UUID&revenue=25.50.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/forward":
		s.forward(w, r)
	case "/converted":
		s.converted(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (s *service) forward(w http.ResponseWriter, r *http.Request) {
	ref, err := trackdrive.ParseCallRef(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if !s.companies[ref.Subdomain] {
		s.log.Printf("refused a call of %s: no credentials for this company", ref.Subdomain)
		http.Error(w, "unknown company", http.StatusForbidden)
		return
	}
	switch owner, err := s.calls.add(ref); {
	case err != nil:
		s.log.Printf("call %s of %s is not kept: %v", ref.UUID, ref.Subdomain, err)
		http.Error(w, "not kept; send it again", http.StatusInternalServerError)
	case owner != ref.Subdomain:
		s.log.Printf("refused call %s of %s: it is a call of %s", ref.UUID, ref.Subdomain, owner)
		http.Error(w, "a call of another company", http.StatusConflict)
	default:
		s.log.Printf("kept call %s of %s", ref.UUID, ref.Subdomain)
		w.WriteHeader(http.StatusNoContent)
	}
}

// converted answers 200 when TrackDrive has the conversion, 202 when it is kept
// and sent again, and 502 when a person must look at it.
func (s *service) converted(w http.ResponseWriter, r *http.Request) {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+s.key)) != 1 {
		http.Error(w, "wrong key", http.StatusUnauthorized)
		return
	}
	if r.Method != http.MethodPost {
		http.Error(w, "POST only", http.StatusMethodNotAllowed)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	uuid := r.PostFormValue("call")
	revenue, err := trackdrive.ParseAmount(r.PostFormValue("revenue"))
	switch {
	case err != nil:
		http.Error(w, fmt.Sprintf("revenue: %v", err), http.StatusBadRequest)
		return
	case revenue.Cmp(trackdrive.MustAmount("0")) < 0:
		http.Error(w, "revenue: is negative; a conversion pays", http.StatusBadRequest)
		return
	}
	// A sale is a fact, also when the one who reports it hangs up.
	c, err := s.sell(context.WithoutCancel(r.Context()), uuid, revenue)
	switch {
	case errors.Is(err, errUnknownCall):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		s.log.Printf("call %s: the sale is not kept: %v", uuid, err)
		http.Error(w, "not kept; report it again", http.StatusInternalServerError)
	default:
		w.WriteHeader(answers[c.State])
		_, _ = fmt.Fprintln(w, c.State)
	}
}

// answers are the replies to the reporter of a sale.
var answers = map[string]int{confirmed: http.StatusOK, waiting: http.StatusAccepted, refused: http.StatusBadGateway}

var errUnknownCall = errors.New("no such call")

// sell keeps the sale, and only then posts it back: a crash in between loses
// nothing. A sale that TrackDrive has already is not sent again; a corrected
// one is.
func (s *service) sell(ctx context.Context, uuid string, revenue trackdrive.Amount) (call, error) {
	// An unknown uuid must not leave a lock behind.
	if _, known := s.calls.get(uuid); !known {
		return call{}, errUnknownCall
	}
	defer s.lock(uuid)()
	c, _ := s.calls.get(uuid)
	if c.State == confirmed && c.Revenue.Equal(revenue) {
		return c, nil
	}
	c = call{Ref: c.Ref, State: waiting, Revenue: revenue}
	if err := s.calls.put(c); err != nil {
		return call{}, err
	}
	return s.postBack(ctx, c), nil
}

// lock waits until no postback of the call is under way.
func (s *service) lock(uuid string) (unlock func()) {
	mu, _ := s.sending.LoadOrStore(uuid, new(sync.Mutex))
	mu.(*sync.Mutex).Lock()
	return mu.(*sync.Mutex).Unlock
}

// postBack tells the owner of the call, and keeps what came of it.
func (s *service) postBack(ctx context.Context, c call) call {
	// The values are absolute: a second copy changes nothing, so the Client
	// repeats it by itself, and the service may do so later.
	_, err := s.client.UpdateCallAt(ctx, c.Ref, &trackdrive.UpdateCall{
		BuyerConverted: new(true), OfferConverted: new(true), Revenue: c.Revenue,
	})
	c.Tries++
	if err == nil {
		c.State = confirmed
		s.log.Printf("call %s: %s has the conversion, revenue %s", c.Ref.UUID, c.Ref.Subdomain, c.Revenue)
	} else {
		f := failureOf(err)
		if f.tries > 0 && c.Tries >= f.tries {
			c.State = refused
		}
		c.NextTry = s.now().Add(pause(c.Tries))
		s.log.Printf("call %s: %s: %s: %v", c.Ref.UUID, c.State, f.advice, err)
	}
	if err := s.calls.put(c); err != nil {
		s.log.Printf("call %s: %s is not kept, so the conversion is sent again: %v", c.Ref.UUID, c.State, err)
	}
	return c
}

// failure says what to do about a postback that failed.
type failure struct {
	kind   error
	tries  int // after so many a call is refused; 0: it is tried until it succeeds
	advice string
}

// failures are those in which somebody must act. All others, unknown outcomes
// among them, end by themselves.
var failures = []failure{
	{trackdrive.ErrForbidden, 0, "ask the owner of the call for the missing permission"},
	{trackdrive.ErrUnauthorized, 0, "mend the credentials for this company"},
	{trackdrive.ErrNoCredentials, 0, "add credentials for this company"},
	{trackdrive.ErrNotFound, 7, "the company has no such call"}, // for an hour: it may not be there yet
	{trackdrive.ErrRejected, 1, "mend the sale, and report it again"},
	{trackdrive.ErrBadRequest, 1, "mend the sale, and report it again"},
}

func failureOf(err error) failure {
	for _, f := range failures {
		if errors.Is(err, f.kind) {
			return f
		}
	}
	return failure{advice: "it is sent again later"}
}

// pause is how long a call waits after so many tries: a minute, two, four, and
// so on up to an hour.
func pause(tries int) time.Duration { return min(time.Minute<<min(tries-1, 6), time.Hour) }

// resendUntil sends what is due, until ctx ends.
func (s *service) resendUntil(ctx context.Context) {
	ticker := time.NewTicker(10 * time.Second)
	defer ticker.Stop()
	for {
		s.resend(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// resend sends what is due now.
func (s *service) resend(ctx context.Context) {
	for _, uuid := range s.calls.due(s.now()) {
		if ctx.Err() != nil {
			return
		}
		s.resendCall(ctx, uuid)
	}
}

func (s *service) resendCall(ctx context.Context, uuid string) {
	defer s.lock(uuid)()
	if c, _ := s.calls.get(uuid); c.State == waiting {
		s.postBack(ctx, c)
	}
}

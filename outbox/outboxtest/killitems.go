// The items of a kill: one of each operation, and what the fake does with it.

package outboxtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// killOrders is the number of keys that the items have. Items are numbered; the item
// of a number is the same in every process, and those whose numbers have the same rest
// are in one order.
const killOrders = 24

// killOrder is what the items of one order are about.
type killOrder int

const (
	ofCall killOrder = iota
	ofCaller
	ofPartner
	killKinds
)

func killOrderOf(n int) killOrder { return killOrder(n % killOrders / laneCount % int(killKinds)) }

// killRound returns the round of a number: it decides which of the operations of its
// order the item has.
func killRound(n int) int { return n / killOrders }

func killID(n int) string     { return "n-" + strconv.Itoa(n) }
func killUUID(n int) string   { return fmt.Sprintf("call-%d", n%killOrders) }
func killCaller(n int) string { return fmt.Sprintf("+155555501%02d", n%killOrders) }

// The webhooks of a kill. One order has one of them: a key belongs to one webhook.
const onceHook, againHook, hookPath = "once", "again", "/partner"

func killHook(n int) string {
	if n%killOrders/laneCount/int(killKinds)%2 == 0 {
		return onceHook
	}
	return againHook
}

func isAdditiveItem(n int) bool {
	switch killOrderOf(n) {
	case ofCaller:
		return killRound(n)%4 != 3
	case ofPartner:
		return killHook(n) == onceHook
	default:
		return killRound(n)%2 == 1
	}
}

// killItem returns the item of a number. The number is in what it sends.
func killItem(n int) (outbox.Item, error) {
	mark := trackdrive.Fields{killMark: strconv.Itoa(n)}
	switch killOrderOf(n) {
	case ofCaller:
		return killCallerItem(n, mark)
	case ofPartner:
		return outbox.NewWebhook(killID(n), killHook(n), killUUID(n), trackdrive.Values{killMark: strconv.Itoa(n)})
	}
	u := &trackdrive.UpdateCall{PostCallTokens: mark}
	if isAdditiveItem(n) {
		u.AddRevenue = trackdrive.MustAmount("1.00")
	} else {
		u.Payout = trackdrive.MustAmount(strconv.Itoa(n))
	}
	return outbox.NewUpdate(killID(n), trackdrive.CallRef{Subdomain: "acme", UUID: killUUID(n)}, u)
}

// killCallerItem returns an item about a caller.
func killCallerItem(n int, mark trackdrive.Fields) (outbox.Item, error) {
	lead := &trackdrive.Lead{CallerID: killCaller(n), Fields: mark}
	switch killRound(n) % 4 {
	case 0:
		return outbox.NewCaptureLead(killID(n), "acme", lead)
	case 1:
		return outbox.NewSubmitLead(killID(n), "acme", lead)
	case 2:
		return outbox.NewUpdateByCaller(killID(n), "acme", killCaller(n), &trackdrive.CallerUpdate{AddRevenue: trackdrive.MustAmount("1.00"), Fields: mark})
	default: // it has no fields: the name of its token has the number
		return outbox.NewOptOutCaller(killID(n), "acme", killNames(n), killCaller(n))
	}
}

// killMark is the parameter that has the number of an item.
const killMark = "n"

// killNames returns the name of a token with a number in it.
func killNames(n int) string {
	var name strings.Builder
	name.WriteString("opt-out")
	for _, digit := range strconv.Itoa(n) {
		name.WriteString("-" + string(digit))
	}
	return name.String()
}

// killToken is the Config.Tokens of a kill.
func killToken(name string) (string, error) {
	if rest, isOptOut := strings.CutPrefix(name, "opt-out"); isOptOut {
		return optOutToken + strings.ReplaceAll(rest, "-", ""), nil
	}
	return "made-up", nil
}

// optOutToken begins the token of an opt-out, before its number.
const optOutToken = "made-up-"

// killWebhooks returns the Config.Webhooks of a kill.
func killWebhooks(server string) (map[string]*trackdrive.Webhook, error) {
	hooks := map[string]*trackdrive.Webhook{}
	for name, class := range map[string]trackdrive.Repeatable{onceHook: trackdrive.RepeatNever, againHook: trackdrive.RepeatSafe} {
		hook, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{
			URL: server + hookPath, Body: `{"n":"[n]"}`, Repeat: class,
			Acceptance: trackdrive.All(trackdrive.Field("success").Equals("true")),
		})
		if err != nil {
			return nil, err
		}
		hooks[name] = hook
	}
	return hooks, nil
}

// killFake returns a fake TrackDrive with the calls of a kill.
func killFake() *trackdrivetest.Fake {
	fake := trackdrivetest.New()
	for n := range killOrders {
		fake.AddCall(trackdrivetest.Call{UUID: killUUID(n), CallerNumber: killCaller(n)})
	}
	return fake
}

// act lets TrackDrive, or the partner, act on a request, and notes in the ledger which
// item it was.
func (k *killRun) act(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil { // the process was killed meanwhile
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	n, known := markIn(body)
	if strings.HasPrefix(r.URL.Path, hookPath) || strings.HasSuffix(r.URL.Path, "/caller_opt_out") { // the fake keeps no list of opt-outs
		k.note(n, known)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"success":true,"status":"opt_out"}`) // the process may be gone
		return
	}
	answer := &statusWriter{ResponseWriter: w}
	k.fake.ServeHTTP(answer, r)
	if answer.status < http.StatusBadRequest {
		k.note(n, known)
	}
}

// note adds an item to the ledger.
func (k *killRun) note(n int, known bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !known {
		n = -1 // nobody sent that
	}
	k.ledger = append(k.ledger, n)
}

// statusWriter notes the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (s *statusWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// markIn returns the number of the item in a body.
func markIn(body []byte) (n int, known bool) {
	var sent struct {
		N              string `json:"n"`
		LeadToken      string `json:"lead_token"`
		PostCallTokens struct {
			N string `json:"n"`
		} `json:"post_call_tokens"`
	}
	if err := json.Unmarshal(body, &sent); err != nil {
		return 0, false
	}
	for _, text := range []string{sent.N, sent.PostCallTokens.N, strings.TrimPrefix(sent.LeadToken, optOutToken)} {
		if n, err := strconv.Atoi(text); err == nil {
			return n, true
		}
	}
	return 0, false
}

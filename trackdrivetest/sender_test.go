package trackdrivetest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// receiver keeps the requests that it gets, and answers with the statuses given, then
// with 204.
type receiver struct {
	got      []string
	statuses []int
	reply    string
}

func (h *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.got = append(h.got, strings.TrimSpace(fmt.Sprint(r.Method, " ", r.URL, " ", r.Header.Get("Content-Type"), " ", string(body))))
	status := http.StatusNoContent
	if len(h.statuses) > 0 {
		status, h.statuses = h.statuses[0], h.statuses[1:]
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, h.reply)
}

// sellOne sells a call on a fake, and returns the fake.
func sellOne(t *testing.T, set func(*trackdrivetest.Fake)) *trackdrivetest.Fake {
	t.Helper()
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "25.50"}}})
	set(fake)
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
	require.NoError(t, err)
	post, err := client.Post(t.Context(), "sell", &trackdrive.PostRequest{PostOnly: true, CallerID: "+15555550142", Fields: trackdrive.Fields{"zip": "90210", "auth_token": "made-up"}})
	require.NoError(t, err)
	require.True(t, post.Accepted)
	return fake
}

const soldUUID = "7c9e6679-0000-4000-8000-000000000001"

func TestASaleIsPostedForward(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		hook trackdrivetest.Hook
		want string
	}{
		"JSON":  {trackdrivetest.Hook{}, `POST / application/json {"caller_id":"+15555550142","trackdrive_call_uuid":"` + soldUUID + `","trackdrive_subdomain":"acme","zip":"90210"}`},
		"form":  {trackdrivetest.Hook{URL: "/forward", Form: true}, "POST /forward application/x-www-form-urlencoded caller_id=%2B15555550142&trackdrive_call_uuid=" + soldUUID + "&trackdrive_subdomain=acme&zip=90210"},
		"query": {trackdrivetest.Hook{URL: "/forward?a=b", Method: "GET"}, "GET /forward?a=b&caller_id=%2B15555550142&trackdrive_call_uuid=" + soldUUID + "&trackdrive_subdomain=acme&zip=90210"},
		"names": {trackdrivetest.Hook{Names: map[string]string{"trackdrive_call_uuid": "subid2"}}, `POST / application/json {"caller_id":"+15555550142","subid2":"` + soldUUID + `","trackdrive_subdomain":"acme","zip":"90210"}`},
	} {
		h := new(receiver)
		tt.hook.Handler = h
		fake := sellOne(t, func(f *trackdrivetest.Fake) { f.ForwardTo(tt.hook) })
		require.Empty(t, h.got, "nothing is sent before Deliver")
		require.NoError(t, fake.Deliver(t.Context()))
		require.NoError(t, fake.Deliver(t.Context()))
		require.Equal(t, []string{tt.want}, h.got, name)
	}
}

func TestCallsAndUpdatesAreEvents(t *testing.T) {
	t.Parallel()
	h := new(receiver)
	fake := sellOne(t, func(f *trackdrivetest.Fake) {
		f.AddAccess(trackdrivetest.Access{DeveloperToken: "made-up"})
		for _, event := range []string{"new_call", "call_forwarded", "call_ended", "call_changed"} {
			f.Subscribe(event, trackdrivetest.Hook{Handler: h, URL: "/" + event})
		}
	})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")))
	require.NoError(t, err)
	require.NoError(t, fake.Deliver(t.Context()))
	_, err = client.UpdateCall(t.Context(), soldUUID, &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("31.75")})
	require.NoError(t, err)
	require.NoError(t, fake.Deliver(t.Context()))
	var paths []string
	for _, request := range h.got {
		paths = append(paths, strings.Fields(request)[1])
		_, body, _ := strings.Cut(request, "{")
		call, err := trackdrive.ParseCall([]byte("{" + body))
		require.NoError(t, err)
		require.Equal(t, soldUUID, call.UUID)
		require.Equal(t, strings.Contains(request, "/call_changed"), call.Revenue.String() == "31.75", request)
	}
	require.Equal(t, []string{"/new_call", "/call_forwarded", "/call_ended", "/call_changed"}, paths)
}

func TestWhatIsNotTakenIsSentAgain(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		faults   []trackdrivetest.SendFault
		statuses []int
		arrived  int
		sent     []string
		fails    bool
	}{
		"taken":             {nil, nil, 1, []string{": 204"}, false},
		"500, then taken":   {nil, []int{500, 503}, 3, []string{": 500", ": 503", ": 204"}, false},
		"never":             {nil, []int{400, 400, 400, 400, 400, 400}, 5, []string{": 400", ": 400", ": 400", ": 400", ": 400"}, true},
		"lost":              {[]trackdrivetest.SendFault{trackdrivetest.SendLost}, nil, 1, []string{": 0 (lost)", ": 204"}, false},
		"the reply is lost": {[]trackdrivetest.SendFault{trackdrivetest.SendReplyLost}, nil, 2, []string{": 204 (reply lost)", ": 204"}, false},
		"twice":             {[]trackdrivetest.SendFault{trackdrivetest.SendTwice}, nil, 2, []string{": 204 (twice)", ": 204"}, false},
		"cut":               {[]trackdrivetest.SendFault{trackdrivetest.SendCut}, []int{400}, 2, []string{": 400 (cut)", ": 204"}, false},
	} {
		h := &receiver{statuses: tt.statuses, reply: "why not"}
		fake := sellOne(t, func(f *trackdrivetest.Fake) {
			f.ForwardTo(trackdrivetest.Hook{Handler: h})
			for _, fault := range tt.faults {
				f.FailSending(fault, 1)
			}
		})
		err := fake.Deliver(t.Context())
		require.Equal(t, tt.fails, err != nil, name)
		if tt.fails {
			require.ErrorContains(t, err, "forward acme/"+soldUUID+", attempt 5: 400: why not")
		}
		require.Len(t, h.got, tt.arrived, name)
		sent := fake.Sent()
		require.Len(t, sent, len(tt.sent), name)
		for i, s := range sent {
			require.Equal(t, fmt.Sprintf("forward acme/%s, attempt %d%s", soldUUID, i+1, tt.sent[i]), s.String(), name)
		}
	}
}

func TestABuyerIsPingedByItsPaths(t *testing.T) {
	t.Parallel()
	fake := trackdrivetest.New()
	h := &receiver{statuses: []int{200}, reply: `{"accepted":true,"number":"+13035550148","revenue":"21.00","duration":90,"name":"Acme","bid_id":"acme-bid-77"}`}
	bid, err := fake.PingBuyer(t.Context(), trackdrivetest.Hook{Handler: h, Form: true}, "u-1", map[string]string{"caller_id": "+15555550142"})
	require.NoError(t, err)
	require.Equal(t, trackdrivetest.Bid{Accepted: true, Revenue: trackdrive.MustAmount("21.00"), Number: "+13035550148", Duration: 90e9, Name: "Acme", ExternalID: "acme-bid-77"}, bid)
	require.Equal(t, []string{"POST / application/x-www-form-urlencoded caller_id=%2B15555550142&trackdrive_call_uuid=u-1&trackdrive_subdomain=acme"}, h.got)

	h.statuses, h.reply = []int{500}, `{"accepted":true}`
	bid, err = fake.PingBuyer(t.Context(), trackdrivetest.Hook{Handler: h}, "", nil)
	require.NoError(t, err)
	require.False(t, bid.Accepted, "the status says no")

	h.reply = "<html>"
	_, err = fake.PingBuyer(t.Context(), trackdrivetest.Hook{Handler: h}, "", nil)
	require.ErrorContains(t, err, "no reply that can be read")
	fake.FailSending(trackdrivetest.SendLost, 1)
	_, err = fake.PingBuyer(t.Context(), trackdrivetest.Hook{Handler: h}, "", nil)
	require.Error(t, err)
}

func TestMistakesInAHookEndTheTest(t *testing.T) {
	t.Parallel()
	fake := trackdrivetest.New()
	h := new(receiver)
	require.Panics(t, func() { fake.ForwardTo(trackdrivetest.Hook{}) })
	require.Panics(t, func() { fake.ForwardTo(trackdrivetest.Hook{Handler: h, Method: "PUT"}) })
	require.Panics(t, func() { fake.Subscribe("call_finished", trackdrivetest.Hook{Handler: h}) })
	require.Panics(t, func() { _, _ = fake.PingBuyer(context.Background(), trackdrivetest.Hook{}, "", nil) })
}

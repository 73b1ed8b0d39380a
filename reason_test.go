package trackdrive_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

// allReasons are the reasons that there are.
var allReasons = []trackdrive.Reason{
	trackdrive.ReasonNone, trackdrive.ReasonNoBuyer, trackdrive.ReasonCapped, trackdrive.ReasonDuplicate, trackdrive.ReasonSuppressed, trackdrive.ReasonClosed,
	trackdrive.ReasonExpired, trackdrive.ReasonInvalid, trackdrive.ReasonUnauthorized, trackdrive.ReasonRateLimited, trackdrive.ReasonOther,
}

// wordedReasons are texts, and the reason that each gives.
var wordedReasons = map[trackdrive.Reason][]string{
	trackdrive.ReasonNoBuyer: {
		"no_matching_buyer", "No buyers are available", "NO BUYER", "no-buyers", "No matching buyers found.", "There is no currently available buyer", "Buyer is no longer available",
		"Nobody matches.", "no-target", "no_match", "No match found", "Unmatched", "unavailable", "Buyer unavailable", "buyer not found", "The buyer is not available",
		"no demand", "nobody took it", "No agents available", "No open buyers", "Buyers are not currently available", "Final capacity check (Code: 1006)", "code=1003",
		"Offer cap has not been reached, no buyers", "No buyer: the daily limit hasn't been reached", "no buyers, although the concurrency cap was not hit",
	},
	trackdrive.ReasonCapped: {
		"cap reached", "Daily cap reached.", "capped", "CAPPED", "concurrency limit", "Concurrency cap is full", "Max concurrent calls", "cap_reached", "over cap", "Over_Max",
		"no capacity", "Limit reached", "daily limit exceeded", "quota exceeded", "No buyers are available: all are capped", "Payout cap reached code=1007",
		"Daily limit has been reached", "limit has been reached", "The limit was reached.", "call limit is reached", "limits exceeded", "Limit has been exceeded", "limit was hit",
		"Max calls reached", "maximum calls reached", "Maximum number of calls reached", "max reached", "Buyer has reached its limit", "has reached the daily limit",
		"Cap reached, limit not reached", "cap reached and the daily limit not reached", "limit reached but not the cap", "Cap is not available: reached",
	},
	trackdrive.ReasonDuplicate: {
		"Duplicate lead", "duplicate", "DUPLICATED", "Duplicate_Lead", "is a duplicate", "has already been taken", "Lead already exists", "caller was already paid",
		"duplicate caller: suppressed for 30 days", "No, duplicate lead", "This is not new: duplicate", "Duplicates are not allowed", "duplicate leads are not accepted", "Duplicate, not reached",
	},
	trackdrive.ReasonSuppressed: {
		"caller_number_suppressed", "Caller number is suppressed", "blocked", "Caller is blacklisted", "on the suppression list", "Do not call", "DNC", "opted out", "known litigator",
		"Caller id is invalid or suppressed", "spam (Code: 1004)",
	},
	trackdrive.ReasonClosed: {
		"closed", "Campaign is paused", "out of hours", "outside of business hours", "Outside business hours", "The offer is not open", "not active", "inactive", "offer_closed",
		"Account_Disabled", "after-hours", "campaign off (Code: 1001)",
		"No longer accepting calls", "Campaign closed or not found", "is no longer accepting leads", "Buyer no longer active", "no longer open",
	},
	trackdrive.ReasonExpired: {
		"expired", "Ping id has expired", "ping_expired", "Your bid is no longer valid", "ping id is invalid or expired",
	},
	trackdrive.ReasonInvalid: {
		"can't be blank", "can’t be blank", "is required", "is invalid", "is not included in the list", "is not a valid phone number", "caller_id_required", "invalid", "zip is invalid",
		"duplicate_timeframe is invalid", "cap can't be blank", "zip is needed on ping.", "email is missing", "must be a number", "Bad Request", "is too short (minimum is 10 characters)",
		"caller id is required (Code: 1100)", "code 1002", "Cap is not included in the list.",
	},
	trackdrive.ReasonUnauthorized: {
		"You are not authorized to access this page.", "HTTP Basic: Access denied.", "Unauthorized", "invalid token", "Invalid API key", "missing permission", "your token has expired",
	},
	trackdrive.ReasonRateLimited: {
		"rate_limited", "Rate limit exceeded", "rate limit reached", "Too many requests", "throttled", "Rate limited (Code: 1024)", "RATE-LIMIT", "code 1026",
	},
	trackdrive.ReasonOther: {
		"rejected", "failure", "sorry", "No duplicate found", "unexpired", "not a duplicate", "not suppressed", "is not capped", "has not yet expired", "captain", "encapsulated", "recap",
		"closedown", "deduplicated", "42", "ünïcödé", "\x00", "not closed", "never blocked", "isn't a duplicate", "without duplicates", "code 999", "code 1004", "code 10060", "zip code 10061", "bid 1006",
		"Offer cap has not been reached", "cap not reached", "concurrency cap has not been hit", "the quota of the buyer was never exceeded", "daily cap isn't full yet", "limit not reached",
	},
}

func TestReasonsAreReadFromWords(t *testing.T) {
	t.Parallel()
	for want, texts := range wordedReasons {
		for _, text := range texts {
			ping := trackdrive.PingResponse{Errors: []trackdrive.FieldError{{Message: text}}}
			require.Equal(t, want, ping.Reason(), "an error of a ping: %q", text)
			ping = trackdrive.PingResponse{Status: text}
			require.Equal(t, want, ping.Reason(), "the status of a ping: %q", text)
			ping.Accepted = true
			require.Equal(t, trackdrive.ReasonNone, ping.Reason())
			post := trackdrive.PostResponse{Errors: []trackdrive.FieldError{{Message: text}}}
			require.Equal(t, want, post.Reason(), "an error of a post: %q", text)
			post = trackdrive.PostResponse{Status: text}
			require.Equal(t, want, post.Reason(), "the status of a post: %q", text)
			post.Accepted = true
			require.Equal(t, trackdrive.ReasonNone, post.Reason())
			e := trackdrive.Error{StatusCode: 200, Err: trackdrive.ErrRejected, Status: "failure", Errors: []trackdrive.FieldError{{Field: "base", Message: text}}}
			require.Equal(t, want, e.Reason(), "a reason of an error: %q", text)
			for _, form := range []string{strings.ToUpper(text), " \t" + text + "\r\n", text + "!", "'" + text + "'"} {
				ping = trackdrive.PingResponse{Errors: []trackdrive.FieldError{{Message: form}}}
				require.Equal(t, want, ping.Reason(), form)
			}
		}
	}
}

func TestWhichReasonWins(t *testing.T) {
	t.Parallel()
	field := func(name, message string) trackdrive.FieldError {
		return trackdrive.FieldError{Field: name, Message: message}
	}
	for name, tt := range map[string]struct {
		status string
		errors []trackdrive.FieldError
		want   trackdrive.Reason
	}{
		"the status word over texts":             {"no_matching_buyer", []trackdrive.FieldError{field("", "Duplicate lead")}, trackdrive.ReasonNoBuyer},
		"a text over a status that says nothing": {"rejected", []trackdrive.FieldError{field("", "Duplicate lead")}, trackdrive.ReasonDuplicate},
		"a word that accepts is not one":         {"accepted", []trackdrive.FieldError{field("", "sorry")}, trackdrive.ReasonOther},
		"the specific text":                      {"", []trackdrive.FieldError{field("zip", "is required"), field("", "No buyers"), field("", "Duplicate lead")}, trackdrive.ReasonDuplicate},
		"a message over the name of its field":   {"", []trackdrive.FieldError{field("duplicate_check", "is invalid")}, trackdrive.ReasonInvalid},
		"a field that names no reason":           {"", []trackdrive.FieldError{field("duplicate_check", "sorry")}, trackdrive.ReasonOther},
		"a field that is the reason":             {"", []trackdrive.FieldError{field("duplicate", "true")}, trackdrive.ReasonDuplicate},
		"a field that is the reason in words":    {"", []trackdrive.FieldError{field("rate_limit", "60 a minute")}, trackdrive.ReasonRateLimited},
		"a nested field":                         {"", []trackdrive.FieldError{field("lead.duplicate", "true")}, trackdrive.ReasonOther},
		"a message over another field":           {"", []trackdrive.FieldError{field("duplicate", "true"), field("", "No buyers")}, trackdrive.ReasonNoBuyer},
		"nothing of a ping":                      {"", nil, trackdrive.ReasonNoBuyer},
		"what criteria got":                      {"", []trackdrive.FieldError{field("", `status not in ["duplicate","capped"]: got "capped"`)}, trackdrive.ReasonCapped},
		"criteria that got nothing":              {"", []trackdrive.FieldError{field("", `duplicate equals "no": got nothing`)}, trackdrive.ReasonOther},
		"criteria that could not read":           {"", []trackdrive.FieldError{field("", `duplicate equals "no": unreadable reply`)}, trackdrive.ReasonOther},
		"success without a buyer":                {"success", nil, trackdrive.ReasonNoBuyer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ping := trackdrive.PingResponse{Status: tt.status, Errors: tt.errors}
			require.Equal(t, tt.want, ping.Reason())
			if len(tt.errors) > 0 {
				post := trackdrive.PostResponse{Status: tt.status, Errors: tt.errors}
				require.Equal(t, tt.want, post.Reason())
			}
		})
	}
	require.Equal(t, trackdrive.ReasonNone, (&trackdrive.PostResponse{}).Reason(), "nobody said why")
	require.Equal(t, trackdrive.ReasonNone, (*trackdrive.PingResponse)(nil).Reason())
	require.Equal(t, trackdrive.ReasonNone, (*trackdrive.PostResponse)(nil).Reason())
	require.Equal(t, trackdrive.ReasonNone, (*trackdrive.Error)(nil).Reason())
}

func TestTheReasonOfAnError(t *testing.T) {
	t.Parallel()
	says := func(text string) []trackdrive.FieldError { return []trackdrive.FieldError{{Message: text}} }
	for name, tt := range map[string]struct {
		e    trackdrive.Error
		want trackdrive.Reason
	}{
		"nothing":                      {trackdrive.Error{}, trackdrive.ReasonNone},
		"no kind":                      {trackdrive.Error{Err: errors.New("x")}, trackdrive.ReasonNone},
		"invalid argument":             {trackdrive.Error{Err: fmt.Errorf("%w: caller_id", trackdrive.ErrInvalidArgument)}, trackdrive.ReasonInvalid},
		"a leftover token":             {trackdrive.Error{Err: trackdrive.ErrLeftoverToken}, trackdrive.ReasonInvalid},
		"no credentials":               {trackdrive.Error{Err: trackdrive.ErrNoCredentials}, trackdrive.ReasonUnauthorized},
		"no credentials in time":       {trackdrive.Error{Err: fmt.Errorf("%w: %w", trackdrive.ErrNoCredentials, trackdrive.ErrTimeout)}, trackdrive.ReasonUnauthorized},
		"expired":                      {trackdrive.Error{Err: trackdrive.ErrExpired}, trackdrive.ReasonExpired},
		"401":                          {trackdrive.Error{StatusCode: 401}, trackdrive.ReasonUnauthorized},
		"403":                          {trackdrive.Error{StatusCode: 403}, trackdrive.ReasonUnauthorized},
		"unauthorized by kind":         {trackdrive.Error{Err: trackdrive.ErrUnauthorized}, trackdrive.ReasonUnauthorized},
		"forbidden by kind":            {trackdrive.Error{Err: trackdrive.ErrForbidden}, trackdrive.ReasonUnauthorized},
		"429":                          {trackdrive.Error{StatusCode: 429}, trackdrive.ReasonRateLimited},
		"rate limited by kind":         {trackdrive.Error{Err: trackdrive.ErrRateLimited}, trackdrive.ReasonRateLimited},
		"400":                          {trackdrive.Error{StatusCode: 400}, trackdrive.ReasonInvalid},
		"422":                          {trackdrive.Error{StatusCode: 422}, trackdrive.ReasonInvalid},
		"422 in unknown words":         {trackdrive.Error{StatusCode: 422, Status: "rejected", Errors: says("sorry")}, trackdrive.ReasonInvalid},
		"422 in known words":           {trackdrive.Error{StatusCode: 422, Errors: says("No buyers available")}, trackdrive.ReasonNoBuyer},
		"422 with a field":             {trackdrive.Error{StatusCode: 422, Errors: []trackdrive.FieldError{{Field: "duplicate_check", Message: "is invalid"}}}, trackdrive.ReasonInvalid},
		"401 with an invalid token":    {trackdrive.Error{StatusCode: 401, Errors: says("auth_token is invalid")}, trackdrive.ReasonUnauthorized},
		"403 in other words":           {trackdrive.Error{StatusCode: 403, Errors: says("Caller is blocked")}, trackdrive.ReasonSuppressed},
		"429 in other words":           {trackdrive.Error{StatusCode: 429, Errors: says("Daily cap reached")}, trackdrive.ReasonCapped},
		"429 that calls it invalid":    {trackdrive.Error{StatusCode: 429, Errors: says("is invalid")}, trackdrive.ReasonRateLimited},
		"404":                          {trackdrive.Error{StatusCode: 404}, trackdrive.ReasonOther},
		"408":                          {trackdrive.Error{StatusCode: 408}, trackdrive.ReasonOther},
		"425":                          {trackdrive.Error{StatusCode: 425}, trackdrive.ReasonOther},
		"301":                          {trackdrive.Error{StatusCode: 301}, trackdrive.ReasonOther},
		"500":                          {trackdrive.Error{StatusCode: 500}, trackdrive.ReasonOther},
		"502 of a proxy":               {trackdrive.Error{StatusCode: 502, Body: []byte("<html>the site is closed")}, trackdrive.ReasonOther},
		"999":                          {trackdrive.Error{StatusCode: 999}, trackdrive.ReasonOther},
		"unreadable":                   {trackdrive.Error{StatusCode: 200, Err: trackdrive.ErrUnreadable}, trackdrive.ReasonOther},
		"ambiguous":                    {trackdrive.Error{StatusCode: 200, Err: trackdrive.ErrAmbiguous}, trackdrive.ReasonOther},
		"rejected without a word":      {trackdrive.Error{StatusCode: 200, Err: trackdrive.ErrRejected}, trackdrive.ReasonOther},
		"rejected in words":            {trackdrive.Error{StatusCode: 200, Err: trackdrive.ErrRejected, Errors: says("Duplicate lead")}, trackdrive.ReasonDuplicate},
		"timeout":                      {trackdrive.Error{Err: trackdrive.ErrTimeout}, trackdrive.ReasonNone},
		"deadline":                     {trackdrive.Error{Err: context.DeadlineExceeded}, trackdrive.ReasonNone},
		"network":                      {trackdrive.Error{Err: trackdrive.ErrNetwork}, trackdrive.ReasonNone},
		"cancelled":                    {trackdrive.Error{Err: context.Canceled}, trackdrive.ReasonNone},
		"lost after the status":        {trackdrive.Error{StatusCode: 200, Err: trackdrive.ErrNetwork}, trackdrive.ReasonNone},
		"another copy may have sold":   {trackdrive.Error{StatusCode: 200, Err: trackdrive.ErrNetwork, Errors: says("Duplicate lead")}, trackdrive.ReasonDuplicate},
		"a status word that says all":  {trackdrive.Error{StatusCode: 422, Status: "caller_number_suppressed", Errors: says("zip is invalid")}, trackdrive.ReasonSuppressed},
		"invalid in a status of a 401": {trackdrive.Error{StatusCode: 401, Status: "invalid"}, trackdrive.ReasonUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, tt.e.Reason())
		})
	}
}

// The samples, with the status that their index gives.
func TestTheReasonsOfTheSamples(t *testing.T) {
	t.Parallel()
	samples := map[string]struct {
		call   string
		status int
		want   trackdrive.Reason
	}{
		"ping_rejected_01_errors_array_200.json":          {"ping", 200, trackdrive.ReasonNoBuyer},
		"ping_rejected_02_caller_suppressed_200.json":     {"ping", 200, trackdrive.ReasonSuppressed},
		"ping_rejected_05_success_true_empty_buyers.json": {"ping", 200, trackdrive.ReasonNoBuyer},
		"ping_rejected_08_errors_object_422.json":         {"ping", 422, trackdrive.ReasonInvalid},
		"post_rejected_01_200.json":                       {"post", 200, trackdrive.ReasonNoBuyer},
		"post_rejected_03_validation_422.json":            {"post", 422, trackdrive.ReasonInvalid},
		"lead_error_01_errors_object_422.json":            {"lead", 422, trackdrive.ReasonInvalid},
		"lead_error_02_success_false_200.json":            {"lead", 200, trackdrive.ReasonDuplicate},
		"call_update_403.json":                            {"update", 403, trackdrive.ReasonUnauthorized},
		"call_update_200_with_errors.json":                {"update", 200, trackdrive.ReasonInvalid},
		"auth_401_plain.txt":                              {"update", 401, trackdrive.ReasonUnauthorized},
		"rate_limited_429.json":                           {"ping", 429, trackdrive.ReasonRateLimited},
		"gateway_502.html":                                {"ping", 502, trackdrive.ReasonOther},
		"html_with_200.html":                              {"ping", 200, trackdrive.ReasonOther},
		"truncated_ping.json.txt":                         {"ping", 200, trackdrive.ReasonOther},
		"agent_available.json":                            {"ping", 200, trackdrive.ReasonNone},
		"call_update_ok_01_envelope.json":                 {"update", 200, trackdrive.ReasonNone},
		"call_update_ok_03_empty.txt":                     {"update", 200, trackdrive.ReasonNone},
		"lead_ok_01_envelope_200.json":                    {"lead", 200, trackdrive.ReasonNone},
		"lead_capture_ok.json":                            {"lead", 200, trackdrive.ReasonNone},
	}
	files, err := filepath.Glob("testdata/responses/*")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name := filepath.Base(file)
		if filepath.Ext(name) == ".md" {
			continue
		}
		sample, known := samples[name]
		if kind, _, isAccepted := strings.Cut(name, "_accepted_"); isAccepted && !known {
			sample, known = samples["agent_available.json"], true
			sample.call = kind
		}
		require.True(t, known, name)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(file)
			require.NoError(t, err)
			var log reportLog
			c := newClient(t, answersWith(sample.status, string(body)), log.option(), trackdrive.WithMaxAttempts(1))
			switch sample.call {
			case "ping":
				_, _ = c.Ping(t.Context(), "sell", onePing)
			case "post":
				_, _ = c.Post(t.Context(), "sell", &trackdrive.PostRequest{PingID: "p"})
			case "lead":
				_, _ = c.SubmitLead(t.Context(), &trackdrive.Lead{LeadToken: "made-up"})
			case "update":
				_, _ = c.UpdateCall(t.Context(), "u", oneUpdate)
			}
			reports := log.take()
			require.Len(t, reports, 1)
			require.Equal(t, sample.want, reports[0].Reason, reports[0])
		})
	}
}

// acceptedReplies are the names of replies of other platforms that refuse nothing.
const acceptedReplies = `_(accept|accepted|ok|ping_match|ping_matched|ping_bids|ping_one_bid|created)(_\w+)?\.|^buyer_to_trackdrive_many|^hostile_|^matched_`

// The refusals of other platforms, as an auction and a webhook see them. A reply of which
// nobody says what it is fails.
func TestTheReasonsOfOtherPlatforms(t *testing.T) {
	t.Parallel()
	no := trackdrive.All(trackdrive.Field("no such member").Equals("yes"))
	refusals := map[string]trackdrive.Reason{
		"ringba_reject_1006.json":                 trackdrive.ReasonNoBuyer,
		"ringba_reject_1024.json":                 trackdrive.ReasonRateLimited,
		"ringba_reject_with_amount.json":          trackdrive.ReasonNoBuyer,
		"retreaver_reject_no_target.json":         trackdrive.ReasonNoBuyer,
		"retreaver_reject_rejected.json":          trackdrive.ReasonOther,
		"retreaver_confirm_no_target.json":        trackdrive.ReasonNoBuyer,
		"callgrid_reject_4004.json":               trackdrive.ReasonCapped,
		"callgrid_reject_2000.json":               trackdrive.ReasonOther,
		"boberdoo_ping_unmatched.xml":             trackdrive.ReasonNoBuyer,
		"boberdoo_post_error.xml":                 trackdrive.ReasonInvalid,
		"leadspedia_ping_failed.xml":              trackdrive.ReasonInvalid,
		"leadspedia_post_failed.json":             trackdrive.ReasonInvalid,
		"leadexec_post_rejected.xml":              trackdrive.ReasonDuplicate,
		"leadprosper_post_duplicated.json":        trackdrive.ReasonDuplicate,
		"leadprosper_error_with_lead_id.json":     trackdrive.ReasonInvalid,
		"linktrust_ping_rejected.xml":             trackdrive.ReasonNoBuyer,
		"linktrust_ping_rejected.json":            trackdrive.ReasonNoBuyer,
		"leadconduit_classic_failure.xml":         trackdrive.ReasonDuplicate,
		"servicedirect_ping_none.json":            trackdrive.ReasonNoBuyer,
		"quotewizard_ping_rejected.json":          trackdrive.ReasonNoBuyer,
		"juiced_ping_no_match.json":               trackdrive.ReasonNoBuyer,
		"clickdealer_failed.json":                 trackdrive.ReasonInvalid,
		"plain_text_unmatched.txt":                trackdrive.ReasonNoBuyer,
		"buyer_to_trackdrive_reject.json":         trackdrive.ReasonCapped,
		"trackdrive_ping_no_matching_buyer.json":  trackdrive.ReasonNoBuyer,
		"callgrid_reject_4003.json":               trackdrive.ReasonInvalid,
		"trackdrive_ping_422_object_errors.json":  trackdrive.ReasonInvalid,
		"trackdrive_ping_caller_id_required.json": trackdrive.ReasonInvalid,
	}
	files, err := filepath.Glob("testdata/market-replies/*")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for name := range refusals {
		require.Contains(t, files, "testdata/market-replies/"+name)
	}
	for _, file := range files {
		name := filepath.Base(file)
		want, isRefusal := refusals[name]
		if !isRefusal {
			require.Regexp(t, acceptedReplies, name, "is it a refusal, and for which reason?")
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile("testdata/market-replies/" + name)
			require.NoError(t, err)
			format := map[string]trackdrive.ReplyFormat{".xml": trackdrive.ReplyXML, ".txt": trackdrive.ReplyText}[filepath.Ext(name)]
			w := newWebhook(t, trackdrive.WebhookConfig{URL: "https://rtb.example.com/ping?a=[caller_id]", Reply: format, Acceptance: no})
			var log reportLog
			c := newClient(t, instant(body), log.option())
			_, err = c.RunWebhook(t.Context(), w, trackdrive.Values{"caller_id": "1"})
			require.NoError(t, err)
			require.Equal(t, want, log.take()[0].Reason, "of the webhook")
			reply, err := trackdrive.WebhookBidder{Client: c, PingWebhook: w, NumberPath: "number"}.Ping(t.Context(), &trackdrive.PingRequest{CallerID: "1"})
			require.NoError(t, err)
			require.Equal(t, want, reply.Reason(), "of the bidder's ping: %v", reply.Errors)
			require.Equal(t, want, log.take()[0].Reason)
		})
	}
}

func TestReasonsOfHugeTexts(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"no ", "no buyer ", "\u2028", "_", "a", "not a ", "code ", "n’", "1"} {
		text := strings.Repeat(unit, 1<<20/len(unit))
		ping := trackdrive.PingResponse{Status: text, Errors: slices.Repeat([]trackdrive.FieldError{{Field: text, Message: text}}, 20)}
		require.Contains(t, allReasons, ping.Reason())
	}
}

func TestAReasonAllocatesNothing(t *testing.T) { // not parallel: it counts allocations
	for _, texts := range wordedReasons {
		for _, text := range texts {
			ping := trackdrive.PingResponse{Status: "rejected", Errors: []trackdrive.FieldError{{Field: "base", Message: text}}}
			requireAllocs(t, 0, func() { ping.Reason() })
			ping = trackdrive.PingResponse{Errors: []trackdrive.FieldError{{Message: "sorry"}}, Meta: trackdrive.Meta{Raw: []byte(`{"a":{"Message":["sorry"],"b":[1,2]},"reject_reason":"sorry"}`)}}
			requireAllocs(t, 0, func() { ping.Reason() })
		}
	}
}

func FuzzReason(f *testing.F) {
	for _, texts := range wordedReasons {
		for _, text := range texts {
			f.Add("", "", text, 422)
			f.Add(text, text, text, 200)
		}
	}
	f.Fuzz(func(t *testing.T, status, field, message string, code int) {
		errs := []trackdrive.FieldError{{Field: field, Message: message}}
		for _, reason := range []trackdrive.Reason{
			(&trackdrive.PingResponse{Status: status, Errors: errs}).Reason(),
			(&trackdrive.PostResponse{Status: status, Errors: errs}).Reason(),
			(&trackdrive.Error{Status: status, Errors: errs, StatusCode: code}).Reason(),
		} {
			if !slices.Contains(allReasons, reason) {
				t.Errorf("%q is not a reason", reason)
			}
		}
		if reason := (&trackdrive.PingResponse{Status: status, Errors: errs}).Reason(); reason == trackdrive.ReasonNone {
			t.Error("a ping that was refused has a reason")
		}
	})
}

func BenchmarkReason(b *testing.B) {
	for name, text := range map[string]string{"short": "Buyer is no longer available", "1 KiB": strings.Repeat("no such word ", 80)} {
		b.Run(name, func(b *testing.B) {
			ping := trackdrive.PingResponse{Status: "rejected", Errors: []trackdrive.FieldError{{Message: text}}}
			b.ReportAllocs()
			for b.Loop() {
				ping.Reason()
			}
		})
	}
}

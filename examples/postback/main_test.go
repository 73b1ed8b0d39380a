package main

import (
	"bytes"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func TestTheStory(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	require.Zero(t, run(t.Context(), nil, &out, &errs), errs.String())
	require.Contains(t, out.String(), "converted true, revenue 25.50, 1 update")
	require.Equal(t, 2, run(t.Context(), []string{"-nonsense"}, &out, &errs))
	require.Equal(t, 2, run(t.Context(), []string{"-listen", ":0"}, &out, &errs), "no credentials")
}

func TestFailuresSayWhatToDo(t *testing.T) {
	t.Parallel()
	fake := trackdrivetest.NewServer(t)
	fake.AddAccess(trackdrivetest.Access{AuthToken: "made-up", Lacks: []trackdrivetest.Permission{trackdrivetest.PermitBuyerRevenue}})
	call := fake.AddCall(trackdrivetest.Call{})
	client, err := trackdrive.NewClient("acme", trackdrive.WithBaseURL(fake.URL), trackdrive.WithAuth(
		trackdrive.PerSubdomain(map[string]trackdrive.Authenticator{"acme": trackdrive.AuthToken("made-up")})))
	require.NoError(t, err)
	var log bytes.Buffer
	s := newService(client, &log)
	forward := func(subdomain, uuid string) error {
		return s.take(t.Context(), "/forward", url.Values{"trackdrive_subdomain": {subdomain}, "trackdrive_call_uuid": {uuid}})
	}
	convert := func(uuid, revenue string) error {
		return s.take(t.Context(), "/converted", url.Values{"call": {uuid}, "revenue": {revenue}})
	}
	require.ErrorContains(t, forward("evil.example", "u-1"), "trackdrive_subdomain")
	require.ErrorContains(t, convert("u-1", "25.50"), "no such call")
	require.NoError(t, forward("acme", call.UUID))
	require.NoError(t, forward("acme", "u-2"))
	require.NoError(t, forward("other", "u-3"))
	require.ErrorContains(t, convert(call.UUID, "lots"), "amount")
	require.ErrorContains(t, convert(call.UUID, "25.50"), "ask the owner of the call for the missing permission")
	require.ErrorContains(t, convert("u-2", "25.50"), "no such call: do not send again")
	require.ErrorContains(t, convert("u-3", "25.50"), "mend the credentials")
	fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.BadGateway(), trackdrivetest.Always)
	require.ErrorContains(t, convert(call.UUID, "25.50"), "send again later")
	require.Contains(t, log.String(), "Buyer Revenue")
	fake.AssertNotUpdated(t, call.UUID)
}

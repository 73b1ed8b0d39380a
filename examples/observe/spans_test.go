package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/trackdrive-go/trackdrive"
)

const planted = "PLANTED-0123456789"

// callsWithSecrets put a credential, or a caller's number, into their URL.
func callsWithSecrets(base string) map[string]func(context.Context, *trackdrive.Client) error {
	inQuery := trackdrive.WithEncoding(trackdrive.EncodeQuery)
	hook := func(cfg trackdrive.WebhookConfig) func(context.Context, *trackdrive.Client) error {
		return func(ctx context.Context, c *trackdrive.Client) error {
			w, err := trackdrive.NewWebhook(cfg)
			if err != nil {
				return err
			}
			_, err = c.RunWebhook(ctx, w, trackdrive.Values{"hook_token": planted})
			return err
		}
	}
	return map[string]func(context.Context, *trackdrive.Client) error{
		"Call": func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.Call(ctx, "u-1")
			return err
		},
		"Calls": func(ctx context.Context, c *trackdrive.Client) error {
			for _, err := range c.Calls(ctx, nil) {
				return err
			}
			return nil
		},
		"a ping in the query": func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.Ping(ctx, "sell", &trackdrive.PingRequest{CallerID: "+15555550142"}, inQuery)
			return err
		},
		"a lead in the query": func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.CaptureLead(ctx, &trackdrive.Lead{LeadToken: planted, CallerID: "+15555550142"}, inQuery)
			return err
		},
		"an opt-out": func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.OptOutCaller(ctx, planted, "+15555550142")
			return err
		},
		"the path of Do": func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.Do(ctx, &trackdrive.Request{Method: http.MethodGet, Path: []string{"secure", planted, "calls", "1"}}, nil)
			return err
		},
		"the path of Do, unknown": func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.Do(ctx, &trackdrive.Request{Method: http.MethodGet, Path: []string{"elsewhere", planted}}, nil)
			return err
		},
		"the path of a webhook":  hook(trackdrive.WebhookConfig{Method: http.MethodGet, URL: base + "/hook/[hook_token]"}),
		"the query of a webhook": hook(trackdrive.WebhookConfig{Method: http.MethodGet, URL: base + "/hook?key=[hook_token]"}),
		"a literal of a webhook": hook(trackdrive.WebhookConfig{Method: http.MethodGet, URL: base + "/hook/" + planted}),
	}
}

func TestNoSpanShowsACredential(t *testing.T) {
	for _, status := range []int{200, 401, 422, 500} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			echo, _ := json.Marshal(r.URL.String() + " " + r.Header.Get("Authorization"))
			fmt.Fprintf(w, `{"success":false,"calls":[],"errors":[%s]}`, echo)
		}))
		for name, call := range callsWithSecrets(srv.URL) {
			recorder := tracetest.NewSpanRecorder()
			provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder))
			client, err := trackdrive.NewClient("acme", trackdrive.WithBaseURL(srv.URL), trackdrive.WithMaxAttempts(1),
				trackdrive.WithTransport(traced(provider)), trackdrive.WithAuth(trackdrive.AuthToken(planted)))
			if err != nil {
				t.Fatal(err)
			}
			ctx, span := provider.Tracer("test").Start(t.Context(), name)
			if err := call(ctx, client); err != nil {
				_ = failed(span, err)
			}
			span.End()
			ended := recorder.Ended()
			if len(ended) != 2 {
				t.Fatalf("%s: %d spans, not 2", name, len(ended))
			}
			for _, s := range ended {
				shown := fmt.Sprint(s.Name(), s.Attributes(), s.Events(), s.Status(), s.Links())
				if strings.Contains(shown, planted) {
					t.Errorf("%d %s: the credential shows in %s", status, name, shown)
				}
				// The program's own span says what the server said, which is its caller here.
				if s.Name() != name && strings.Contains(shown, "5555550142") {
					t.Errorf("%d %s: the caller shows in %s", status, name, shown)
				}
			}
		}
		srv.Close()
	}
}

package outbox_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
)

// echoing answers with the request that it gets, or fails with it.
type echoing struct {
	status int
	write  func(string) string
}

func (e echoing) RoundTrip(r *http.Request) (*http.Response, error) {
	_ = r.Body.Close()
	echo := e.write(r.Header.Get("X-Api-Key"))
	if e.status == 0 {
		return nil, errors.New("malformed header line: " + echo)
	}
	quoted, _ := json.Marshal(echo)
	body := `{"success":false,"status":` + string(quoted) + `,"errors":{` + string(quoted) + `:[` + string(quoted) + `]}}`
	return &http.Response{StatusCode: e.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func TestNoEventAndNoItemShowsACredential(t *testing.T) {
	t.Parallel()
	const planted = `PLANTED-key/0123+45=6`
	forms := map[string]func(string) string{
		"raw":     func(s string) string { return s },
		"percent": url.QueryEscape,
		"base64":  func(s string) string { return base64.StdEncoding.EncodeToString([]byte("user:" + s)) },
	}
	for name, write := range forms {
		for _, status := range []int{0, 200, 401, 403, 404, 422, 429, 500} {
			synctest.Test(t, func(t *testing.T) {
				auth := trackdrive.AuthenticatorFunc(func(_ context.Context, r *trackdrive.AuthRequest) error {
					r.SetHeader("X-Api-Key", planted)
					return nil
				})
				s := newFixture(t, func(c *outbox.Config) {
					client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(echoing{status, write}), trackdrive.WithAuth(auth))
					require.NoError(t, err)
					c.Client = client
				})
				s.enqueue(t, "sale-1", "u-1", revenue("25.50"))
				s.enqueue(t, "sale-2", "u-2", addRevenue("1.00"))
				stop := s.start(t)
				pass(time.Minute)
				stop()
				var shown []string
				for _, e := range s.events {
					shown = append(shown, fmt.Sprintf("%v %+v %#v", e, e, e))
					if e.Err != nil {
						shown = append(shown, e.Err.Error())
					}
				}
				require.NotEmpty(t, shown, "%d %s", status, name)
				for _, id := range []string{"sale-1", "sale-2"} {
					data, err := json.Marshal(s.item(t, id))
					require.NoError(t, err)
					shown = append(shown, string(data))
				}
				for _, text := range shown {
					for _, written := range []string{planted, planted[:8], write(planted), base64.StdEncoding.EncodeToString([]byte("user:PLANTED"))[8:14]} {
						require.NotContains(t, text, written, "%d %s", status, name)
					}
				}
			})
		}
	}
}

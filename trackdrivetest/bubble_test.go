package trackdrivetest_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// stopped is a TB that records why it was stopped, instead of failing.
type stopped struct {
	trackdrivetest.TB
	why []string
}

func (s *stopped) Fatalf(format string, args ...any) {
	s.why = append(s.why, fmt.Sprintf(format, args...))
}

// stoppedT is a stopped with a deadline, as a *testing.T has.
type stoppedT struct {
	stopped
	deadline func() (time.Time, bool)
}

func (s *stoppedT) Deadline() (time.Time, bool) { return s.deadline() }

func TestAServerInABubbleFailsImmediately(t *testing.T) {
	t.Parallel()
	outer := t
	synctest.Test(t, func(t *testing.T) {
		withDeadline := &stoppedT{stopped{TB: t}, t.Deadline}
		withoutDeadline := &stopped{TB: t}
		fromOutside := &stoppedT{stopped{TB: outer}, outer.Deadline}
		for name, tb := range map[string]struct {
			trackdrivetest.TB
			why *[]string
		}{
			"the bubble's own test":     {withDeadline, &withDeadline.why},
			"a test without a deadline": {withoutDeadline, &withoutDeadline.why},
			"the test around it":        {fromOutside, &fromOutside.why},
		} {
			srv := trackdrivetest.NewServer(tb.TB)
			if srv != nil {
				srv.Close()
			}
			require.Nil(t, srv, name)
			require.Len(t, *tb.why, 1, name)
			for _, advice := range []string{"synctest bubble", "trackdrivetest.New", "Fake.Transport", "Fake.Register"} {
				require.Contains(t, (*tb.why)[0], advice, name)
			}
		}
	})
}

func TestTheFakeInMemoryWorksInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := trackdrivetest.New()
		fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "my_endpoint", Buyers: []trackdrivetest.Buyer{buyerA}})
		fake.Fail(trackdrivetest.OpPing, trackdrivetest.Slow(time.Hour), 1)
		start := time.Now()
		got, err := tryWith(fake.Transport(), newRequest(t, http.MethodPost, "https://acme.trackdrive.com/api/v1/"+pingPath, "application/json", `{}`))
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, got.status)
		require.Equal(t, time.Hour, time.Since(start))
	})
}

// Only a bubble's panic counts as a bubble.
func TestADeadlineThatPanicsOtherwiseIsNotHidden(t *testing.T) {
	t.Parallel()
	broken := &stoppedT{stopped{TB: t}, func() (time.Time, bool) { panic("broken") }}
	require.PanicsWithValue(t, "broken", func() { trackdrivetest.NewServer(broken) })
	fine := &stoppedT{stopped{TB: t}, t.Deadline}
	require.NotNil(t, trackdrivetest.NewServer(fine))
	require.Empty(t, fine.why)
}

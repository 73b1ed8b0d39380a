package outbox_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/outbox"
)

func TestCountsPrintAndLog(t *testing.T) {
	t.Parallel()
	oldest := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	for _, tt := range []struct {
		counts outbox.Counts
		text   string
		object string
	}{
		{outbox.Counts{}, "no items", `{"waiting":0,"sending":0,"parked":0,"aside":0,"dead":0,"delivered":0}`},
		{outbox.Counts{Waiting: 3, Dead: 1, Oldest: oldest}, "3 waiting, 1 dead, oldest since 2026-03-01T09:30:00Z", `{"waiting":3,"sending":0,"parked":0,"aside":0,"dead":1,"delivered":0,"oldest":"2026-03-01T09:30:00Z"}`},
		{outbox.Counts{Waiting: 1, Sending: 2, Parked: 3, Aside: 4, Dead: 5, Delivered: 6}, "1 waiting, 2 sending, 3 parked, 4 aside, 5 dead, 6 delivered", `{"waiting":1,"sending":2,"parked":3,"aside":4,"dead":5,"delivered":6}`},
	} {
		for _, v := range []any{tt.counts, &tt.counts} {
			require.Equal(t, tt.text, fmt.Sprint(v))
			require.Equal(t, tt.text, fmt.Sprintf("%+v", v))
			var log bytes.Buffer
			slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{ReplaceAttr: onlyGroups})).Info("", "v", v)
			require.JSONEq(t, `{"v":`+tt.object+`}`, log.String())
		}
	}
}

func onlyGroups(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 {
		return slog.Attr{}
	}
	return a
}

func ExampleCounts_String() {
	fmt.Println(outbox.Counts{Waiting: 3, Dead: 1})
	// Output:
	// 3 waiting, 1 dead
}

func ExampleCounts_LogValue() {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: onlyGroups}))
	log.Info("", "outbox", outbox.Counts{Waiting: 3, Dead: 1})
	// Output:
	// outbox.waiting=3 outbox.sending=0 outbox.parked=0 outbox.aside=0 outbox.dead=1 outbox.delivered=0
}

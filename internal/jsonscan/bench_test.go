package jsonscan_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

func pingReply(buyers int) []byte {
	var b strings.Builder
	b.WriteString(`{"success":true,"status":"accepted","try_all_buyers_ping_id":"a1b2c3d4-0000-4000-8000-00000000000a","buyers":[`)
	for i := range buyers {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"buyer_id":"buyer%d","name":"Buyer %d","offer_id":"offer456","offer_conversion_payout":25.%02d,"destination_number":"18005550123","traffic_source_id":"source123","concurrency_cap_limit":null}`, i, i, i%100)
	}
	b.WriteString(`],"trackdrive_number":"18005550100","caller_id":"15555550123","timestamp":"2025-09-23T15:30:00Z"}`)
	return []byte(b.String())
}

func BenchmarkValid(b *testing.B) {
	for _, buyers := range []int{2, 20, 200} {
		data := pingReply(buyers)
		b.Run(fmt.Sprint(buyers), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if jsonscan.Valid(data) != nil {
					b.Fatal("invalid")
				}
			}
		})
	}
	data := pingReply(20)
	b.Run("encoding", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if !json.Valid(data) {
				b.Fatal("invalid")
			}
		}
	})
}

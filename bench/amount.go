package main

import (
	"github.com/shopspring/decimal"

	"github.com/trackdrive-go/trackdrive"
)

func compareAmounts(b *benchRun) {
	const low, high = "25.50", "1024.125"
	b.contest("ParseAmount and Cmp", []contestEntry{
		{"trackdrive", func(times int) {
			for range times {
				x, err := trackdrive.ParseAmount(low)
				must(err)
				y, err := trackdrive.ParseAmount(high)
				must(err)
				if x.Cmp(y) >= 0 {
					panic("order")
				}
			}
		}},
		{peerDecimal, func(times int) {
			for range times {
				x, err := decimal.NewFromString(low)
				must(err)
				y, err := decimal.NewFromString(high)
				must(err)
				if x.Cmp(y) >= 0 {
					panic("order")
				}
			}
		}},
	})
}

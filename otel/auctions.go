// Metrics of auctions and of what they sell.

package tdotel

import (
	"cmp"
	"context"

	"go.opentelemetry.io/otel/attribute"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/purchase"
)

// endKey makes the attributes of trackdrive.auction.duration.
type endKey struct{ end string }

func (k endKey) attributes() []attribute.KeyValue {
	var l attributeList
	l.text(keyEnd, k.end)
	return l
}

// sourceKey makes the attributes of an auction's pings and bids.
type sourceKey struct{ source string }

func (k sourceKey) attributes() []attribute.KeyValue {
	var l attributeList
	l.text(keySource, k.source)
	return l
}

// lossKey makes the attributes of trackdrive.auction.losses.
type lossKey struct{ source, reason string }

func (k lossKey) attributes() []attribute.KeyValue {
	var l attributeList
	l.text(keySource, k.source)
	l.text(keyReason, k.reason)
	return l
}

// postKey makes the attributes of trackdrive.auction.posts.
type postKey struct{ source, outcome string }

func (k postKey) attributes() []attribute.KeyValue {
	var l attributeList
	l.text(keySource, k.source)
	l.text(keyOutcome, k.outcome)
	return l
}

// saleKey makes the attributes of trackdrive.sold and trackdrive.revenue.
type saleKey struct{ source, buyer string }

func (k saleKey) attributes() []attribute.KeyValue {
	var l attributeList
	l.text(keySource, k.source)
	l.text(keyBuyer, k.buyer)
	return l
}

// kindKey makes the attributes of trackdrive.revenue.corrections.
type kindKey struct{ kind string }

func (k kindKey) attributes() []attribute.KeyValue {
	return []attribute.KeyValue{keyKind.String(k.kind)}
}

func (t *Telemetry) measureAuction(ctx context.Context, e *trackdrive.AuctionEvent) {
	m, source := t.metrics, t.labels.sources.Label(e.Source)
	switch e.Kind {
	case trackdrive.EventPing:
		m.pings.Add(ctx, 1, m.sourceKeys.of(sourceKey{source}).add...)
	case trackdrive.EventBids:
		with := m.sourceKeys.of(sourceKey{source})
		if len(e.Bids) > 0 {
			m.bids.Add(ctx, int64(len(e.Bids)), with.add...)
		}
		for i := range e.Bids {
			recordPayout(ctx, m.bidPayout, e.Bids[i].Payout, with)
		}
	case trackdrive.EventLoss:
		if e.Loss != nil {
			key := lossKey{source, t.labels.words.Label(string(e.Loss.Reason))}
			m.losses.Add(ctx, 1, m.lossKeys.of(key).add...)
		}
	case trackdrive.EventEnd:
		key := endKey{t.labels.words.Label(string(e.End))}
		m.auctionDuration.Record(ctx, e.After.Seconds(), m.endKeys.of(key).record...)
	case trackdrive.EventSale:
		if e.Try != nil {
			t.measureSale(ctx, source, e.Try)
		}
	}
}

func (t *Telemetry) measureSale(ctx context.Context, source string, try *trackdrive.SaleTry) {
	m := t.metrics
	key := postKey{source, t.labels.words.Label(string(try.Outcome))}
	m.posts.Add(ctx, 1, m.postKeys.of(key).add...)
	if try.Outcome != trackdrive.TrySold {
		return
	}
	buyer, payout := purchase.Of(try)
	with := m.saleKeys.of(saleKey{source, t.labels.buyers.Label(nameOf(&buyer), try.Bid.Ping, try.Response)})
	m.sold.Add(ctx, 1, with.add...)
	switch value := payout.Float64(); {
	case value > 0:
		m.revenue.Add(ctx, value, with.add...)
	case value < 0:
		m.correct(ctx, value)
	}
}

// correct adds a value that was found or, if it is negative, taken back.
func (m *instrumentSet) correct(ctx context.Context, value float64) {
	switch {
	case value > 0:
		m.corrections.Add(ctx, value, m.kindKeys.of(kindKey{"found"}).add...)
	case value < 0:
		m.corrections.Add(ctx, -value, m.kindKeys.of(kindKey{"taken_back"}).add...)
	}
}

// nameOf returns the name of a buyer or, without one, its id.
func nameOf(b *trackdrive.Buyer) string { return cmp.Or(b.Name, string(b.ID)) }

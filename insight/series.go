// The series: the same counters for each minute and each hour.

package insight

import (
	"strings"
	"time"
)

// How many buckets there are.
const (
	minuteCount = 60
	hourCount   = 168
)

// bucketRing has the latest buckets, each in the place that its time says.
type bucketRing struct {
	step    time.Duration
	buckets []*bucket
}

type bucket struct {
	number   int64 // how many steps have passed since 1970
	total    tally
	bySource map[string]*tally
	byBuyer  map[buyerKey]*tally
}

func newRing(step time.Duration, count int) bucketRing {
	return bucketRing{step: step, buckets: make([]*bucket, count)}
}

func (r *bucketRing) numberOf(t time.Time) int64 {
	return t.Unix() / int64(r.step/time.Second)
}

func (r *bucketRing) place(number int64) **bucket {
	return &r.buckets[uint64(number)%uint64(len(r.buckets))]
}

// at returns the bucket of a time. It takes the place of one that is too old.
func (r *bucketRing) at(now time.Time) *bucket {
	number := r.numberOf(now)
	place := r.place(number)
	if *place == nil || (*place).number != number {
		*place = &bucket{number: number, bySource: make(map[string]*tally), byBuyer: make(map[buyerKey]*tally)}
	}
	return *place
}

func (b *bucket) addToSource(source string, change *tally) {
	b.total.add(change)
	t, isKnown := b.bySource[source]
	if !isKnown {
		t = new(tally)
		b.bySource[source] = t
	}
	t.add(change)
}

func (b *bucket) addToBuyer(key buyerKey, change *tally) {
	t, isKnown := b.byBuyer[key]
	if !isKnown {
		t = new(tally)
		b.byBuyer[key] = t
	}
	t.add(change)
}

// Minutes returns a Bucket for each of the latest 60 minutes in which something
// happened, in order.
func (n *Numbers) Minutes() []Bucket { return n.market.series(&n.market.minutes) }

// Hours returns a Bucket for each of the latest 168 hours, a week, in which something
// happened, in order.
func (n *Numbers) Hours() []Bucket { return n.market.series(&n.market.hours) }

func (b *marketBook) series(r *bucketRing) []Bucket {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := r.numberOf(time.Now())
	list := []Bucket{}
	for number := now - int64(len(r.buckets)) + 1; number <= now; number++ {
		if known := *r.place(number); known != nil && known.number == number {
			list = append(list, known.report(r.step))
		}
	}
	return list
}

func (b *bucket) report(step time.Duration) Bucket {
	reported := Bucket{
		Start:      time.Unix(b.number*int64(step/time.Second), 0).UTC(),
		PingCounts: b.total.pingCounts(), SaleCounts: b.total.saleCountsOfThen(),
		Sources: []Source{}, Buyers: []Buyer{},
	}
	for name, t := range sortedRows(b.bySource, strings.Compare) {
		reported.Sources = append(reported.Sources, Source{Name: name, PingCounts: t.pingCounts(), SaleCounts: t.saleCountsOfThen()})
	}
	for key, t := range sortedRows(b.byBuyer, compareBuyers) {
		reported.Buyers = append(reported.Buyers, Buyer{Source: key.source, Name: key.buyer, SaleCounts: t.saleCountsOfThen()})
	}
	return reported
}

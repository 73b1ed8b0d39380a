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
	buckets []*timeBucket
}

type timeBucket struct {
	number   int64 // how many steps have passed since 1970
	total    rowTally
	bySource map[string]*rowTally
	byBuyer  map[buyerKey]*rowTally
}

func newRing(step time.Duration, count int) bucketRing {
	return bucketRing{step: step, buckets: make([]*timeBucket, count)}
}

func (r *bucketRing) numberOf(t time.Time) int64 {
	return t.Unix() / int64(r.step/time.Second)
}

func (r *bucketRing) place(number int64) **timeBucket {
	return &r.buckets[uint64(number)%uint64(len(r.buckets))]
}

// at returns the bucket of a time. It takes the place of one that is too old.
func (r *bucketRing) at(now time.Time) *timeBucket {
	number := r.numberOf(now)
	place := r.place(number)
	if *place == nil || (*place).number != number {
		*place = &timeBucket{number: number, bySource: make(map[string]*rowTally), byBuyer: make(map[buyerKey]*rowTally)}
	}
	return *place
}

func (b *timeBucket) addToSource(source string, change *rowTally) {
	b.total.add(change)
	t, isKnown := b.bySource[source]
	if !isKnown {
		t = new(rowTally)
		b.bySource[source] = t
	}
	t.add(change)
}

func (b *timeBucket) addToBuyer(key buyerKey, change *rowTally) {
	t, isKnown := b.byBuyer[key]
	if !isKnown {
		t = new(rowTally)
		b.byBuyer[key] = t
	}
	t.add(change)
}

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

func (b *timeBucket) report(step time.Duration) Bucket {
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

// Attributes of metrics: few, and put together once.

package tdotel

import (
	"net/netip"
	"net/url"
	"strconv"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/internal/labels"
)

// labelSets bounds every attribute that is a text from outside.
type labelSets struct {
	words          *labels.Set // operations, outcomes and reasons, of which there are few unless a report is made by hand
	subdomains     *labels.Set
	endpoints      *labels.Set
	trafficSources *labels.Set
	sources        *labels.Set
	buyers         *labels.Set
	servers        serverSet
}

// mostWords is more than all operations, outcomes, reasons and the like together.
const mostWords = 128

func newLabelSets(limit int) *labelSets {
	return &labelSets{
		words:          labels.NewSet(mostWords),
		subdomains:     labels.NewSet(limit),
		endpoints:      labels.NewSet(limit),
		trafficSources: labels.NewSet(limit),
		sources:        labels.NewSet(limit),
		buyers:         labels.NewSet(limit),
		servers:        serverSet{limit: limit, known: make(map[attemptOrigin]serverAddress)},
	}
}

// shownText returns a text as a span shows it: like a label of set, but not bounded.
func shownText(set *labels.Set, text string) string {
	if label := set.Label(text); label != labels.Rest {
		return label
	}
	return shownAlone(text)
}

// longestText is how much of a text a span shows, in bytes.
const longestText = 128

// shownAlone returns a text in one line, short and without phone numbers.
func shownAlone(text string) string {
	return display.Shorten(display.Line(display.HideAnyNumbers(text)), longestText)
}

// attemptOrigin is where an attempt goes.
type attemptOrigin struct{ scheme, host string }

// originOf returns the origin of an attempt. u is its URL, if it is known.
func originOf(host string, u *url.URL) attemptOrigin {
	if u == nil {
		return attemptOrigin{"https", host}
	}
	return attemptOrigin{u.Scheme, host}
}

// serverAddress is server.address and server.port.
type serverAddress struct {
	address string
	port    int // 0: unknown
}

func (o attemptOrigin) server() serverAddress {
	u := url.URL{Host: o.host}
	s := serverAddress{address: u.Hostname()}
	if _, err := netip.ParseAddr(s.address); err != nil { // the digits of an address look like a number
		s.address = shownAlone(s.address)
	}
	switch port, err := strconv.ParseUint(u.Port(), 10, 16); {
	case err == nil:
		s.port = int(port)
	case o.scheme == "http":
		s.port = 80
	default:
		s.port = 443
	}
	return s
}

// serverSet is a set of servers: the first ones that it was asked for.
type serverSet struct {
	limit int
	mu    sync.RWMutex
	known map[attemptOrigin]serverAddress
}

// label returns the server of an origin, or one called "other" if the set is full.
func (s *serverSet) label(o attemptOrigin) serverAddress {
	s.mu.RLock()
	known, isKnown := s.known[o]
	s.mu.RUnlock()
	if isKnown {
		return known
	}
	made := o.server()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= s.limit {
		return serverAddress{address: labels.Rest}
	}
	s.known[o] = made
	return made
}

// attributeKey is what the attributes of a measurement are made from.
type attributeKey interface {
	comparable
	attributes() []attribute.KeyValue
}

// attributeCache puts the attributes of measurements together once.
type attributeCache[K attributeKey] struct {
	mu    sync.RWMutex
	known map[K]*attributeOptions
}

// attributeOptions are a set of attributes as instrumentSet take it.
type attributeOptions struct {
	record []metric.RecordOption
	add    []metric.AddOption
}

// mostCached is how many sets of attributes a cache has: as many as OpenTelemetry's
// SDK tells apart by default.
const mostCached = 2000

func (c *attributeCache[K]) of(key K) *attributeOptions {
	c.mu.RLock()
	known := c.known[key]
	c.mu.RUnlock()
	if known != nil {
		return known
	}
	option := metric.WithAttributeSet(attribute.NewSet(key.attributes()...))
	made := &attributeOptions{[]metric.RecordOption{option}, []metric.AddOption{option}}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = make(map[K]*attributeOptions)
	}
	if len(c.known) < mostCached {
		c.known[key] = made
	}
	return made
}

// attributeList leaves out what is not set.
type attributeList []attribute.KeyValue

func (l *attributeList) text(key attribute.Key, value string) {
	if value != "" {
		*l = append(*l, key.String(value))
	}
}

func (l *attributeList) number(key attribute.Key, value int) {
	if value != 0 {
		*l = append(*l, key.Int(value))
	}
}

// Faults: how they are configured, and how they are planned on the fake.

package fakeserver

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// faultPlan is a fault, and the requests that it strikes.
type faultPlan struct {
	operation trackdrivetest.Operation // "" for any
	company   string                   // "" for any
	target    string                   // the vanity URI, uuid, id or caller; "" for any
	chance    float64                  // 0 for always
	times     int                      // trackdrivetest.Always until healed

	fault       string
	afterActing bool
	delay       time.Duration
	status      int
	header      map[string]string
	body        string
	retryAfter  time.Duration
	word        string
	reasons     []string

	sending trackdrivetest.SendFault // a fault of what the fake sends, instead of all above

	struck *atomic.Int64 // how often, once planned
}

// operationNames are the operations that a fault can strike.
var operationNames = operationChoices(
	trackdrivetest.OpPing, trackdrivetest.OpPost, trackdrivetest.OpFull, trackdrivetest.OpCaptureLead, trackdrivetest.OpSubmitLead,
	trackdrivetest.OpUpdateLead, trackdrivetest.OpOptOut, trackdrivetest.OpUpdateCall, trackdrivetest.OpUpdateByCaller,
	trackdrivetest.OpKeyPress, trackdrivetest.OpCalls, trackdrivetest.OpCall, trackdrivetest.OpUnknown,
)

func operationChoices(ops ...trackdrivetest.Operation) []namedChoice[trackdrivetest.Operation] {
	list := make([]namedChoice[trackdrivetest.Operation], len(ops))
	for i, op := range ops {
		list[i] = namedChoice[trackdrivetest.Operation]{string(op), op}
	}
	return list
}

type faultKind struct {
	name         string
	needs, takes []string
	make         func(p *faultPlan) trackdrivetest.Fault
}

// faultKinds are the faults by name, with the settings that each needs and takes.
var faultKinds = []faultKind{
	{"slow", []string{"delay"}, nil, func(p *faultPlan) trackdrivetest.Fault { return trackdrivetest.Slow(p.delay) }},
	{"drop", nil, nil, func(*faultPlan) trackdrivetest.Fault { return trackdrivetest.Drop() }},
	{"status", []string{"status"}, []string{"header", "body"}, func(p *faultPlan) trackdrivetest.Fault {
		var header http.Header
		for name, value := range p.header {
			if header == nil {
				header = http.Header{}
			}
			header.Set(name, value)
		}
		return trackdrivetest.Status(p.status, header, p.body)
	}},
	{"too_many_requests", nil, []string{"retry_after"}, func(p *faultPlan) trackdrivetest.Fault { return trackdrivetest.TooManyRequests(p.retryAfter) }},
	{"bad_gateway", nil, nil, func(*faultPlan) trackdrivetest.Fault { return trackdrivetest.BadGateway() }},
	{"html", nil, nil, func(*faultPlan) trackdrivetest.Fault { return trackdrivetest.HTML200() }},
	{"empty", nil, nil, func(*faultPlan) trackdrivetest.Fault { return trackdrivetest.Empty() }},
	{"refusal", nil, []string{"word", "reasons"}, func(p *faultPlan) trackdrivetest.Fault {
		return trackdrivetest.Refusal(cmp.Or(p.word, "rejected"), p.reasons...)
	}},
	{"truncated", nil, nil, func(*faultPlan) trackdrivetest.Fault { return trackdrivetest.Truncated() }},
	{"cut_off", nil, nil, func(*faultPlan) trackdrivetest.Fault { return trackdrivetest.CutOff() }},
}

var sendFaults = []namedChoice[trackdrivetest.SendFault]{
	{"lost", trackdrivetest.SendLost}, {"cut", trackdrivetest.SendCut}, {"reply_lost", trackdrivetest.SendReplyLost}, {"twice", trackdrivetest.SendTwice},
}

// The limits of one plan.
const (
	maxDelay     = 10 * time.Minute // of a slow answer
	maxTimes     = 1_000_000
	maxSendTimes = 1_000
)

func (p *faultPlan) fields() []docField {
	names := make([]namedChoice[string], len(faultKinds))
	for i, k := range faultKinds {
		names[i] = namedChoice[string]{k.name, k.name}
	}
	return []docField{
		choiceField("operation", &p.operation, operationNames),
		textField("company", &p.company),
		textField("target", &p.target),
		choiceField("fault", &p.fault, names),
		choiceField("sending", &p.sending, sendFaults),
		boolField("after_acting", &p.afterActing),
		{"times", p.readTimes, p.showTimes},
		{"chance", p.readChance, func() any {
			if p.chance == 0 {
				return nil
			}
			return p.chance
		}},
		durationField("delay", &p.delay, time.Millisecond, maxDelay),
		countField("status", &p.status, 200, 599),
		hashField("header", &p.header),
		textField("body", &p.body),
		durationField("retry_after", &p.retryAfter, time.Second, 24*time.Hour),
		textField("word", &p.word),
		textsField("reasons", &p.reasons, nil),
	}
}

func (p *faultPlan) readTimes(r *docReader, n *docNode, path string) {
	if n.kind == textNode && n.text == "always" {
		p.times = trackdrivetest.Always
		return
	}
	times, err := strconv.Atoi(n.text)
	if n.kind != numberNode || err != nil || times < 1 || times > maxTimes {
		r.mistake(n.docPlace, path, "must be a whole number from 1 to %d, or always", maxTimes)
		return
	}
	p.times = times
}

func (p *faultPlan) showTimes() any {
	switch p.times {
	case 0:
		return 1
	case trackdrivetest.Always:
		return "always"
	}
	return p.times
}

func (p *faultPlan) readChance(r *docReader, n *docNode, path string) {
	chance, err := strconv.ParseFloat(n.text, 64)
	if n.kind != numberNode || err != nil || !(chance > 0 && chance <= 1) {
		r.mistake(n.docPlace, path, "must be a number above 0, up to 1: 0.05 strikes one request in twenty")
		return
	}
	p.chance = chance
}

// check refuses settings that the fault does not have. It makes times 1 if it is not
// given, and always if only a chance is.
func (p *faultPlan) check(r *docReader, n *docNode, path string) {
	if p.times == 0 {
		p.times = 1
		if p.chance > 0 {
			p.times = trackdrivetest.Always
		}
	}
	if n.member("sending") != nil {
		p.checkSending(r, n, path)
		return
	}
	if n.member("fault") == nil {
		r.mistake(n.docPlace, path, "has no fault; give one, such as fault: drop")
		return
	}
	for _, kind := range faultKinds {
		if kind.name != p.fault {
			continue
		}
		for _, name := range kind.needs {
			if n.member(name) == nil {
				r.mistake(n.docPlace, path, "the fault %s needs %s", kind.name, name)
			}
		}
		for _, m := range n.members {
			for _, other := range faultKinds {
				if (slices.Contains(other.needs, m.name) || slices.Contains(other.takes, m.name)) &&
					!slices.Contains(kind.needs, m.name) && !slices.Contains(kind.takes, m.name) {
					r.mistake(m.docPlace, joinPath(path, m.name), "is not a setting of the fault %s; it is one of %s", kind.name, other.name)
				}
			}
		}
	}
}

func (p *faultPlan) checkSending(r *docReader, n *docNode, path string) {
	for _, m := range n.members {
		if m.name != "sending" && m.name != "times" {
			r.mistake(m.docPlace, joinPath(path, m.name), "cannot be combined with sending, which strikes whatever the fake sends next; leave it out")
		}
	}
	if p.times < 0 || p.times > maxSendTimes {
		r.mistake(n.docPlace, joinPath(path, "times"), "must be a whole number from 1 to %d with sending", maxSendTimes)
	}
}

// checkNames refuses a company that does not exist.
func (p *faultPlan) checkNames(r *docReader, n *docNode, path string, companies []companyConfig) {
	if p.company == "" {
		return
	}
	names := make([]namedChoice[string], len(companies))
	for i, c := range companies {
		names[i] = namedChoice[string]{c.name, c.name}
	}
	readChoice(r, n.member("company"), joinPath(path, "company"), names)
}

// on plans the fault on a fake.
func (p *faultPlan) on(fake *trackdrivetest.Fake) {
	p.struck = new(atomic.Int64)
	if p.sending != "" {
		fake.FailSending(p.sending, p.times)
		return
	}
	i := slices.IndexFunc(faultKinds, func(k faultKind) bool { return k.name == p.fault })
	fault := faultKinds[i].make(p)
	if p.afterActing {
		fault = trackdrivetest.AfterActing(fault)
	}
	fake.Fail(trackdrivetest.Where(p.matches), fault, p.times)
}

// matches reports whether the fault strikes a request, and counts it.
func (p *faultPlan) matches(r trackdrivetest.Request) bool {
	fits := (p.operation == "" || p.operation == r.Operation) &&
		(p.company == "" || p.company == r.Company) &&
		(p.target == "" || p.target == r.Target) &&
		(p.chance == 0 || rand.Float64() < p.chance)
	if fits {
		p.struck.Add(1)
	}
	return fits
}

// String returns the fault in words, for the log.
func (p *faultPlan) String() string {
	what := p.fault
	if p.sending != "" {
		what = "sending " + string(p.sending)
	}
	if p.afterActing {
		what += " after acting"
	}
	return fmt.Sprintf("%s on %s, times %v", what, display.Line(orAny(string(p.operation))), p.showTimes())
}

func orAny(text string) string {
	if text == "" {
		return "any request"
	}
	return text
}

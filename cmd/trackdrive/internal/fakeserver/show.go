// What the admin API shows, as JSON. Nothing shows a credential.

package fakeserver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/trackdrive-go/trackdrive/internal/redact"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// jsonObject is a JSON object that keeps the order of its members.
type jsonObject []jsonMember

type jsonMember struct {
	name  string
	value any
}

// MarshalJSON writes the members in order.
func (o jsonObject) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := encoder.Encode(m.name); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := encoder.Encode(m.value); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// plainJSON converts the values of fields to JSON.
func plainJSON(v any) any {
	switch v := v.(type) {
	case yaml.MapSlice:
		o := jsonObject{}
		for _, item := range v {
			o = append(o, jsonMember{fmt.Sprint(item.Key), plainJSON(item.Value)})
		}
		return o
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plainJSON(v[i])
		}
		return list
	}
	return v
}

func timeJSON(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func totalsJSON(t trackdrivetest.Totals) any {
	return jsonObject{
		{"requests", t.Requests}, {"sales", t.Sales}, {"revenue", t.Revenue}, {"calls", t.Calls}, {"leads", t.Leads},
		{"updates", t.Updates}, {"sent", t.Sent}, {"waiting", t.Waiting}, {"discarded", t.Discarded},
	}
}

func saleJSON(n int, s trackdrivetest.Sale) any {
	var payout any
	if s.Payout.IsSet() {
		payout = s.Payout.String()
	}
	return jsonObject{
		{"n", n}, {"time", timeJSON(s.Time)}, {"company", s.Company}, {"endpoint", s.Endpoint},
		{"buyer_id", string(s.BuyerID)}, {"buyer_name", s.BuyerName}, {"payout", payout}, {"ping_id", s.PingID},
		{"caller_id", s.CallerID}, {"traffic_source_id", s.TrafficSourceID}, {"call_uuid", s.CallUUID}, {"number", s.Number},
	}
}

// requestJSON shows a request by its parameters, which can be searched for
// credentials, and not by its body.
func (s *Server) requestJSON(n int, r trackdrivetest.Request) any {
	params := map[string]string{}
	if r.Params != nil {
		params = r.Params.Flat()
	}
	query := map[string]string{}
	for name, values := range r.Query {
		query[name] = strings.Join(values, ", ")
	}
	return jsonObject{
		{"n", n}, {"time", timeJSON(r.Time)}, {"company", r.Company}, {"operation", string(r.Operation)}, {"target", s.redaction.Replace(r.Target)},
		{"method", r.Method}, {"host", s.redaction.Replace(r.Host)}, {"path", s.redaction.Replace(r.Path)}, {"query", s.redacted(query)},
		{"header", s.redacted(joinedHeader(r.Header))}, {"params", s.redacted(params)}, {"body_bytes", len(r.Body)}, {"fault", r.Fault},
	}
}

func joinedHeader(header http.Header) map[string]string {
	joined := map[string]string{}
	for name, values := range header {
		joined[name] = strings.Join(values, ", ")
	}
	return joined
}

// redacted returns values without those that are credentials by their names, and
// without the credentials of the configuration wherever they are.
func (s *Server) redacted(values map[string]string) map[string]string {
	shown := make(map[string]string, len(values))
	for name, value := range values {
		if redact.IsCredentialName(name) || strings.EqualFold(name, "cookie") {
			value = redact.Mark
		}
		shown[s.redaction.Replace(name)] = s.redaction.Replace(value)
	}
	return shown
}

func (s *Server) leadJSON(company string, l trackdrivetest.Lead) any {
	return jsonObject{
		{"company", company}, {"id", l.ID}, {"created_at", timeJSON(l.CreatedAt)}, {"operation", string(l.Operation)},
		{"offer_id", string(l.OfferID)}, {"schedule_id", string(l.ScheduleID)}, {"caller_id", l.CallerID}, {"email", l.Email},
		{"traffic_source_id", l.TrafficSourceID}, {"ringba_call_uuid", l.RingbaCallUUID}, {"opted_out", l.OptedOut},
		{"updates", l.Updates}, {"fields", s.redacted(l.Fields)},
	}
}

func (s *Server) callJSON(company string, c trackdrivetest.Call) any {
	return jsonObject{
		{"company", company}, {"uuid", c.UUID}, {"id", string(c.ID)}, {"created_at", timeJSON(c.CreatedAt)}, {"status", c.Status},
		{"caller_number", c.CallerNumber}, {"number_called", c.NumberCalled}, {"buyer_id", string(c.BuyerID)}, {"buyer_name", c.BuyerName},
		{"traffic_source_id", string(c.TrafficSourceID)}, {"duration", int(c.Duration / time.Second)}, {"revenue", c.Revenue}, {"payout", c.Payout},
		{"buyer_converted", c.BuyerConverted}, {"offer_converted", c.OfferConverted}, {"tokens", s.redacted(c.Tokens)},
		{"key_presses", append([]string{}, c.KeyPresses...)},
	}
}

func (s *Server) updateJSON(company string, u trackdrivetest.Update) any {
	return jsonObject{
		{"company", company}, {"uuid", u.UUID}, {"time", timeJSON(u.Time)}, {"operation", string(u.Operation)}, {"values", s.redacted(u.Values)},
	}
}

func (s *Server) sentJSON(sent trackdrivetest.Sent) any {
	return jsonObject{
		{"time", timeJSON(sent.Time)}, {"kind", sent.Kind}, {"company", sent.Company}, {"call_uuid", sent.CallUUID}, {"attempt", sent.Attempt},
		{"fault", string(sent.Fault)}, {"status", sent.Status}, {"reply", s.redaction.Replace(string(sent.Reply))},
	}
}

func bidJSON(b trackdrivetest.Bid) any {
	var revenue any
	if b.Revenue.IsSet() {
		revenue = b.Revenue.String()
	}
	return jsonObject{
		{"accepted", b.Accepted}, {"revenue", revenue}, {"number", b.Number}, {"duration", int(b.Duration / time.Second)},
		{"name", b.Name}, {"bid_id", b.ExternalID}, {"reason", b.Reason},
	}
}

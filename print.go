// How responses print and log: in one line, without bodies, headers or whole phone
// numbers.

package trackdrive

import (
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// String returns status, attempts and size: "200, 1 attempt in 120ms, 345 bytes".
func (m Meta) String() string {
	if m.StatusCode == 0 {
		return "no exchange"
	}
	return m.exchange() + ", " + countOf(len(m.Raw), "byte")
}

// LogValue returns status, attempts, time and size.
func (m Meta) LogValue() slog.Value {
	return slog.GroupValue(append(m.attrs(), slog.Int("bytes", len(m.Raw)))...)
}

func (m *Meta) exchange() string {
	return strconv.Itoa(m.StatusCode) + ", " + countOf(m.Attempts, "attempt") + " in " + m.Elapsed.Round(time.Millisecond).String()
}

// suffix returns the exchange for the end of a response's line; "" without one.
func (m *Meta) suffix() string {
	if m.StatusCode == 0 {
		return ""
	}
	return " (" + m.exchange() + ")"
}

func (m *Meta) attrs() []slog.Attr {
	return []slog.Attr{slog.Int("status_code", m.StatusCode), slog.Int("attempts", m.Attempts), slog.Duration("elapsed", m.Elapsed)}
}

// String returns the buyer and the payout: "Buyer A 25.50".
func (b Buyer) String() string {
	text := b.label()
	if b.Payout.IsSet() {
		text += " " + b.Payout.String()
	}
	return text
}

// LogValue returns the buyer's name, or else id, and the payout.
func (b Buyer) LogValue() slog.Value {
	return slog.GroupValue(slog.String("buyer", b.label()), slog.String("payout", b.Payout.String()))
}

func (b *Buyer) label() string {
	if b.Name != "" {
		return withoutNumbers(b.Name)
	}
	return "buyer " + oneLine(firstText(string(b.ID), string(b.PingID)))
}

// String says whether the ping was accepted, and how many buyers there are and
// which is the best, or why there is none: "accepted: 2 buyers, best Buyer A 25.50".
func (p PingResponse) String() string {
	if !p.Accepted {
		return "not accepted" + refusalText(p.Status, p.Errors) + p.Meta.suffix()
	}
	text := "accepted: no buyers listed"
	if best, ok := p.Best(); ok {
		text = "accepted: " + countOf(len(p.Buyers), "buyer") + ", best " + best.String()
	}
	if p.ExpiresIn > 0 {
		text += ", for " + p.ExpiresIn.String()
	}
	return text + p.Meta.suffix()
}

// LogValue returns what String says, without phone numbers.
func (p PingResponse) LogValue() slog.Value {
	attrs := []slog.Attr{slog.Bool("accepted", p.Accepted), slog.Int("buyers", len(p.Buyers))}
	if best, ok := p.Best(); ok {
		attrs = append(attrs, slog.String("best", best.String()))
	}
	if p.ExpiresIn > 0 {
		attrs = append(attrs, slog.Duration("expires_in", p.ExpiresIn))
	}
	if !p.Accepted {
		attrs = append(attrs, refusalAttrs(p.Status, p.Errors)...)
	}
	return slog.GroupValue(append(attrs, p.Meta.attrs()...)...)
}

// String says whether the lead is sold, and to whom, with the last two digits of
// the number to dial, or why it is not: "accepted: Buyer A, dial …10".
func (p PostResponse) String() string {
	if !p.Accepted {
		return "not accepted" + refusalText(p.Status, p.Errors) + p.Meta.suffix()
	}
	var parts []string
	if p.BuyerName != "" {
		parts = append(parts, withoutNumbers(p.BuyerName))
	}
	if p.LeadID != "" {
		parts = append(parts, "lead "+oneLine(string(p.LeadID)))
	}
	if number := p.shownNumber(); number != "" {
		parts = append(parts, "dial "+number)
	} else {
		parts = append(parts, "no number")
	}
	return "accepted: " + strings.Join(parts, ", ") + p.Meta.suffix()
}

// LogValue returns what String says.
func (p PostResponse) LogValue() slog.Value {
	attrs := []slog.Attr{slog.Bool("accepted", p.Accepted)}
	if p.Accepted {
		attrs = append(attrs, textAttrs("buyer", withoutNumbers(p.BuyerName), "lead_id", oneLine(string(p.LeadID)), "number", p.shownNumber())...)
	} else {
		attrs = append(attrs, refusalAttrs(p.Status, p.Errors)...)
	}
	return slog.GroupValue(append(attrs, p.Meta.attrs()...)...)
}

// shownNumber returns the number to dial as it may be shown.
func (p *PostResponse) shownNumber() string {
	number, _ := p.Number()
	if number == "" && p.SIPAddress != "" || strings.ContainsAny(number, "@:") {
		return "a SIP address"
	}
	return lastDigits(number)
}

// String returns the lead and its state: "lead 4711: scheduled".
func (l LeadResponse) String() string {
	text := "lead without an id"
	if l.LeadID != "" {
		text = "lead " + oneLine(string(l.LeadID))
	}
	if l.Status != "" {
		text += ": " + withoutNumbers(l.Status)
	}
	if l.TrackdriveNumber != "" {
		text += ", number " + lastDigits(l.TrackdriveNumber)
	}
	return text + l.Meta.suffix()
}

// LogValue returns the lead's id and state, and the last two digits of its number.
func (l LeadResponse) LogValue() slog.Value {
	attrs := textAttrs("lead_id", oneLine(string(l.LeadID)), "status", withoutNumbers(l.Status), "number", lastDigits(l.TrackdriveNumber))
	return slog.GroupValue(append(attrs, l.Meta.attrs()...)...)
}

// String returns status and attempts: "updated (200, 1 attempt in 120ms)".
func (u UpdateCallResponse) String() string { return "updated" + u.Meta.suffix() }

// LogValue returns status, attempts and time.
func (u UpdateCallResponse) LogValue() slog.Value { return slog.GroupValue(u.Meta.attrs()...) }

// String returns verdict, status and attempts: "accepted (200, 1 attempt in
// 120ms)". The String of Decision says why.
func (w WebhookResult) String() string { return w.Decision.Verdict.String() + w.Meta.suffix() }

// LogValue returns verdict, status, attempts and time.
func (w WebhookResult) LogValue() slog.Value {
	return slog.GroupValue(append([]slog.Attr{slog.String("verdict", w.Decision.Verdict.String())}, w.Meta.attrs()...)...)
}

// String says what became of the call, with the last two digits of the caller's
// number: "call UUID: finished, from …42, revenue 25.50".
func (c Call) String() string {
	text := "call " + oneLine(c.UUID)
	if c.UUID == "" {
		text = "call " + oneLine(string(c.ID))
	}
	var parts []string
	for _, part := range []struct {
		is   bool
		text string
	}{
		{c.Status != "", withoutNumbers(c.Status)},
		{c.CallerNumber != "", "from " + lastDigits(c.CallerNumber)},
		{c.Buyer != "", withoutNumbers(c.Buyer)},
		{c.BuyerConverted, "buyer converted"},
		{c.OfferConverted, "offer converted"},
		{c.Revenue.IsSet(), "revenue " + c.Revenue.String()},
		{c.Payout.IsSet(), "payout " + c.Payout.String()},
		{c.TotalDuration > 0, c.TotalDuration.String()},
	} {
		if part.is {
			parts = append(parts, part.text)
		}
	}
	if len(parts) == 0 {
		return text
	}
	return text + ": " + strings.Join(parts, ", ")
}

// LogValue returns what String says.
func (c Call) LogValue() slog.Value {
	id := oneLine(string(c.ID))
	if c.UUID != "" {
		id = ""
	}
	attrs := textAttrs("id", id, "uuid", oneLine(c.UUID), "status", withoutNumbers(c.Status), "caller", lastDigits(c.CallerNumber), "buyer", withoutNumbers(c.Buyer))
	attrs = append(attrs, slog.Bool("buyer_converted", c.BuyerConverted), slog.Bool("offer_converted", c.OfferConverted))
	attrs = append(attrs, textAttrs("revenue", c.Revenue.String(), "payout", c.Payout.String())...)
	if c.TotalDuration > 0 {
		attrs = append(attrs, slog.Duration("duration", c.TotalDuration))
	}
	return slog.GroupValue(attrs...)
}

// refusalText returns the status word and the reasons of a refusal.
func refusalText(status string, reasons []FieldError) string {
	text := ""
	if status != "" {
		text += ": " + withoutNumbers(status)
	}
	if len(reasons) > 0 {
		text += ": " + withoutNumbers(shortReasons(reasons))
	}
	return text
}

func refusalAttrs(status string, reasons []FieldError) []slog.Attr {
	return textAttrs("status", withoutNumbers(status), "reasons", withoutNumbers(shortReasons(reasons)))
}

// textAttrs returns attributes from pairs of a key and a text, without empty texts.
func textAttrs(keysAndTexts ...string) (attrs []slog.Attr) {
	for i := 0; i < len(keysAndTexts); i += 2 {
		if text := keysAndTexts[i+1]; text != "" {
			attrs = append(attrs, slog.String(keysAndTexts[i], text))
		}
	}
	return attrs
}

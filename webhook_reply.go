// Replies to webhooks: JSON, XML, plain text and forms, all of which are judged as
// JSON.

package trackdrive

import (
	"bytes"
	"cmp"
	"encoding/json"
	"mime"
	"regexp"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/replydoc"
)

// ReplyFormat is what the reply to a webhook is. Whatever it is, criteria and paths
// read it as JSON: see [WebhookResult]. A reply that is something else, or not in
// its encoding, is undetermined. The request's Accept header asks for the format.
//
// The encoding is UTF-8, UTF-16, ISO-8859-1 or Windows-1252, as a byte order mark,
// XML's declaration or else the charset in Content-Type says; without any it is
// UTF-8. JSON is always UTF-8.
type ReplyFormat int

// The formats.
const (
	ReplyJSON ReplyFormat = iota // one JSON document
	ReplyXML                     // one XML document: response.status, lead.@id, errors.error.0; see docs/webhooks.md
	ReplyText                    // plain text: the trimmed body is the field "text", and the groups of Capture are fields
	ReplyForm                    // a=b&c=d: the fields a and c; a name that is given more than once has a list
)

var replyNames = enumNames[ReplyFormat]{"reply", []string{"json", "xml", "text", "form"}}

// String returns "json", "xml", "text" or "form".
func (f ReplyFormat) String() string { return replyNames.name(f) }

// MarshalText writes the name that String returns.
func (f ReplyFormat) MarshalText() ([]byte, error) { return replyNames.marshal(f) }

// UnmarshalText reads the name that MarshalText writes, in any case.
func (f *ReplyFormat) UnmarshalText(text []byte) error { return replyNames.unmarshal(text, f) }

// accepts returns the value of the header Accept.
func (f ReplyFormat) accepts() string {
	switch f {
	case ReplyXML:
		return "application/xml, text/xml"
	case ReplyText:
		return "text/plain, */*;q=0.5"
	case ReplyForm:
		return "application/x-www-form-urlencoded, */*;q=0.5"
	default:
		return "application/json"
	}
}

// buildReply checks what the configuration says about the reply.
func (b *webhookBuilder) buildReply() {
	if _, err := b.cfg.Reply.MarshalText(); err != nil {
		b.add("reply", err)
		return
	}
	b.w.reply = b.cfg.Reply
	if b.cfg.Capture == "" {
		return
	}
	if b.cfg.Reply != ReplyText {
		b.mistake("capture", `is for plain text; set reply to "text"`)
	}
	pattern, err := regexp.Compile(b.cfg.Capture)
	if err != nil {
		b.mistake("capture", "%s", err)
		return
	}
	names := map[string]bool{"": true}
	for _, name := range pattern.SubexpNames() {
		switch {
		case name == "": // the group has none
		case name == "text":
			b.mistake("capture", `has a group "text"; that is the field of the whole reply, so give the group another name`)
		case names[name]:
			b.mistake("capture", "has more than one group %q; give each a name of its own", name)
		}
		names[name] = true
	}
	if len(names) == 1 {
		b.mistake("capture", "has no named group; write one as in bid=(?P<bid>[0-9.]+)")
	}
	b.w.capture = pattern
}

// judge decides on a 2xx reply, and returns it as JSON; nil if it cannot be read.
func (w *compiledWebhook) judge(body []byte, contentType string) (json.RawMessage, Decision) {
	document := w.document(body, contentType)
	switch {
	case w.acceptEmpty && len(bytes.TrimSpace(body)) == 0, w.acceptance == nil && (document != nil || w.reply == ReplyJSON):
		return document, Decision{Verdict: VerdictAccepted}
	case w.reply == ReplyXML:
		return document, w.acceptance.explainXML(document)
	default:
		return document, w.acceptance.Explain(document)
	}
}

// document returns a reply as JSON; nil if it cannot be read.
func (w *compiledWebhook) document(body []byte, contentType string) json.RawMessage {
	if w.reply == ReplyJSON {
		if jsonscan.Valid(body) != nil {
			return nil
		}
		return bytes.TrimPrefix(body, []byte("\ufeff"))
	}
	var document []byte
	var err error
	switch charset := charsetOf(contentType); w.reply {
	case ReplyXML:
		document, err = replydoc.XML(body, charset)
	case ReplyText:
		document, err = replydoc.Text(body, charset, w.capture)
	case ReplyForm:
		document, err = replydoc.Form(body, charset)
	}
	if err != nil {
		return nil
	}
	return document
}

// charsetOf returns the charset that a Content-Type names, or "".
func charsetOf(contentType string) string {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	return params["charset"]
}

// WebhookResult is a judged reply. One that is made by hand, in a test, works like a
// received one.
type WebhookResult struct {
	Accepted bool     // the verdict is VerdictAccepted
	Decision Decision // what each of the criteria found
	// Document is the reply as JSON, which the criteria have read: the body itself if
	// it is JSON, {"response": ...} for XML, {"text": ...} for plain text. It is nil if
	// the reply is empty or cannot be read.
	Document json.RawMessage
	Meta     Meta // its Raw is the body, as received
}

// Field looks up any field of Document by its path, as criteria do. In XML an
// element that is not repeated is a list of one, too: response.bids.bid.0.price.
// Without a Document it looks into Meta.Raw.
func (w *WebhookResult) Field(path string) Value {
	switch {
	case len(w.Document) == 0:
		return w.Meta.Field(path)
	case replydoc.IsMarkup(w.Meta.Raw):
		return lookupXML(w.Document, path)
	default:
		return lookupValue(w.Document, path)
	}
}

// reported says what the reply means for the call.
func (w *WebhookResult) reported() (Outcome, Amount, Reason) {
	switch w.Decision.Verdict {
	case VerdictAccepted:
		return OutcomeAccepted, Amount{}, ReasonNone
	case VerdictRejected:
		return OutcomeRejected, Amount{}, cmp.Or(reasonOfDocument(w.Document), ReasonOther)
	default:
		return OutcomeUnknown, Amount{}, cmp.Or(reasonOfDocument(w.Document), ReasonOther)
	}
}

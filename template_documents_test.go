package trackdrive

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The requests of the platforms' guides, with tokens in a form of their own:
// «name». Plain names can be said in every dialect.
var documents = []struct {
	about  string
	format Format
	text   string
	values Values
	want   string
}{
	{
		"CallGrid: the ping's URL", FormatURL,
		"https://«subdomain».trackdrive.com/api/v1/inbound_webhooks/ping/«webhook_name»",
		Values{"subdomain": "yourcompany", "webhook_name": "callgrid-integration"},
		"https://yourcompany.trackdrive.com/api/v1/inbound_webhooks/ping/callgrid-integration",
	},
	{
		"CallGrid: the ping's body", FormatJSON,
		`{
"trackdrive_number": "«number»",
"traffic_source_id": "«traffic_source_id»",
"caller_id": "«CallerId»"
}`,
		Values{"number": "5555550123", "traffic_source_id": "source123", "callerid": "5551234567"},
		`{
"trackdrive_number": "5555550123",
"traffic_source_id": "source123",
"caller_id": "5551234567"
}`,
	},
	{
		"Ringba: the lead's body", FormatJSON,
		`{
"lead_token": "«lead_token»",
"traffic_source_id": "«traffic_source_id»",
"caller_id": "«InboundNumber»",
"ringba_call_uuid": "«InboundCallID»"
}`,
		Values{"lead_token": "0123abcd", "traffic_source_id": "1001", "InboundNumber": "+15555550100", "InboundCallId": "RGB1"},
		`{
"lead_token": "0123abcd",
"traffic_source_id": "1001",
"caller_id": "+15555550100",
"ringba_call_uuid": "RGB1"
}`,
	},
	{
		"Ringba: the conversion", FormatURL,
		"https://webhook.ringba.com/hook/«token»?call_id=«callUUID»&call_revenue=«conversionAmount»&sale_successful=true",
		Values{"token": "t0", "callUUID": "RGB1", "conversionAmount": "25.50"},
		"https://webhook.ringba.com/hook/t0?call_id=RGB1&call_revenue=25.50&sale_successful=true",
	},
	{
		"Postback: the URL of one company", FormatURL,
		"https://example_subdomain.trackdrive.com/api/v1/calls/update_call/«trackdrive_call_uuid»",
		Values{"trackdrive_call_uuid": "d290f1ee-6c54"},
		"https://example_subdomain.trackdrive.com/api/v1/calls/update_call/d290f1ee-6c54",
	},
	{
		"Postback: the URL of any company", FormatURL,
		"https://«trackdrive_subdomain».trackdrive.com/api/v1/calls/update_call/«trackdrive_call_uuid»",
		Values{"trackdrive_subdomain": "acme", "trackdrive_call_uuid": "d290f1ee-6c54"},
		"https://acme.trackdrive.com/api/v1/calls/update_call/d290f1ee-6c54",
	},
	{
		"Postback: the body", FormatJSON,
		`{
  "buyer_converted": "true",
  "revenue": "«ConversionPayout»",
  "offer_converted": "true",
  "post_call_tokens": {}
}`,
		Values{"ConversionPayout": "25.50"},
		`{
  "buyer_converted": "true",
  "revenue": "25.50",
  "offer_converted": "true",
  "post_call_tokens": {}
}`,
	},
	{
		"Postback: the body with auth_token", FormatJSON,
		`{
"auth_token": "«auth_token»",
"buyer_converted": "true",
"revenue": "«revenue»",
"offer_converted": "true",
"post_call_tokens": {}
}`,
		Values{"auth_token": "k0", "revenue": "10"},
		`{
"auth_token": "k0",
"buyer_converted": "true",
"revenue": "10",
"offer_converted": "true",
"post_call_tokens": {}
}`,
	},
	{
		"Postback: as a form", FormatForm,
		"buyer_converted=true&revenue=«revenue»&first_name=«first_name»",
		Values{"revenue": "10", "first_name": "Jane Ann"},
		"buyer_converted=true&revenue=10&first_name=Jane+Ann",
	},
	{
		"Basic header", FormatText, "Basic «credentials»",
		Values{"credentials": "dGRwdWI6dGRwcnY="}, "Basic dGRwdWI6dGRwcnY=",
	},
}

func TestDocumentsInAllDefaultDialects(t *testing.T) {
	t.Parallel()
	for _, document := range documents {
		for _, d := range append([]Dialect{DialectBraces, DialectAngle}, templateDialects...) {
			text := strings.NewReplacer("«", d.opening(), "»", d.closing()).Replace(document.text)
			for _, options := range [][]TemplateOption{{InDialect(d)}, nil} {
				if options == nil && (d == DialectBraces || d == DialectAngle) {
					continue
				}
				parsed := mustParse(t, document.format, text, options...)
				out, err := parsed.Expand(document.values)
				require.NoError(t, err, "%s in %s", document.about, d)
				require.Equal(t, document.want, out, "%s in %s", document.about, d)
			}
			for _, to := range templateDialects {
				converted, err := mustParse(t, document.format, text, InDialect(d)).Convert(to)
				require.NoError(t, err, "%s from %s to %s", document.about, d, to)
				require.Equal(t, strings.NewReplacer("«", to.opening(), "»", to.closing()).Replace(document.text), converted)
			}
		}
	}
}

// The guides' own spelling, where it has names that only some dialects have.
func TestDocumentsAsTheyArePrinted(t *testing.T) {
	t.Parallel()
	for _, document := range []struct {
		format Format
		text   string
		values Values
		want   string
		opts   []TemplateOption
	}{
		{
			FormatJSON,
			"{\n\"trackdrive_number\": \"5555550123\",\n\"traffic_source_id\": \"SourceID\",\n\"caller_id\": \"[[tag:CallerId]]\"\n}",
			Values{"tag:CallerId": "5551234567"},
			"{\n\"trackdrive_number\": \"5555550123\",\n\"traffic_source_id\": \"SourceID\",\n\"caller_id\": \"5551234567\"\n}",
			nil,
		},
		{
			FormatJSON,
			"{\n\"lead_token\": \"<lead_token_from_step_1>\",\n\"traffic_source_id\": \"<traffic_source_id_from_step_1>\",\n\"caller_id\": \"[tag:InboundNumber:Number]\",\n\"ringba_call_uuid\": \"[Call:InboundCallID]\"\n}",
			Values{"lead_token_from_step_1": "0123abcd", "traffic_source_id_from_step_1": "1001", "tag:InboundNumber:Number": "+15555550100", "Call:InboundCallId": "RGB1"},
			"{\n\"lead_token\": \"0123abcd\",\n\"traffic_source_id\": \"1001\",\n\"caller_id\": \"+15555550100\",\n\"ringba_call_uuid\": \"RGB1\"\n}",
			[]TemplateOption{InDialect(DialectRingba, DialectAngle)},
		},
		{
			FormatJSON,
			`{"revenue": "[Call:ConversionPayout]"}`,
			Values{"Call:ConversionPayout": "25.50"},
			`{"revenue": "25.50"}`,
			nil,
		},
		{
			FormatURL,
			"https://<trackdrive_subdomain>.trackdrive.com/api/v1/calls/update_call/<trackdrive_call_uuid>",
			Values{"trackdrive_subdomain": "acme", "trackdrive_call_uuid": "d290f1ee"},
			"https://acme.trackdrive.com/api/v1/calls/update_call/d290f1ee",
			[]TemplateOption{InDialect(DialectAngle)},
		},
		{
			FormatURL,
			"https://{TRACKDRIVE_SUBDOMAIN_HERE}.trackdrive.com/api/v1/calls/update_call/{TRACKDRIVE_CALL_UUID}",
			Values{"trackdrive_subdomain_here": "acme", "trackdrive_call_uuid": "d290f1ee"},
			"https://acme.trackdrive.com/api/v1/calls/update_call/d290f1ee",
			[]TemplateOption{InDialect(DialectBraces)},
		},
	} {
		out, err := mustParse(t, document.format, document.text, document.opts...).Expand(document.values)
		require.NoError(t, err)
		require.Equal(t, document.want, out)
	}
}

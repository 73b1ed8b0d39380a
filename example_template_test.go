package trackdrive_test

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/trackdrive-go/trackdrive"
)

func ExampleParseTemplate() {
	postback, err := trackdrive.ParseTemplate(trackdrive.FormatURL,
		"https://[trackdrive_subdomain].trackdrive.com/api/v1/calls/update_call/[trackdrive_call_uuid]")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(postback.Tokens())
	// Output: [trackdrive_subdomain trackdrive_call_uuid]
}

// A mistake comes with its line and column.
func ExampleParseTemplate_mistake() {
	_, err := trackdrive.ParseTemplate(trackdrive.FormatJSON, `{
  "revenue": "[Call:ConversionPayout]"
  "offer_converted": "true"
}`)
	var mistakes *trackdrive.ParseError
	if errors.As(err, &mistakes) {
		fmt.Println(mistakes.Mistakes[0].Field)
		fmt.Println(mistakes.Mistakes[0].Message)
	}
	// Output:
	// 3:3
	// a comma or } is missing
}

// Without quotes around it, a token stands for a whole JSON value.
func ExampleParseTemplate_json() {
	body, _ := trackdrive.ParseTemplate(trackdrive.FormatJSON, `{"first_name": "[first_name]", "revenue": [revenue]}`)
	out, _ := body.Expand(trackdrive.Values{"first_name": `Jane "JJ"`, "revenue": "25.50"})
	fmt.Println(out)
	_, err := body.Expand(trackdrive.Values{"first_name": "Jane", "revenue": "a lot"})
	fmt.Println(err)
	// Output:
	// {"first_name": "Jane \"JJ\"", "revenue": 25.50}
	// trackdrive: invalid argument: revenue: is not a JSON number, true, false or null; put the token in quotes to send text
}

func ExampleTemplate_Expand() {
	body, _ := trackdrive.ParseTemplate(trackdrive.FormatForm, "caller_id=[[tag:CallerId]]&name={{name}}&zip=[user:zip|gather:zip]&state=[state]{NV}")
	out, err := body.Expand(trackdrive.Values{
		"tag:CallerId": "+15555550100",
		"name":         "Jane Doe",
		"user:zip":     "", // blank: the next name of the chain is used
		"gather:zip":   "89101",
	})
	fmt.Println(out, err)
	// Output: caller_id=%2B15555550100&name=Jane+Doe&zip=89101&state=NV <nil>
}

// All missing tokens are named at once.
func ExampleTemplate_Expand_missing() {
	body, _ := trackdrive.ParseTemplate(trackdrive.FormatText, "[caller_id] [zip] [state]")
	_, err := body.Expand(trackdrive.Values{"zip": "89101"})
	fmt.Println(err)
	// Output: trackdrive: invalid argument: caller_id: has no value; state: has no value
}

// One buffer serves many expansions.
func ExampleTemplate_AppendExpand() {
	ping, _ := trackdrive.ParseTemplate(trackdrive.FormatJSON, `{"caller_id":"[caller_id]"}`)
	var buffer []byte
	for _, number := range []string{"5555550100", "5555550101"} {
		var err error
		buffer, err = ping.AppendExpand(buffer[:0], func(name string) (string, bool) {
			return number, name == "caller_id"
		})
		fmt.Println(string(buffer), err)
	}
	// Output:
	// {"caller_id":"5555550100"} <nil>
	// {"caller_id":"5555550101"} <nil>
}

func ExampleTemplate_Convert() {
	postback, _ := trackdrive.ParseTemplate(trackdrive.FormatText, "uuid=[trackdrive_call_uuid]")
	for _, d := range []trackdrive.Dialect{trackdrive.DialectHandlebars, trackdrive.DialectViciDial} {
		text, _ := postback.Convert(d)
		fmt.Println(text)
	}
	zip, _ := trackdrive.ParseTemplate(trackdrive.FormatText, "zip=[user:zip|gather:zip]")
	_, err := zip.Convert(trackdrive.DialectHandlebars)
	fmt.Println(err)
	// Output:
	// uuid={{trackdrive_call_uuid}}
	// uuid=--A--trackdrive_call_uuid--B--
	// trackdrive: invalid argument: 1:5: "user:zip|gather:zip" is a chain, and handlebars has none
}

func ExampleTemplate_String() {
	greeting, _ := trackdrive.ParseTemplate(trackdrive.FormatText, "Hello [name]")
	fmt.Println(greeting)
	// Output: Hello [name]
}

func ExampleTemplate_Tokens() {
	body, _ := trackdrive.ParseTemplate(trackdrive.FormatText, "[caller_id] [user:zip|gather:zip] [Caller_ID]")
	for _, name := range body.Tokens() {
		fmt.Println(name)
	}
	// Output:
	// caller_id
	// user:zip
	// gather:zip
}

func ExampleAllowHost() {
	const text = "https://[company].calls.example.com/hook/[id]"
	_, err := trackdrive.ParseTemplate(trackdrive.FormatURL, text)
	fmt.Println(err)
	hook, _ := trackdrive.ParseTemplate(trackdrive.FormatURL, text, trackdrive.AllowHost("calls.example.com"))
	out, _ := hook.Expand(trackdrive.Values{"company": "Acme", "id": "a/b"})
	fmt.Println(out)
	_, err = hook.Expand(trackdrive.Values{"company": "evil.example/", "id": "1"})
	fmt.Println(err)
	// Output:
	// trackdrive: invalid argument: 1:9: a token in the host must be the whole first label before an allowed base domain
	// https://acme.calls.example.com/hook/a%2Fb
	// trackdrive: invalid argument: company: is not a subdomain, such as "acme"
}

func ExampleInDialect() {
	lead, _ := trackdrive.ParseTemplate(trackdrive.FormatText, "<lead_token> [tag:InboundNumber:Number] {{not_a_token}}",
		trackdrive.InDialect(trackdrive.DialectAngle, trackdrive.DialectRingba))
	fmt.Println(lead.Tokens())
	// Output: [lead_token tag:InboundNumber:Number]
}

func ExampleOnMissing() {
	for _, policy := range []trackdrive.MissingPolicy{trackdrive.MissingFails, trackdrive.MissingBlank, trackdrive.MissingStays} {
		greeting, _ := trackdrive.ParseTemplate(trackdrive.FormatText, "Hello [name]!", trackdrive.OnMissing(policy))
		out, err := greeting.Expand(nil)
		fmt.Printf("%s: %q %v\n", policy, out, err)
	}
	// Output:
	// fails: "" trackdrive: invalid argument: name: has no value
	// blank: "Hello !" <nil>
	// stays: "Hello [name]!" <nil>
}

// Names are found whatever their case.
func ExampleValues() {
	body, _ := trackdrive.ParseTemplate(trackdrive.FormatText, "[Call:InboundCallID]")
	out, _ := body.Expand(trackdrive.Values{"Call:InboundCallId": "RGB1"})
	fmt.Println(out)
	// Output: RGB1
}

func ExampleNewDialect() {
	percent, err := trackdrive.NewDialect("%", "%")
	if err != nil {
		fmt.Println(err)
		return
	}
	body, _ := trackdrive.ParseTemplate(trackdrive.FormatText, "caller %caller_id%, 100 %", trackdrive.InDialect(percent))
	out, _ := body.Expand(trackdrive.Values{"caller_id": "5555550100"})
	fmt.Println(out)
	// Output: caller 5555550100, 100 %
}

func ExampleDialect_String() {
	own, _ := trackdrive.NewDialect("<%", "%>")
	fmt.Println(trackdrive.DialectViciDial)
	fmt.Println(own)
	// Output:
	// vicidial
	// <% %>
}

func ExampleDialect_MarshalText() {
	text, _ := json.Marshal([]trackdrive.Dialect{trackdrive.DialectTrackDrive, trackdrive.DialectRingba})
	fmt.Println(string(text))
	// Output: ["trackdrive","ringba"]
}

func ExampleDialect_UnmarshalText() {
	var list []trackdrive.Dialect
	err := json.Unmarshal([]byte(`["callgrid", "<< >>"]`), &list)
	fmt.Println(list, err)
	fmt.Println(list[0] == trackdrive.DialectCallGrid)
	// Output:
	// [callgrid << >>] <nil>
	// true
}

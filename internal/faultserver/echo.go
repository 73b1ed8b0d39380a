package faultserver

// Replies that echo what the request carried, credentials included, to places
// where a client may print them.

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Place is the part of a reply that echoes.
type Place struct {
	name   string
	broken bool // net/http takes the reply for malformed
	reply  func(status int, echo string) string
}

// Places of an echo in a reply that can be read.
var (
	InBody       = Place{name: "body", reply: echoInBody}
	InStatusText = Place{name: "status text", reply: func(status int, echo string) string {
		return fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Length: 0\r\n\r\n", status, echo)
	}}
	InHeader   = Place{name: "header", reply: echoInLine("X-Echo: %s")}
	InLocation = Place{name: "Location", reply: echoInLine("Location: http://elsewhere.invalid/?%s")}
	// InBadLocation breaks http.Client, which quotes it, and no transport.
	InBadLocation = Place{name: "malformed Location", reply: echoInLine("Location: http://[%s")}
)

// Places of an echo that net/http quotes when it refuses the reply.
var (
	InBadHeader           = Place{"malformed header line", true, echoInLine("%s")}
	InBadLength           = Place{"malformed Content-Length", true, echoInLine("Content-Length: %s")}
	InBadTransferEncoding = Place{"malformed Transfer-Encoding", true, echoInLine("Transfer-Encoding: %s")}
	InBadStatus           = Place{"malformed status", true, func(_ int, echo string) string {
		return "HTTP/1.1 " + oneWord(echo) + "\r\n\r\n"
	}}
	InBadVersion = Place{"malformed version", true, func(status int, echo string) string {
		return oneWord(echo) + " " + strconv.Itoa(status) + " OK\r\n\r\n"
	}}
)

// Encoding is a way to write a secret.
type Encoding struct {
	Name   string
	Encode func(string) string
}

// Encodings of an echo.
var (
	Raw           = Encoding{"raw", func(s string) string { return s }}
	Base64        = Encoding{"base64", func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }}
	Base64URL     = Encoding{"base64url", func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }}
	QueryEscaped  = Encoding{"query escaped", url.QueryEscape}
	PercentUpper  = Encoding{"percent upper", eachByte("%%%02X")}
	PercentLower  = Encoding{"percent lower", eachByte("%%%02x")}
	JSONEscaped   = Encoding{"JSON escaped", jsonEscape}
	UnicodeEscape = Encoding{"unicode escaped", eachByte(`\u%04x`)}
)

// Encodings lists the encodings, so that a test can search for its secrets in
// each.
func Encodings() []Encoding {
	return []Encoding{Raw, Base64, Base64URL, QueryEscaped, PercentUpper, PercentLower, JSONEscaped, UnicodeEscape}
}

// Places lists the places of an echo.
func Places() []Place {
	return []Place{
		InBody, InStatusText, InHeader, InLocation,
		InBadLocation, InBadHeader, InBadLength, InBadTransferEncoding, InBadStatus, InBadVersion,
	}
}

// Echo reads the whole request, answers with the status and closes. In the place
// it writes each value that the request carried (see [Carried]), encoded.
func Echo(status int, in Place, as Encoding) Step {
	step := Respond(fmt.Sprintf("%d echo in %s, %s", status, in.name, as.Name), func(req Request) string {
		values := Carried(req)
		for i, v := range values {
			values[i] = as.Encode(v)
		}
		return in.reply(status, strings.NewReplacer("\r", " ", "\n", " ").Replace(strings.Join(values, " ")))
	})
	if in.broken {
		return step
	}
	return step.withStatus(status)
}

// EchoAfter answers with a body in which the value follows pad bytes, so that a
// cut can be put into the middle of it. The value is taken from the request with
// pick.
func EchoAfter(status, pad int, pick func(Request) string) Step {
	return Respond(fmt.Sprintf("%d echo after %d bytes", status, pad), func(req Request) string {
		return wholeResponse(status, strings.Repeat(".", pad)+pick(req)+strings.Repeat(".", pad), nil)
	}).withStatus(status)
}

// Echoes lists an echo for each place and encoding: with 422 where the status can
// be read, and a redirect for Location.
func Echoes() []Step {
	var steps []Step
	for _, in := range Places() {
		status := http.StatusUnprocessableEntity
		if strings.HasSuffix(in.name, "Location") {
			status = http.StatusTemporaryRedirect
		}
		for _, as := range Encodings() {
			steps = append(steps, Echo(status, in, as))
		}
	}
	return steps
}

// Carried lists what a request carried: target, path segments, query values,
// header values, credentials of Basic and other schemes, the body, and the values
// in a body of JSON or of a form. Values of one or two bytes are left out.
func Carried(req Request) []string {
	path, query, _ := strings.Cut(req.Target, "?")
	values := append([]string{req.Target, string(req.Body)}, strings.Split(path, "/")...)
	values = append(values, formValues(query)...)
	values = append(values, formValues(string(req.Body))...)
	values = append(values, jsonStrings(req.Body)...)
	for _, lines := range req.Header {
		for _, line := range lines {
			values = append(append(values, line), headerCredentials(line)...)
		}
	}
	slices.Sort(values)
	values = slices.Compact(values)
	return slices.DeleteFunc(values, func(v string) bool { return len(v) <= 2 })
}

// headerCredentials takes "Scheme value" apart, and the user and password of
// Basic.
func headerCredentials(header string) []string {
	_, value, ok := strings.Cut(header, " ")
	if !ok {
		return nil
	}
	parts := []string{value}
	if pair, err := base64.StdEncoding.DecodeString(value); err == nil {
		user, password, _ := strings.Cut(string(pair), ":")
		parts = append(parts, string(pair), user, password)
	}
	return parts
}

func formValues(s string) []string {
	form, err := url.ParseQuery(s)
	if err != nil {
		return nil
	}
	var values []string
	for _, v := range form {
		values = append(values, v...)
	}
	return values
}

var jsonString = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

func jsonStrings(body []byte) []string {
	if !json.Valid(body) {
		return nil
	}
	var values []string
	for _, quoted := range jsonString.FindAll(body, -1) {
		var s string
		if json.Unmarshal(quoted, &s) == nil {
			values = append(values, s)
		}
	}
	return values
}

// echoInBody keeps an escape that is JSON's own inside a good JSON string.
func echoInBody(status int, echo string) string {
	body := `{"success":false,"errors":["` + echo + `"]}`
	if !json.Valid([]byte(body)) {
		body = echo
	}
	return wholeResponse(status, body, nil)
}

func echoInLine(format string) func(int, string) string {
	return func(status int, echo string) string {
		return responseHead(status, fmt.Sprintf(format, echo), "Content-Type: application/json") + `{"success":false}`
	}
}

// oneWord joins the words: of a status line net/http quotes one word only.
func oneWord(s string) string { return strings.ReplaceAll(s, " ", "_") }

func eachByte(format string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			fmt.Fprintf(&b, format, c)
		}
		return b.String()
	}
}

// jsonEscape is the inside of s as a JSON string.
func jsonEscape(s string) string {
	b, _ := json.Marshal(s)
	return string(b[1 : len(b)-1])
}

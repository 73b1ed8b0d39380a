// Do: any path below /api/v1.

package trackdrive

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/template"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// Request is a call to any path below /api/v1.
type Request struct {
	Method string     // GET, POST, PUT or DELETE
	Path   []string   // the segments below /api/v1, each unescaped: []string{"calls", id}
	Params Fields     // the JSON body, or the query of a GET
	Repeat Repeatable // when the request may be sent again; the zero value is the safest. A request that may sell is never repeated: see Do
}

// Do sends a request that the package has no method for, with the same
// authentication, retries, limits and errors:
//
//	var reply map[string]any
//	_, err := client.Do(ctx, &trackdrive.Request{Method: "GET", Path: []string{"calls", "live_calls"}}, &reply)
//
// Do decodes a JSON reply into out unless out is nil. Numbers in an interface
// become json.Number. If out is nil, any 2xx reply is a success, even an empty
// one. Do does not look for a refusal inside a 2xx reply.
//
// Errors are *[Error]: [ErrInvalidArgument] for a wrong request, with nothing
// sent, and otherwise what TrackDrive or the network reported. A request is
// repeated only as far as its Repeat or [WithRepeat] allows. A request that may
// sell a lead is [RepeatNever], whatever they say: one to inbound_webhooks/post or
// full, or to inbound_webhooks/ping with both caller_id and trackdrive_number.
func (c *Client) Do(ctx context.Context, r *Request, out any, opts ...CallOption) (_ *Meta, err error) {
	op := apiOperation{name: "do", need: authBound}
	call, err := c.newCall(op, opts)
	defer call.report(ctx, &err)
	if err != nil {
		return nil, err
	}
	if err := call.setRequest(r); err != nil {
		return nil, notSentError(op.name, err)
	}
	if out != nil {
		decode, err := decoderInto(out)
		if err != nil {
			return nil, notSentError(op.name, err)
		}
		call.read = decode
	}
	meta, err := call.send(ctx)
	if err != nil {
		return nil, err
	}
	return &meta, nil
}

// setRequest makes r the content of the call.
func (c *apiCall) setRequest(r *Request) error {
	if r == nil {
		return invalidArgument("request", "is nil")
	}
	if _, err := r.Repeat.MarshalText(); err != nil {
		return err
	}
	path, rawPath, shownPath, err := joinSegments(r.Path)
	if err != nil {
		return err
	}
	c.path, c.repeat, c.ownRepeat = shownPath, r.Repeat, true
	c.target = &c.url
	c.url = c.set.base.at(c.companyHost(), apiPath+path, apiPath+rawPath)
	c.setParams(r)
	c.secret = template.PathSecrets(r.Path)
	switch r.Method {
	case http.MethodGet:
		c.params.encoding = EncodeQuery
	case http.MethodPost, http.MethodPut, http.MethodDelete:
		if c.set.encoding == EncodeQuery {
			if c.set.callEncoded {
				return invalidArgument("encoding", "query is only for GET, not for %s", r.Method)
			}
			c.params.encoding = EncodeJSON
		}
		c.params.bodiless = r.Method == http.MethodDelete
	default:
		return invalidArgument("method", "%s is not GET, POST, PUT or DELETE", shownText(r.Method))
	}
	c.method = r.Method
	return c.neverSellTwice()
}

// joinSegments joins segments to a path: plain, escaped as it is sent, and as it
// may be shown.
func joinSegments(segments []string) (path, rawPath, template string, err error) {
	if len(segments) == 0 {
		return "", "", "", invalidArgument("path", "is empty; give the segments below %s", apiPath)
	}
	if first := segments[0]; strings.EqualFold(first, "api") || strings.EqualFold(first, "v1") {
		return "", "", "", invalidArgument("path[0]", "is %q; leave out %s, which the package adds", ascii.Lower(first), apiPath)
	}
	var plain, raw, shown strings.Builder
	for i, segment := range segments {
		field := fmt.Sprintf("path[%d]", i)
		if err := checkSegment(field, segment); err != nil {
			return "", "", "", err
		}
		if strings.Contains(segment, "/") {
			return "", "", "", invalidArgument(field, `has a slash; give each segment on its own: "calls", "live_calls"`)
		}
		plain.WriteString("/" + segment)
		raw.WriteString("/" + urlpart.EscapeSegment(segment))
		if i == 0 && urlpart.IsVanityURI(segment) {
			shown.WriteString("/" + segment)
		} else {
			shown.WriteString("/{}")
		}
	}
	return plain.String(), raw.String(), shown.String(), nil
}

func (r *Request) parameters(list []typedParam) []typedParam { return list }

func (r *Request) fields() Fields { return r.Params }

// decoderInto returns a function that decodes replies into out.
func decoderInto(out any) (func(status int, body []byte) (accepted bool, err error), error) {
	if v := reflect.ValueOf(out); v.Kind() != reflect.Pointer || v.IsNil() {
		return nil, invalidArgument("out", "must be a non-nil pointer")
	}
	return func(_ int, body []byte) (accepted bool, err error) {
		if err := jsonscan.Valid(body); err != nil {
			return false, err
		}
		decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, byteOrderMark)))
		decoder.UseNumber()
		return true, decoder.Decode(out)
	}, nil
}

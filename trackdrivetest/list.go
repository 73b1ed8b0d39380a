// The list of calls, by page and by cursor.

package trackdrivetest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

func (c *Company) callsOfCaller(r *Request, caller string) httpReply {
	if _, rep := c.admit(r); rep != nil {
		return *rep
	}
	return c.list(r, func(call *Call) bool { return sameNumber(call.CallerNumber, caller) })
}

func (c *Company) listCalls(r *Request, _ string) httpReply {
	if _, rep := c.admit(r); rep != nil {
		return *rep
	}
	from, fromOK := timeParam(r.Params, "created_at_from")
	to, toOK := timeParam(r.Params, "created_at_to")
	if !fromOK || !toOK {
		return failureReply(http.StatusUnprocessableEntity, "created_at", "is not a time")
	}
	caller, uuid := r.Params.Text("caller_number"), r.Params.Text("uuid")
	return c.list(r, func(call *Call) bool {
		return (caller == "" || sameNumber(call.CallerNumber, caller)) &&
			(uuid == "" || call.UUID == uuid) &&
			!call.CreatedAt.Before(from) &&
			(to.IsZero() || !call.CreatedAt.After(to))
	})
}

// list returns one page of the calls, oldest first: by page number, or by cursor.
// A cursor starts at -1, must be sent back unchanged, and ends with 0.
func (c *Company) list(r *Request, wanted func(*Call) bool) httpReply {
	found := []orderedObject{}
	for _, call := range c.calls {
		if wanted(call) {
			found = append(found, call.object())
		}
	}
	size, sizeOK := countParam(r.Params, "per_page", 25)
	page, pageOK := countParam(r.Params, "page", 1)
	if !sizeOK || !pageOK {
		return failureReply(http.StatusUnprocessableEntity, "page", "is not a number")
	}
	start, metadata := (page-1)*size, orderedObject{{"root", "calls"}}
	if r.Params.Has("cursor") {
		var valid bool
		if start, valid = readCursor(r.Params.Text("cursor")); !valid {
			return failureReply(http.StatusUnprocessableEntity, "cursor", "is invalid")
		}
		metadata = metadata.and("next_cursor", nextCursor(start+size, len(found)))
	}
	start = min(start, len(found))
	calls := found[start:min(start+size, len(found))]
	if r.Params.Text("root") == "false" {
		return jsonReply(http.StatusOK, calls)
	}
	return jsonReply(http.StatusOK, orderedObject{{"calls", calls}, {"metadata", metadata}})
}

// countParam reads a parameter that counts from 1.
func countParam(params Params, name string, fallback int) (n int, valid bool) {
	text := params.Text(name)
	if text == "" {
		return fallback, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && 1 <= n && n <= 1e6
}

// timeParam reads a time in TrackDrive's form or in RFC 3339's; zero if it is not
// given.
func timeParam(params Params, name string) (at time.Time, valid bool) {
	text := params.Text(name)
	if text == "" {
		return time.Time{}, true
	}
	for _, layout := range []string{timeLayout, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// nextCursor returns where the next page starts, as the API may write it: a float
// in exponent form; 0 after the last page.
func nextCursor(next, total int) json.Number {
	if next >= total {
		return "0"
	}
	return json.Number(strconv.FormatFloat(float64(next), 'e', -1, 64))
}

// readCursor accepts only exactly what nextCursor returned.
func readCursor(text string) (start int, valid bool) {
	if text == "-1" {
		return 0, true
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || value < 1 || value > 1e9 {
		return 0, false
	}
	start = int(value)
	return start, string(nextCursor(start, start+1)) == text
}

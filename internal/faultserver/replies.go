package faultserver

// Well-formed replies: any status with any header and body, refusals, redirects.

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Reply reads the whole request and answers it. Header lines are given as
// "Name: value". Content-Length is set, and Content-Type is application/json
// unless a line says otherwise. The connection is kept alive.
func Reply(status int, body string, header ...string) Step {
	return Step{
		Name:   strings.Join(append([]string{strconv.Itoa(status)}, header...), ", "),
		Whole:  true,
		Status: status,
		play: func(c *serverConn) bool {
			req, ok := c.read()
			return ok && c.write(wholeResponse(status, body, header)) && keepsAlive(req)
		},
		stream: func(h *http2Conn, id uint32) error {
			return h.reply(id, status, body, header)
		},
	}
}

// Respond reads the whole request, sends the bytes that answer returns as they
// are, and closes.
func Respond(name string, answer func(Request) string) Step {
	return Step{
		Name:  name,
		Whole: true,
		play: func(c *serverConn) bool {
			req, ok := c.read()
			if ok {
				c.write(answer(req))
			}
			return false
		},
	}
}

// RetryAfter answers with the status and one Retry-After line for each value.
func RetryAfter(status int, values ...string) Step {
	lines := make([]string, len(values))
	for i, v := range values {
		lines[i] = "Retry-After: " + v
	}
	return Reply(status, `{"success":false,"errors":["try again later"]}`, lines...)
}

// Redirect answers with the status and a Location on [Server.Elsewhere], at the
// target of the request.
func Redirect(status int) Step {
	return Step{
		Name:      fmt.Sprintf("%d to another host", status),
		Whole:     true,
		Status:    status,
		Redirects: true,
		play: func(c *serverConn) bool {
			req, ok := c.read()
			location := "Location: " + c.srv.Elsewhere().URL + req.Target
			return ok && c.write(wholeResponse(status, "", []string{location})) && keepsAlive(req)
		},
	}
}

// Refusal is a 200 that refuses, in the marketplace's words.
const Refusal = `{"success":false,"status":"rejected","errors":["No buyers available"]}`

// refusalReplies have the statuses that a marketplace and the proxies before it
// send.
func refusalReplies() []Step {
	const body = `{"success":false,"errors":["refused"]}`
	steps := []Step{Reply(http.StatusOK, Refusal).Named("200 with a refusal")}
	for _, status := range []int{400, 401, 403, 404, 408, 422, 425, 429, 500, 501, 502, 503, 504, 520, 524, 530, 999} {
		steps = append(steps, Reply(status, body))
	}
	for _, status := range []int{429, 503} {
		steps = append(steps,
			RetryAfter(status, "0"),
			RetryAfter(status, "1"),
			RetryAfter(status, "3600"),
			RetryAfter(status, "-5"),
			RetryAfter(status, "1.5"),
			RetryAfter(status, "99999999999"),
			RetryAfter(status, "1", "2"),
			RetryAfter(status, "Fri, 31 Dec 2100 23:59:59 GMT"),
			RetryAfter(status, "Sunday, 06-Nov-94 08:49:37 GMT"),
			RetryAfter(status, "Sun Nov  6 08:49:37 1994"),
			RetryAfter(status, "soon"),
		)
	}
	return steps
}

func redirectReplies() []Step {
	return []Step{Redirect(301), Redirect(302), Redirect(303), Redirect(307), Redirect(308)}
}

// wholeResponse is a response with its body.
func wholeResponse(status int, body string, header []string) string {
	if status == http.StatusNoContent || status == http.StatusNotModified {
		return responseHead(status, header...)
	}
	return responseHead(status, append([]string{"Content-Length: " + strconv.Itoa(len(body))}, withType(header)...)...) + body
}

// responseHead is a status line and a header.
func responseHead(status int, header ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, reasonPhrase(status))
	for _, line := range header {
		b.WriteString(line + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}

func reasonPhrase(status int) string {
	if text := http.StatusText(status); text != "" {
		return text
	}
	return "Unheard Of"
}

// withType adds the content type of JSON where the header names none.
func withType(header []string) []string {
	for _, line := range header {
		if name, _, _ := strings.Cut(line, ":"); strings.EqualFold(name, "Content-Type") {
			return header
		}
	}
	return append([]string{"Content-Type: application/json"}, header...)
}

func keepsAlive(req Request) bool {
	return !strings.EqualFold(req.Header.Get("Connection"), "close")
}

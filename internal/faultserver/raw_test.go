package faultserver_test

// A raw client: it sends bytes and shows what came back, and how it ended.

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/faultserver"
)

const (
	postRequest = "POST /post?a=1 HTTP/1.1\r\nHost: acme\r\nContent-Length: 18\r\n\r\n{\"caller_id\":\"1\"}\n"
	getRequest  = "GET /post?a=1 HTTP/1.1\r\nHost: acme\r\n\r\n"
)

// How a connection ended.
const (
	endFIN   = "FIN"
	endRST   = "RST"
	endAlive = "open" // after limit bytes
)

func dial(t *testing.T, srv *faultserver.Server) net.Conn {
	t.Helper()
	conn, err := tryDial(t, srv)
	require.NoError(t, err)
	return conn
}

func tryDial(t *testing.T, srv *faultserver.Server) (net.Conn, error) {
	t.Helper()
	_, host, _ := strings.Cut(srv.URL, "://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn, conn.SetDeadline(time.Now().Add(20 * time.Second))
}

// exchange sends the request on a new connection and reads up to limit bytes.
func exchange(t *testing.T, srv *faultserver.Server, request string, limit int64) (answer, end string) {
	t.Helper()
	conn, err := tryDial(t, srv)
	if err != nil {
		return "", ending(t, err) // a reset can be faster than the dial
	}
	defer func() { _ = conn.Close() }()
	if _, err = io.WriteString(conn, request); err != nil {
		return "", ending(t, err)
	}
	b, err := io.ReadAll(io.LimitReader(conn, limit))
	if err == nil && int64(len(b)) == limit {
		return string(b), endAlive
	}
	return string(b), ending(t, err)
}

func ending(t *testing.T, err error) string {
	t.Helper()
	switch {
	case err == nil:
		return endFIN
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return endRST
	}
	require.NoError(t, err)
	return ""
}

package program_test

import (
	"encoding/binary"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/program"
)

// listenAs answers each connection on a port of this machine, which it returns.
func listenAs(t *testing.T, answer func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				answer(conn)
			}()
		}
	}()
	return listener.Addr().String()
}

// refuseLogin answers as a PostgreSQL does to a wrong password.
func refuseLogin(conn net.Conn) {
	startup := make([]byte, 4)
	if _, err := io.ReadFull(conn, startup); err != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(startup))-4)
	fields := "SFATAL\x00VFATAL\x00C28P01\x00Mpassword authentication failed for user \"outbox\"\x00\x00"
	_, _ = conn.Write(append(binary.BigEndian.AppendUint32([]byte("E"), uint32(len(fields)+4)), fields...))
	_, _ = io.Copy(io.Discard, conn)
}

// A PostgreSQL that is away is reported in one line, without the password.
func TestAPostgreSQLThatIsAway(t *testing.T) {
	t.Parallel()
	strict := listenAs(t, refuseLogin)
	silent := listenAs(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	for address, want := range map[string]string{
		"postgres://outbox:PLANTED@127.0.0.1:1/outbox":                          "the PostgreSQL at 127.0.0.1:1 does not answer: connection refused",
		"postgres://outbox:PLANTED@127.0.0.1:1,127.0.0.1:2/outbox":              "the PostgreSQL at 127.0.0.1:1, 127.0.0.1:2 does not answer: connection refused",
		"postgres://outbox:PLANTED@/outbox?host=/nosuch":                        "the PostgreSQL at /nosuch does not answer: no such file or directory",
		"postgres://outbox:PLANTED@" + silent + "/outbox?connect_timeout=1":     "the PostgreSQL at " + silent + " does not answer: the time is up",
		"postgres://outbox:PLANTED@" + strict + "/outbox?sslmode=disable":       `the PostgreSQL at ` + strict + ` refuses the connection: password authentication failed for user "outbox"`,
		"host=127.0.0.1 port=1 user=outbox password=PLANTED database=outbox":    "the PostgreSQL at 127.0.0.1:1 does not answer: connection refused",
		"postgres://outbox:PLANTED@[::ffff:127.0.0.1]:1/outbox?sslmode=disable": "the PostgreSQL at [::ffff:127.0.0.1]:1 does not answer: connection refused",
	} {
		for _, args := range [][]string{{"outbox", "counts"}, {"sales", "list"}} {
			s := newSession("")
			s.env["TRACKDRIVE_POSTGRES_URL"] = address
			require.Equal(t, 1, program.Run(t.Context(), s.Terminal, args), address)
			require.Equal(t, "trackdrive: "+want+"\n  nothing was changed\n", s.err.String(), address)
		}
	}
}

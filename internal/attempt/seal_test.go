package attempt

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// A transport's writer may come late: once a try is called not sent, it finds
// the connection sealed.
func TestASealedConnectionWritesNothing(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	t.Cleanup(func() { _ = near.Close() })
	require.NoError(t, far.Close()) // a write that got through would fail otherwise
	c := &countedConn{Conn: near}
	require.True(t, c.seal(0))
	n, err := c.Write([]byte("POST"))
	require.Zero(t, n)
	require.ErrorIs(t, err, net.ErrClosed)
	require.False(t, c.seal(0), "once")
}

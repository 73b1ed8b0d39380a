package faultserver

// What a proxy does between the client and a server.

import (
	"io"
	"net"
	"net/http"
)

// Tunnel is what a proxy does with CONNECT: whatever host was asked for, it
// connects to the other server and passes bytes on until one side leaves. Give
// the URL of the server that plays it to http.ProxyURL. A proxy that refuses is a
// [Reply] with a status of its own.
func Tunnel(to *Server) Step {
	return afterRead("tunnel", func(c *serverConn) bool {
		far, err := net.Dial("tcp", to.ln.Addr().String())
		if err != nil {
			c.write(wholeResponse(http.StatusBadGateway, "", nil))
			return false
		}
		c.write("HTTP/1.1 200 Connection Established\r\n\r\n")
		c.splice(far)
		return false
	})
}

// splice passes bytes on in both directions, and closes both when one ends.
func (c *serverConn) splice(far net.Conn) {
	c.srv.wg.Go(func() {
		_, _ = io.Copy(c.rw, far)
		_ = c.raw.Close()
	})
	_, _ = io.Copy(far, c.r)
	_ = far.Close()
}

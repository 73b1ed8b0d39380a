package faultserver

// Servers that speak TLS, and the faults of the handshake. The certificates are
// made in memory, once for each test binary.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// Faults of the handshake. They need [NewTLS], and a client that verifies with
// [ClientTLS].
var (
	// CloseInHandshake reads the client's hello and closes.
	CloseInHandshake = handshakeFault("close in the handshake", (*serverConn).dropHello)
	// UnknownCA shows a certificate of an authority that nobody trusts.
	UnknownCA = handshakeFault("unknown CA", func(c *serverConn) bool { return c.handshake(untrustedCert) })
	// WrongName shows a good certificate of another host.
	WrongName = handshakeFault("wrong name", func(c *serverConn) bool { return c.handshake(misnamedCert) })
)

// NewTLS starts a server for https URLs that plays the script. It offers h2 and
// http/1.1; see [Server.Protocols]. Over h2 only a [Reply] and the faults of
// HTTP/2 can be played.
func NewTLS(t testing.TB, script ...Step) *Server {
	t.Helper()
	return startServer(t, listenLoopback(t), "https", script)
}

// ClientTLS is a client configuration that trusts the servers of [NewTLS].
func ClientTLS() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(goodCA().cert)
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

// Protocols gives the protocol that each finished handshake negotiated: "h2",
// "http/1.1", or "" when the client named none.
func (s *Server) Protocols() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.protocols)
}

// TLSFaults lists the faults of the handshake.
func TLSFaults() []Step {
	return []Step{CloseInHandshake, UnknownCA, WrongName}
}

func handshakeFault(name string, play func(c *serverConn) bool) Step {
	return Step{
		Name:     name,
		TLS:      true,
		atAccept: true,
		// On a kept-alive connection the handshake is over: it just closes.
		play: func(c *serverConn) bool { return !c.tls && play(c) },
	}
}

// handshake goes on with TLS under this certificate.
func (c *serverConn) handshake(cert func() tls.Certificate) bool {
	secured := tls.Server(c.raw, &tls.Config{
		Certificates: []tls.Certificate{cert()},
		NextProtos:   []string{"h2", "http/1.1"},
		MinVersion:   tls.VersionTLS12,
	})
	c.rw = secured
	if err := secured.Handshake(); err != nil {
		return false
	}
	c.tls = true
	c.protocol = secured.ConnectionState().NegotiatedProtocol
	c.srv.update(func() { c.srv.protocols = append(c.srv.protocols, c.protocol) })
	return true
}

// dropHello reads one TLS record.
func (c *serverConn) dropHello() bool {
	header := make([]byte, 5)
	if _, err := io.ReadFull(c.raw, header); err == nil {
		_, _ = io.CopyN(io.Discard, c.raw, int64(binary.BigEndian.Uint16(header[3:])))
	}
	return false
}

// certAuthority signs certificates.
type certAuthority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

var (
	goodCA  = sync.OnceValue(func() certAuthority { return newAuthority("Acme Test CA") })
	rogueCA = sync.OnceValue(func() certAuthority { return newAuthority("Rogue Test CA") })

	trustedCert   = sync.OnceValue(func() tls.Certificate { return goodCA().leaf("localhost", net.IPv4(127, 0, 0, 1)) })
	untrustedCert = sync.OnceValue(func() tls.Certificate { return rogueCA().leaf("localhost", net.IPv4(127, 0, 0, 1)) })
	misnamedCert  = sync.OnceValue(func() tls.Certificate { return goodCA().leaf("elsewhere.example") })
)

func newAuthority(name string) certAuthority {
	cert := certTemplate(name)
	cert.IsCA = true
	cert.BasicConstraintsValid = true
	cert.KeyUsage = x509.KeyUsageCertSign
	key := newKey()
	return certAuthority{parseCert(signCert(cert, cert, key, key)), key}
}

// leaf makes a certificate for the host.
func (a certAuthority) leaf(host string, ips ...net.IP) tls.Certificate {
	cert := certTemplate(host)
	cert.DNSNames = []string{host}
	cert.IPAddresses = ips
	cert.KeyUsage = x509.KeyUsageDigitalSignature
	cert.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	key := newKey()
	return tls.Certificate{Certificate: [][]byte{signCert(cert, a.cert, key, a.key)}, PrivateKey: key}
}

// certTemplate is valid at any time that a test may see: the clock of
// testing/synctest starts in 2000.
func certTemplate(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// signCert makes the certificate of key, signed by the parent's key.
func signCert(cert, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) []byte {
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, parentKey)
	if err != nil {
		panic(err)
	}
	return der
}

func parseCert(der []byte) *x509.Certificate {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return cert
}

package pgsales_test

import (
	"bytes"
	"net"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// badNetwork is a proxy between the tests and PostgreSQL that stalls, and loses
// answers and connections.
type badNetwork struct {
	listener net.Listener
	server   string

	mu      sync.Mutex
	stalled chan struct{} // closed when bytes flow again; nil while they do
	refuses bool
	links   map[*networkLink]bool
	traps   []*networkTrap
}

// networkTrap waits for the next piece from a client that contains a text.
type networkTrap struct {
	text string
	held chan struct{} // closed when the piece may go on; nil: at once
	got  chan struct{} // closed when it came
	over chan struct{} // closed when the server has answered, or closed its end

	isUnreachable bool // nobody can connect from then on
}

type networkLink struct{ client, server net.Conn }

func newBadNetwork(t *testing.T) *badNetwork {
	t.Helper()
	config, err := pgx.ParseConfig(os.Getenv(urlVariable))
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	n := &badNetwork{
		listener: listener, server: net.JoinHostPort(config.Host, portText(config.Port)), links: map[*networkLink]bool{},
	}
	go n.accept()
	t.Cleanup(func() {
		_ = listener.Close()
		n.resume()
		n.cutAll()
	})
	return n
}

// config returns the configuration of a pool behind the network, which sends the text
// of each statement.
func (n *badNetwork) config(t *testing.T) *pgxpool.Config {
	t.Helper()
	config := configFor(t)
	address := n.listener.Addr().(*net.TCPAddr)
	config.ConnConfig.Host, config.ConnConfig.Port = address.IP.String(), uint16(address.Port)
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	return config
}

func (n *badNetwork) accept() {
	for {
		client, err := n.listener.Accept()
		if err != nil {
			return
		}
		n.mu.Lock()
		refuses := n.refuses
		n.mu.Unlock()
		if refuses {
			_ = client.Close()
			continue
		}
		server, err := net.Dial("tcp", n.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		link := &networkLink{client, server}
		n.mu.Lock()
		n.links[link] = true
		n.mu.Unlock()
		go n.forward(link)
		go n.answer(link)
	}
}

// forward passes on what the client sends.
func (n *badNetwork) forward(link *networkLink) {
	buffer := make([]byte, 1<<20)
	for {
		size, err := link.client.Read(buffer)
		if err != nil {
			break
		}
		n.waitWhileStalled()
		trap := n.trapFor(buffer[:size])
		if trap == nil {
			if _, err := link.server.Write(buffer[:size]); err != nil {
				break
			}
			continue
		}
		close(trap.got)
		if trap.held != nil {
			<-trap.held
		}
		n.loseAnswer(link, trap, buffer[:size])
		return
	}
	n.cut(link)
}

// loseAnswer passes on a piece, waits for its answer, and drops the connection.
func (n *badNetwork) loseAnswer(link *networkLink, trap *networkTrap, piece []byte) {
	n.mu.Lock()
	delete(n.links, link) // answer no longer passes on anything
	n.mu.Unlock()
	_, _ = link.server.Write(piece)
	<-trap.over
	_, _ = link.client.Close(), link.server.Close()
}

// answer passes on what the server sends.
func (n *badNetwork) answer(link *networkLink) {
	buffer := make([]byte, 1<<20)
	for {
		size, err := link.server.Read(buffer)
		n.waitWhileStalled()
		n.mu.Lock()
		isThere := n.links[link]
		n.mu.Unlock()
		if !isThere {
			n.springTrap()
			return
		}
		if err != nil {
			break
		}
		if _, err := link.client.Write(buffer[:size]); err != nil {
			break
		}
	}
	n.cut(link)
}

func (n *badNetwork) waitWhileStalled() {
	n.mu.Lock()
	stalled := n.stalled
	n.mu.Unlock()
	if stalled != nil {
		<-stalled
	}
}

// trap loses the answer to the next piece that contains a text.
func (n *badNetwork) trap(t *networkTrap) *networkTrap {
	t.got, t.over = make(chan struct{}), make(chan struct{})
	n.mu.Lock()
	defer n.mu.Unlock()
	n.traps = append(n.traps, t)
	return t
}

func (n *badNetwork) trapFor(piece []byte) *networkTrap {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.traps) == 0 || isClosed(n.traps[0].got) || !bytes.Contains(piece, []byte(n.traps[0].text)) {
		return nil
	}
	n.refuses = n.traps[0].isUnreachable
	return n.traps[0]
}

// springTrap ends the first trap: the answer is there, and is lost.
func (n *badNetwork) springTrap() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.traps) > 0 && isClosed(n.traps[0].got) {
		close(n.traps[0].over)
		n.traps = n.traps[1:]
	}
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// stall holds up everything until resume.
func (n *badNetwork) stall() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stalled == nil {
		n.stalled = make(chan struct{})
	}
}

func (n *badNetwork) resume() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stalled != nil {
		close(n.stalled)
		n.stalled = nil
	}
	n.refuses = false
}

func (n *badNetwork) cut(link *networkLink) {
	n.mu.Lock()
	delete(n.links, link)
	n.mu.Unlock()
	_, _ = link.client.Close(), link.server.Close()
}

func (n *badNetwork) cutAll() {
	n.mu.Lock()
	links := n.links
	n.links = map[*networkLink]bool{}
	n.mu.Unlock()
	for link := range links {
		_, _ = link.client.Close(), link.server.Close()
	}
}

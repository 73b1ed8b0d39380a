// Dialing: Run reaches the public network, and hosts that are allowed by name.

package console

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// errPrivateAddress is the error of a webhook to this machine, or to a private network.
var errPrivateAddress = errors.New("the host is on this machine or in a private network; allow it by name in AllowHosts")

// guardedTransport returns a transport that connects to public addresses, and to the
// hosts that are allowed by name. It uses no proxy, which would resolve names itself.
func guardedTransport(allowed []string) *http.Transport {
	const dialTimeout = 5 * time.Second
	open := &net.Dialer{Timeout: dialTimeout}
	guarded := &net.Dialer{Timeout: dialTimeout, Control: refusePrivate}
	names := make(map[string]bool, len(allowed))
	for _, name := range allowed {
		names[hostName(name)] = true
	}
	return &http.Transport{
		ForceAttemptHTTP2: false,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(address)
			if err == nil && names[hostName(host)] {
				return open.DialContext(ctx, network, address)
			}
			return guarded.DialContext(ctx, network, address)
		},
	}
}

// checkAllowHosts refuses what can be no host's name, and would never match.
func checkAllowHosts(hosts []string) error {
	for _, host := range hosts {
		name := hostName(host)
		if strings.Contains(name, ":") {
			name = "[" + name + "]"
		}
		if !urlpart.IsHost(name) {
			return fmt.Errorf("AllowHosts: %q is not a host; give a name or an address without a port, such as \"localhost\"", host)
		}
	}
	return nil
}

func hostName(host string) string {
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// refusePrivate is called with the resolved address, before the connection is made.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", errPrivateAddress, address)
	}
	if !isPublic(target.Addr()) {
		return errPrivateAddress
	}
	return nil
}

// isPublic reports whether an address is one that anybody may reach.
func isPublic(ip netip.Addr) bool {
	ip = ip.Unmap()
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.Zone() != "" {
		return false
	}
	for _, special := range specialNetworks {
		if special.Contains(ip) {
			return false
		}
	}
	return true
}

// specialNetworks have no public hosts, or embed other addresses.
var specialNetworks = parsePrefixes(
	"0.0.0.0/8",       // this network
	"100.64.0.0/10",   // carriers' private network
	"192.0.0.0/24",    // protocols
	"192.0.2.0/24",    // documents
	"192.88.99.0/24",  // 6to4 relays
	"198.18.0.0/15",   // benchmarks
	"198.51.100.0/24", // documents
	"203.0.113.0/24",  // documents
	"240.0.0.0/4",     // reserved, and broadcast
	"::/96",           // IPv4 inside IPv6
	"64:ff9b::/96",    // IPv4 behind NAT64
	"64:ff9b:1::/48",  // the same, in a private network
	"100::/64",        // discarded
	"2001::/23",       // protocols, Teredo
	"2001:db8::/32",   // documents
	"2002::/16",       // 6to4
	"3fff::/20",       // documents
	"5f00::/16",       // segment routing
	"fec0::/10",       // site local, abandoned
)

func parsePrefixes(list ...string) []netip.Prefix {
	prefixes := make([]netip.Prefix, len(list))
	for i, text := range list {
		prefixes[i] = netip.MustParsePrefix(text)
	}
	return prefixes
}

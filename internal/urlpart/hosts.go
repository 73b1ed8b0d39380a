package urlpart

import (
	"net/netip"
	"strconv"
	"strings"
)

// The hosts of TrackDrive: a company is a label before one.
const (
	TrackDriveHost = "trackdrive.com"
	FormerHost     = "trackdrive.net" // where companies were; some documents still say so, and it leads to the same companies
)

// CompanyIn returns the subdomain in a host of TrackDrive's, as it is written;
// "" for any other host.
func CompanyIn(host string) string {
	company, isCompany := strings.CutSuffix(host, "."+TrackDriveHost)
	if !isCompany || !IsSubdomain(company) {
		return ""
	}
	return company
}

// IsHost reports whether text is a host with or without a port.
func IsHost(text string) bool {
	host := Hostname(text)
	if port := strings.TrimPrefix(text, host); port != "" && !isPort(port) {
		return false
	}
	if inner, bracketed := strings.CutPrefix(host, "["); bracketed {
		inner, closed := strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		return closed && err == nil && addr.Is6() && addr.Zone() == ""
	}
	for label := range strings.SplitSeq(host, ".") {
		if !IsLabel(strings.ReplaceAll(label, "_", "x")) { // the field has names with _
			return false
		}
	}
	return len(host) <= maxHost
}

// Hostname drops the port.
func Hostname(text string) string {
	at := strings.LastIndexByte(text, ':')
	if at < 0 || strings.HasSuffix(text, "]") {
		return text
	}
	return text[:at]
}

// HostIn returns the host that a text names, a URL or the beginning of one,
// without user information and port, and whether the text is a URL.
func HostIn(text string) (host string, isURL bool) {
	_, host, isURL = strings.Cut(text, "//")
	if !isURL {
		host = text
	}
	host = host[:strings.IndexAny(host+"/", "/?#")]
	host = host[strings.LastIndexByte(host, '@')+1:]
	return strings.TrimSuffix(Hostname(host), "."), isURL
}

// isPort reports whether text is a colon and a port.
func isPort(text string) bool {
	n, err := strconv.ParseUint(text[1:], 10, 16)
	return err == nil && n > 0
}

// IsLoopback reports whether a host without a port is this machine.
func IsLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback()
}

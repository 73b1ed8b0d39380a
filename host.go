// What a host may be: subdomains, base domains, loopback addresses.

package trackdrive

import (
	"net/netip"
	"strconv"
	"strings"
)

// What DNS allows, in bytes.
const (
	maxLabel = 63
	maxHost  = 253
)

// isSubdomain reports whether label may stand before a base domain: one ASCII
// DNS label, in upper or lower case, that is no name of common mistakes.
func isSubdomain[T string | []byte](label T) bool {
	if !isLabel(label) {
		return false
	}
	if len(label) >= 4 && label[2] == '-' && label[3] == '-' && label[0]|0x20 == 'x' && label[1]|0x20 == 'n' {
		return false
	}
	for _, no := range [...]string{"www", "null", "undefined", "none"} {
		if len(label) == len(no) && strings.EqualFold(string(label), no) {
			return false
		}
	}
	return true
}

func isLabel[T string | []byte](label T) bool {
	if label := len(label); label == 0 || label > maxLabel {
		return false
	}
	for i := range len(label) {
		if c := label[i]; !isLetter(c) && !isDigit(c) && (c != '-' || i == 0 || i == len(label)-1) {
			return false
		}
	}
	return true
}

// isBaseDomain reports whether a token may stand before domain.
func isBaseDomain(domain string) bool {
	labels := strings.Split(domain, ".")
	for _, label := range labels {
		if !isLabel(label) {
			return false
		}
	}
	_, err := netip.ParseAddr(domain)
	isAddress := err == nil
	return len(labels) > 1 && !isAddress && maxLabel+len(".")+len(domain) <= maxHost
}

// isHost reports whether text is a host with or without a port.
func isHost(text string) bool {
	host := hostname(text)
	if port := strings.TrimPrefix(text, host); port != "" && !isPort(port) {
		return false
	}
	if inner, bracketed := strings.CutPrefix(host, "["); bracketed {
		inner, closed := strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		return closed && err == nil && addr.Is6() && addr.Zone() == ""
	}
	for label := range strings.SplitSeq(host, ".") {
		if !isLabel(strings.ReplaceAll(label, "_", "x")) { // the field has names with _
			return false
		}
	}
	return len(host) <= maxHost
}

// hostname drops the port.
func hostname(text string) string {
	at := strings.LastIndexByte(text, ':')
	if at < 0 || strings.HasSuffix(text, "]") {
		return text
	}
	return text[:at]
}

// isPort reports whether text is a colon and a port.
func isPort(text string) bool {
	n, err := strconv.ParseUint(text[1:], 10, 16)
	return err == nil && n > 0
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback()
}

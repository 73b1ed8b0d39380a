// Package urlpart says what may stand in a part of a URL: the labels of hosts,
// hosts, and segments of paths.
package urlpart

import (
	"net/netip"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
)

// What DNS allows, in bytes.
const (
	MaxLabel = 63
	maxHost  = 253
)

// IsSubdomain reports whether label may stand before a base domain: one ASCII
// DNS label, in upper or lower case, that is not a name of common mistakes.
func IsSubdomain[T string | []byte](label T) bool {
	if !IsLabel(label) {
		return false
	}
	if len(label) >= 4 && label[2] == '-' && label[3] == '-' && label[0]|0x20 == 'x' && label[1]|0x20 == 'n' {
		return false
	}
	isWWW := len(label) == 3 && strings.EqualFold(string(label), "www")
	return !isWWW && !IsPlaceholder(label)
}

// IsLabel reports whether text is one label of a host.
func IsLabel[T string | []byte](text T) bool {
	if length := len(text); length == 0 || length > MaxLabel {
		return false
	}
	for i := range len(text) {
		if c := text[i]; !ascii.IsLetter(c) && !ascii.IsDigit(c) && (c != '-' || i == 0 || i == len(text)-1) {
			return false
		}
	}
	return true
}

// IsBaseDomain reports whether a label may stand before domain.
func IsBaseDomain(domain string) bool {
	labels := strings.Split(domain, ".")
	for _, label := range labels {
		if !IsLabel(label) {
			return false
		}
	}
	_, err := netip.ParseAddr(domain)
	isAddress := err == nil
	return len(labels) > 1 && !isAddress && MaxLabel+len(".")+len(domain) <= maxHost
}

// IsPlaceholder reports whether text is what programs write where a value is
// missing: null, undefined or none.
func IsPlaceholder[T string | []byte](text T) bool {
	for _, word := range [...]string{"null", "undefined", "none"} {
		if len(text) == len(word) && strings.EqualFold(string(text), word) {
			return true
		}
	}
	return false
}

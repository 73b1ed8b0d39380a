// Where an attempt goes, as its span shows it.

package tdotel

import (
	"net/url"
	"strings"
	"sync"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/display"
)

// shownAddress is where an attempt goes.
type shownAddress struct {
	name     string // of the span
	url      string // "" if it is unknown
	template string // the path without what is filled in; "" if it is unknown
	server   serverAddress
}

func addressOf(a *tracedAttempt) shownAddress {
	to := shownAddress{name: methodWord(a.Method), url: shownURL(a.url), server: originOf(a.Host, a.url).server()}
	to.template = pathTemplate(to.url, &a.Attempt)
	if to.template != "" {
		to.name += " " + to.template
	}
	return to
}

// shownURL returns a URL without credentials and phone numbers; "" if it is unknown.
func shownURL(u *url.URL) string {
	if u == nil {
		return ""
	}
	shown := *u
	if originOf(u.Host, u).server().address != u.Hostname() {
		shown.Host = "{}"
	}
	text, query, hasQuery := strings.Cut(trackdrive.RedactURL(&shown), "?")
	if hasQuery {
		text += "?" + display.HideNumbers(query) // a parameter's name may be anything
	}
	return text
}

// pathTemplate returns the path of a URL that shownURL returned. Without one, it returns
// that of the attempt, except for a webhook: its configuration may have a credential
// in the path.
func pathTemplate(shown string, a *trackdrive.Attempt) string {
	if _, afterScheme, ok := strings.Cut(shown, "://"); ok {
		path, _, _ := strings.Cut(afterScheme, "?")
		return path[strings.IndexByte(path+"/", '/'):]
	}
	if a.Operation == "webhook" {
		return ""
	}
	return shownAlone(a.Path)
}

// addressCache keeps the addresses of endpoints, to which most attempts go.
type addressCache struct {
	mu    sync.RWMutex
	known map[addressKey]shownAddress
}

type addressKey struct {
	attemptOrigin
	method, path string
}

// mostAddresses is how many addresses a cache has.
const mostAddresses = 500

func (c *addressCache) of(a *tracedAttempt) shownAddress {
	switch a.Operation {
	case "ping", "post", "full": // in other paths, there may be credentials and phone numbers
	default:
		return addressOf(a)
	}
	if a.url == nil || a.url.RawQuery != "" {
		return addressOf(a)
	}
	key := addressKey{originOf(a.Host, a.url), a.Method, a.url.Path}
	c.mu.RLock()
	known, isKnown := c.known[key]
	c.mu.RUnlock()
	if isKnown {
		return known
	}
	made := addressOf(a)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = make(map[addressKey]shownAddress)
	}
	if len(c.known) < mostAddresses {
		c.known[key] = made
	}
	return made
}

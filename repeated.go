// Repeated credentials: what a reply repeats of its request's, and nobody is to see.

package trackdrive

import (
	"github.com/trackdrive-go/trackdrive/internal/echoes"
	"github.com/trackdrive-go/trackdrive/internal/redact"
)

func init() {
	echoes.Secrets = func(reply any) (none redact.Secrets) {
		switch r := reply.(type) {
		case *PingResponse:
			if r != nil {
				return r.Meta.secrets()
			}
		case *PostResponse:
			if r != nil {
				return r.Meta.secrets()
			}
		}
		return none
	}
}

// shown returns a text of the reply as it may be shown: without what the reply repeats
// of the request's credentials.
func (p *PingResponse) shown(text string) string { return echoes.Text(text, p) }

// shownID returns an id of the reply; "" if it may not be shown.
func (p *PingResponse) shownID(id ID) string {
	if shown := p.shown(string(id)); shown == string(id) {
		return shown
	}
	return ""
}

// secrets returns what the reply may repeat, and nobody is to see.
func (m *Meta) secrets() (none redact.Secrets) {
	if m.sent == nil {
		return none
	}
	return m.sent.made().toHide()
}

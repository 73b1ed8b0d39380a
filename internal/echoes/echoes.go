// Package echoes keeps what a reply repeats of its request's credentials from being shown.
// Package trackdrive sets Secrets; packages that show parts of replies ask.
package echoes

import "github.com/trackdrive-go/trackdrive/internal/redact"

// Secrets returns the credentials that were sent with the request of a
// *trackdrive.PingResponse or a *trackdrive.PostResponse. Anything else has none.
var Secrets = func(reply any) (none redact.Secrets) { return none }

// Text returns a text without the credentials of any of the replies' requests.
func Text(text string, replies ...any) string {
	for _, reply := range replies {
		if reply != nil && len(text) >= redact.ShortestSecret {
			secrets := Secrets(reply)
			text = secrets.Text(text)
		}
	}
	return text
}

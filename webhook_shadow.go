// Shadows: where the values of tokens are in a webhook's request.

package trackdrive

import (
	"bytes"

	"github.com/trackdrive-go/trackdrive/internal/fillhook"
	"github.com/trackdrive-go/trackdrive/internal/template"
)

func init() {
	fillhook.ShadowOf = func(webhook any, values map[string]string) fillhook.Shadow {
		w, _ := webhook.(*Webhook)
		if w == nil || w.w == nil {
			return fillhook.Shadow{}
		}
		m, shadow := new(webhookMistakes), new(WebhookRequest)
		w.w.expand(w.w.merge(values, m), m, shadow)
		return fillhook.Shadow{URL: shadow.URL, Header: shadow.Header, Body: shadow.Body}
	}
}

// shadowOf returns a filled-in text with each byte at the places replaced by another. The
// others are digits, which fit everywhere: what is left out later is left out of both. The
// mark of what that is stays.
func shadowOf(text []byte, places []template.Place, mark string) string {
	shadow := bytes.Clone(text)
	for _, p := range places {
		if mark != "" && string(text[p.Start:p.End]) == mark {
			continue
		}
		for i := p.Start; i < p.End; i++ {
			shadow[i] = '1'
			if text[i] == '1' {
				shadow[i] = '2'
			}
		}
	}
	return string(shadow)
}

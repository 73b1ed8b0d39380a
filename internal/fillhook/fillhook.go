// Package fillhook shows where the values of a webhook's tokens are in its request, for
// a page that marks them.
package fillhook

// Shadow is a request of the same lengths as the one that a webhook and its values make.
// They differ in each byte that a token was replaced by, and in no other.
type Shadow struct {
	URL    string
	Header map[string]string
	Body   string
}

// ShadowOf returns the shadow of the request that a *trackdrive.Webhook makes of values
// that it accepts. Package trackdrive sets it.
var ShadowOf func(webhook any, values map[string]string) Shadow

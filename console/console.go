// Package console serves pages for people: to check, preview and run a stored webhook, to
// see an auction as a timeline, and to settle whatever is stuck in an outbox or at a sales
// desk. A platform mounts it in its own back office, behind its own login. A developer
// runs it with the command trackdrive.
//
//	page, err := console.New(console.Config{
//		Webhooks:  listWebhooks,
//		Authorize: whoIsThis, // without it, the page serves only this machine
//	})
//	mux.Handle("/calls/", http.StripPrefix("/calls", page))
//
// The pages work without JavaScript, load nothing from other sites, and store nothing.
// docs/console.md says how to mount them, what they send, and what they refuse.
package console

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/insight"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/sales"
)

// Config configures the page. Every part is optional; without a part, its tab is not
// shown.
type Config struct {
	// Webhooks lists the stored configurations, by name. The page shows them with
	// their credentials hidden, and changes only a copy. If nil, there is only an empty
	// form.
	Webhooks func(context.Context) ([]StoredWebhook, error)

	// Subdomain is the company of the Client that runs webhooks, as for
	// [trackdrive.NewClient].
	Subdomain string

	// Options are the options of that Client, such as WithAuth and WithBaseURL.
	// WithTransport and WithHTTPClient are refused, because the page makes its own
	// connections.
	Options []trackdrive.Option

	// Auctions holds the latest auctions, whose timelines are shown.
	Auctions *AuctionLog

	// Outbox is the Worker of the outbox that is shown. Items are shown as outbox.Handler
	// shows them.
	Outbox *outbox.Worker

	// Sales is the desk whose leads are shown.
	Sales *sales.Desk

	// Insight holds the numbers that are shown: accepted, bids, sold and revenue.
	Insight *insight.Numbers

	// OnAction is called for every action of a viewer, for the program's own records. It
	// is called in the goroutine of the request, and may be nil.
	OnAction func(context.Context, Action)

	// OnError is called with the error behind a page that only says that something has
	// failed: the error of Webhooks or of a store. Its text has the phone numbers masked,
	// and no credentials beyond what that error itself says. It is called in the goroutine
	// of the request, and may be nil. Errors of the Outbox's store go to its OnEvent, too.
	OnError func(context.Context, error)

	// AllowHosts lists hosts that Run may reach even if they are on this machine or in a
	// private network: "localhost", "staging.acme.example". Any other such host is
	// refused once its name is resolved.
	AllowHosts []string

	// Transport is used by Run instead of the network, such as for a fake. With it, no
	// address is refused.
	Transport http.RoundTripper

	// Authorize returns who sent a request. If it returns an error, the answer is 403, and
	// the error is not shown. If Authorize is nil, only requests from this machine are
	// answered, to a loopback name or address and without a proxy in between, and their
	// viewer may do everything.
	Authorize func(*http.Request) (Viewer, error)
}

// Viewer is the person who views the page, and what that person may do. The zero Viewer
// may see everything except phone numbers, and change nothing.
type Viewer struct {
	Name        string // shown at the top, and part of the notes that actions leave
	MayRun      bool   // may send a webhook
	MayChange   bool   // may retry, settle, discard and resolve
	SeesNumbers bool   // sees whole phone numbers; otherwise only the last two digits
}

// StoredWebhook is a webhook's configuration, as a platform stores it.
type StoredWebhook struct {
	Name string // the name in the list; it must be unique
	JSON []byte // as trackdrive.ParseWebhook reads it; it may have mistakes
}

// consolePage is the page.
type consolePage struct {
	config  Config
	client  *trackdrive.Client
	outbox  outboxAdmin
	mux     *http.ServeMux
	origins *http.CrossOriginProtection
	once    *onceRuns
	started time.Time
}

// New returns the page. It sends nothing. It returns an error if the configuration is
// invalid.
func New(config Config) (http.Handler, error) {
	p := &consolePage{config: config, mux: http.NewServeMux(), origins: http.NewCrossOriginProtection(), once: newOnceRuns(), started: time.Now()}
	if err := checkAllowHosts(config.AllowHosts); err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	client, err := newRunClient(config)
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	p.client = client
	if config.Outbox != nil {
		p.outbox.handler = outbox.Handler(config.Outbox)
	}
	p.routes()
	return p, nil
}

// newRunClient returns the Client that runs webhooks, over the page's own connections.
func newRunClient(config Config) (*trackdrive.Client, error) {
	transport := config.Transport
	if transport == nil {
		transport = trackdrive.NewTransport(guardedTransport(config.AllowHosts))
	}
	options := slices.Clip(config.Options)
	if _, err := trackdrive.NewClient(config.Subdomain, options...); err != nil {
		return nil, err
	}
	// A Client takes a transport or an HTTP client: with one of them among the options,
	// it refuses the other.
	client, err := trackdrive.NewClient(config.Subdomain, append(options, trackdrive.WithTransport(credentialTap{transport}))...)
	if err == nil {
		_, err = trackdrive.NewClient(config.Subdomain, append(options, trackdrive.WithHTTPClient(new(http.Client)))...)
	}
	if err != nil {
		return nil, fmt.Errorf("the Options have a WithTransport or a WithHTTPClient; the page has connections of its own, so use Config.Transport for a fake: %w", err)
	}
	return client, nil
}

// routes has all paths. They are of one level, so that relative links work wherever
// the page is mounted.
func (p *consolePage) routes() {
	p.page("GET /{$}", p.showHome)
	p.page("GET /webhook", p.showWebhook)
	p.page("POST /webhook", p.changeWebhook)
	if p.config.Auctions != nil {
		p.page("GET /auctions", p.showAuctions)
		p.page("GET /auction", p.showAuction)
	}
	if p.config.Outbox != nil {
		p.page("GET /outbox", p.showOutbox)
		p.page("POST /outbox", p.resumeCompany)
		p.page("GET /item", p.showItem)
		p.page("POST /item", p.changeItem)
	}
	if p.config.Sales != nil {
		p.page("GET /sales", p.showSales)
		p.page("GET /sale", p.showSale)
		p.page("POST /sale", p.changeSale)
	}
	if p.config.Insight != nil {
		p.page("GET /numbers", p.showNumbers)
	}
	p.mux.HandleFunc("GET /{asset}", p.serveAsset)
}

// errForbidden is the error of a viewer who may not do that.
var errForbidden error = &statusError{http.StatusForbidden, "You may look, but not do this. Nothing was done."}

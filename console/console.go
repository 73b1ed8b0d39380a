// Package console is a page for people: a stored webhook is checked, previewed and run,
// an auction is drawn, and what is stuck in an outbox or at a sales desk is settled. A
// platform mounts it in its own back office, behind its own login; a developer runs it
// with the command trackdrive.
//
//	page, err := console.New(console.Config{
//		Webhooks:  listWebhooks,
//		Authorize: whoIsThis, // without it, only this machine is served
//	})
//	mux.Handle("/calls/", http.StripPrefix("/calls", page))
//
// The page works without JavaScript, loads nothing from elsewhere, and stores nothing.
// docs/console.md says how to mount it, what it sends, and what it refuses.
package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/insight"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/sales"
)

// Config configures the page. Every part may be missing: then its tab is, too.
type Config struct {
	// Webhooks lists the stored configurations, by name. The page shows them with
	// their credentials hidden, and changes a copy. Nil: there is only the empty form.
	Webhooks func(context.Context) ([]StoredWebhook, error)

	// Subdomain and Options make the Client that runs webhooks, as for
	// [trackdrive.NewClient]: WithAuth and WithBaseURL, for example. The Client's
	// connections are the page's own: WithTransport and WithHTTPClient are refused.
	Subdomain string
	Options   []trackdrive.Option

	// Auctions has the last auctions, for their timelines.
	Auctions *AuctionLog

	// Outbox is the Worker of the outbox that is shown. What is shown of an item is
	// what outbox.Handler shows.
	Outbox *outbox.Worker

	// Sales is the desk whose leads are shown.
	Sales *sales.Desk

	// Insight has the numbers that are shown: accepted, bids, sold and revenue.
	Insight *insight.Numbers

	// OnAction hears of whatever a viewer did, for the program's own records. It is
	// called from the goroutine of the request, and may be nil.
	OnAction func(context.Context, Action)

	// AllowHosts names the hosts that Run may reach although they are on this
	// machine or in a private network: "localhost", "staging.acme.example". All
	// others are refused once their names are resolved.
	AllowHosts []string

	// Transport is used by Run instead of the network, for a fake: it refuses no
	// address by itself.
	Transport http.RoundTripper

	// Authorize says who sends a request. Its error is answered with 403, and not
	// shown. Nil: only requests from this machine are answered, to a loopback name or
	// address and without a proxy in between, and their viewer may do everything.
	Authorize func(*http.Request) (Viewer, error)
}

// Viewer is who looks at the page, and what that person may do. The zero Viewer may
// look at everything but phone numbers, and change nothing.
type Viewer struct {
	Name        string // shown at the top, and part of the notes that actions leave
	MayRun      bool   // may send a webhook
	MayChange   bool   // may retry, settle, discard and resolve
	SeesNumbers bool   // sees phone numbers; otherwise their last two digits
}

// StoredWebhook is a webhook's configuration, as a platform stores it.
type StoredWebhook struct {
	Name string // what the list shows; it must be unique
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

// New returns the page. It sends nothing, and the error says what is wrong with the
// configuration.
func New(config Config) (http.Handler, error) {
	p := &consolePage{config: config, mux: http.NewServeMux(), origins: http.NewCrossOriginProtection(), once: newOnceRuns(), started: time.Now()}
	transport := config.Transport
	if transport == nil {
		transport = trackdrive.NewTransport(guardedTransport(config.AllowHosts))
	}
	client, err := trackdrive.NewClient(config.Subdomain, append([]trackdrive.Option{trackdrive.WithTransport(transport)}, config.Options...)...)
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
var errForbidden = errors.New("console: you may look, but not do this")

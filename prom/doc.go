// Package prom exports to Prometheus what a program does with TrackDrive: its calls,
// auctions, sales and revenue, and what happens in its outbox and at its sales desk.
//
//	metrics := prom.New()
//	prometheus.MustRegister(metrics)
//	client, err := trackdrive.NewClient("acme", trackdrive.WithCallObserver(metrics.ObserveCall))
//	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: sources, Observe: metrics.ObserveAuction})
//	desk, err := sales.New(sales.Config{Store: leads, OnEvent: metrics.ObserveDesk})
//	worker, err := outbox.New(outbox.Config{Store: items, Client: client, OnEvent: metrics.ObserveOutbox})
//	metrics.WatchDesk(desk.Counts)
//	metrics.WatchOutbox(worker.Counts)
//
// Leave out what you do not have. The file README.md lists all metrics; the files
// dashboard.json and alerts.yml are for Grafana and for Prometheus: see [Dashboard]
// and [Alerts].
//
// # What counts where
//
// The metrics of calls (trackdrive_calls_total and trackdrive_call_...) count every
// call of a Client, whoever makes it. The metrics of auctions (trackdrive_auction...)
// count what auctions make of their calls. A ping of an auction is in both, so never
// add one to the other.
//
// Sales (trackdrive_sold_total, trackdrive_revenue_total, trackdrive_unknown_total)
// are counted once each: those of auctions by [Metrics.ObserveAuction], those of
// [sales.Desk.Post] by [Metrics.ObserveDesk], and whatever a program sells otherwise by
// [Metrics.AddSale], which it calls itself. [Metrics.ObserveCall] counts no sale: a post
// that sold is a call with the outcome "accepted".
//
// A lead that may be sold stays in trackdrive_unknown_total. What somebody finds out
// later is in trackdrive_settled_total, and its payout in
// trackdrive_revenue_corrections_total with the kind "found", not in
// trackdrive_revenue_total, which only grows with sales. Money that was taken back has
// the kind "taken_back". The revenue after corrections is revenue_total, plus what was
// found, less what was taken back. A lead that a ping may have sold is counted with a
// desk alone, because auctions have no event for it.
//
// Sums are exact; only the number that is exported is rounded to a float64. Amounts have
// no currency: if your companies pay in different ones, do not add up sources.
//
// # Labels
//
// Labels have few values, whatever callers and replies say: see [Limits]. No value shows
// a phone number. The name of a buyer comes from a reply; if it looks like a credential,
// the label is the buyer's id instead, or "other".
package prom

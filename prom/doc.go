// Package prom exports a program's TrackDrive metrics to Prometheus: calls, auctions,
// sales, revenue, and events of the outbox and the sales desk.
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
// Leave out the parts that you do not use. README.md lists all metrics. The files
// dashboard.json and alerts.yml are for Grafana and Prometheus: see [Dashboard] and
// [Alerts].
//
// # What counts where
//
// The metrics of calls (trackdrive_calls_total and trackdrive_call_...) count every
// call of a Client, including those that auctions make. The metrics of auctions
// (trackdrive_auction...) count the events of auctions. An auction's ping is in both, so
// never add one to the other.
//
// Each sale (trackdrive_sold_total, trackdrive_revenue_total, trackdrive_unknown_total)
// is counted once: [Metrics.ObserveAuction] counts those of auctions and
// [Metrics.ObserveDesk] those of [sales.Desk.Post]. For any other sale, the program calls
// [Metrics.AddSale]. After [trackdrive.AuctionResult.Settle], call
// metrics.AddSettled(sold, bid.Payout); a desk's settlements are counted by
// [Metrics.ObserveDesk]. For money that was found or taken back otherwise, call
// [Metrics.AddCorrection]. [Metrics.ObserveCall] does not count sales: a post that sold is a
// call with the outcome "accepted".
//
// A lead that may be sold stays in trackdrive_unknown_total. When it is settled, it is
// counted in trackdrive_settled_total, and its payout in
// trackdrive_revenue_corrections_total with the kind "found". It is not added to
// trackdrive_revenue_total, which only grows with sales. Money that was taken back has
// the kind "taken_back". The corrected revenue is revenue_total, plus what was found,
// less what was taken back. A lead that a ping may have sold is counted only with a desk,
// because auctions have no event for it.
//
// A sale to all buyers of a ping counts for the buyer that the reply names, or for the only
// one. If nobody knows which of them took the lead, the label is "any", and the payout
// counts only if all of them bid the same.
//
// Sums are exact; only the exported number is rounded to a float64. Amounts have no
// currency: if your companies pay in different currencies, do not add up sources.
//
// # Labels
//
// The number of label values is bounded, whatever callers and replies contain: see
// [Limits]. No value contains a phone number. The name of a buyer comes from a reply; if
// it holds or looks like a credential, the label is the buyer's id instead, or "other".
package prom

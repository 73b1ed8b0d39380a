package purchase_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/purchase"
)

func amount(text string) trackdrive.Amount {
	a, _ := trackdrive.ParseAmount(text)
	return a
}

// toAll returns a bid for all buyers of a ping, as an auction makes it.
func toAll(payouts ...string) trackdrive.Bid {
	bid := trackdrive.Bid{ToAll: true, Ping: new(trackdrive.PingResponse)}
	for i, p := range payouts {
		bid.Ping.Buyers = append(bid.Ping.Buyers, trackdrive.Buyer{
			ID: trackdrive.ID([]string{"101", "102", "103"}[i]), Name: []string{"Buyer A", "Buyer B", "Buyer B"}[i], Payout: amount(p),
		})
		if i == 0 || amount(p).Cmp(bid.Payout) < 0 {
			bid.Payout = amount(p)
		}
	}
	return bid
}

func TestWhoBoughtAndForHowMuch(t *testing.T) {
	t.Parallel()
	buyerB := trackdrive.Buyer{ID: "102", Name: "Buyer B"}
	post := func(buyers ...trackdrive.Buyer) *trackdrive.PostResponse {
		return &trackdrive.PostResponse{Buyers: buyers}
	}
	named := func(name string) *trackdrive.PostResponse { return &trackdrive.PostResponse{BuyerName: name} }
	for name, tt := range map[string]struct {
		bid      trackdrive.Bid
		reply    *trackdrive.PostResponse
		id, want string
		payout   string // "" if it is unknown
	}{
		"one buyer":                          {trackdrive.Bid{Buyer: buyerB, Payout: amount("25")}, nil, "102", "Buyer B", "25"},
		"one buyer, whatever the reply says": {trackdrive.Bid{Buyer: buyerB, Payout: amount("25")}, named("Buyer A"), "102", "Buyer B", "25"},
		"to all, by its name":                {toAll("20", "30"), named("Buyer B"), "102", "Buyer B", "30"},
		"to all, by its id":                  {toAll("20", "30"), post(trackdrive.Buyer{ID: "102"}), "102", "Buyer B", "30"},
		"to all, with its payout":            {toAll("20", "30"), post(trackdrive.Buyer{ID: "102", Payout: amount("31")}), "102", "Buyer B", "31"},
		"to all, by a name of two":           {toAll("20", "30", "40"), named("Buyer B"), "", "Buyer B", ""},
		"to all, by another name":            {toAll("20", "30"), named("Buyer X"), "", "Buyer X", ""},
		"to all, by another id": {
			toAll("20", "30"), &trackdrive.PostResponse{BuyerName: "Buyer A", Buyers: post(trackdrive.Buyer{ID: "109"}).Buyers}, "109", "Buyer A", "",
		},
		"to all, several named":                {toAll("20", "30"), post(buyerB, trackdrive.Buyer{ID: "101"}), "", "", ""},
		"to all, nobody named":                 {toAll("20", "30"), post(), "", "", ""},
		"to all, no reply":                     {toAll("20", "30"), nil, "", "", ""},
		"to all, nobody named, equal payouts":  {toAll("20", "20.0"), post(), "", "", "20"},
		"to all, another name, equal payouts":  {toAll("20", "20.0"), named("Buyer X"), "", "Buyer X", "20"},
		"to all, which is one":                 {toAll("20"), post(), "101", "Buyer A", "20"},
		"to all, which is one of another name": {toAll("20"), named("Buyer X"), "", "Buyer X", "20"},
		"to all, without a payout":             {toAll("", "30"), named("Buyer A"), "101", "Buyer A", ""},
		"to all, without a ping":               {trackdrive.Bid{ToAll: true, Payout: amount("20")}, post(), "", "", ""},
		"to all of nobody":                     {trackdrive.Bid{ToAll: true, Payout: amount("20"), Ping: new(trackdrive.PingResponse)}, post(), "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			buyer, payout := purchase.Of(&trackdrive.SaleTry{Bid: tt.bid, Response: tt.reply})
			require.Equal(t, []string{tt.id, tt.want}, []string{string(buyer.ID), buyer.Name})
			require.Equal(t, tt.payout, payout.String())
		})
	}
}

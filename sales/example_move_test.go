package sales_test

import (
	"context"
	"fmt"
	"time"

	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
)

// copyLeads copies what one store knows to another. No desk may use either of them
// meanwhile, and the leases of all desks must have ended.
func copyLeads(ctx context.Context, from, to sales.Store) error {
	for _, state := range []sales.State{sales.Unknown, sales.Sold, sales.Unsold, sales.Open} {
		page := sales.Query{State: state}
		for {
			list, err := from.List(ctx, page)
			if err != nil {
				return err
			}
			for _, known := range list {
				known.Lease = sales.Lease{}
				page.After = known.Sale.LeadID
				if _, err := to.Change(ctx, sales.Change{LeadID: known.Sale.LeadID, Apply: func(r *sales.Record, _ []sales.Record, _ time.Time) error {
					*r = known
					return nil
				}}); err != nil {
					return err
				}
			}
			if len(list) < page.PageSize() {
				break
			}
		}
	}
	return nil
}

// Leads move from a file to PostgreSQL, or back. Here, both are in memory.
func ExampleStore_move() {
	fake, client := fakeAcme()
	ctx := context.Background()
	from, to := salestest.NewMemory(), salestest.NewMemory()
	loseAnAnswer(fake)
	for _, id := range []string{"lead-1", "lead-2"} {
		_, _ = deskOn(from, client).Post(ctx, id, client, "sell", postOnly("+15555550142"))
	}

	err := copyLeads(ctx, from, to)
	counts, _ := deskOn(to, client).Counts(ctx)
	fmt.Println(counts.Unknown, counts.Sold, err)

	sale, err := deskOn(to, client).Post(ctx, "lead-2", client, "sell", postOnly("+15555550142"))
	fmt.Println(sale.State, len(fake.Posts()), err)
	// Output:
	// 1 1 <nil>
	// sold 2 <nil>
}

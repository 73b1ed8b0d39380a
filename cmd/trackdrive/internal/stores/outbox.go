// Package stores has the commands that look after outboxes and sales.
package stores

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore"
)

// Commands returns the commands.
func Commands(t *term.Terminal) []*cobra.Command {
	return []*cobra.Command{newOutbox(t), newSales(t)}
}

func newOutbox(t *term.Terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "outbox",
		Short: "Look at a backlog of conversions, and settle, retry or deliver it",
		Long:  "Outbox works on the conversions that a service keeps until TrackDrive has them: see\ndocs/outbox.md.\n\n" + storeHelp,
	}
	f := newStoreFlags(cmd, t, outboxVariable)
	cmd.AddCommand(newOutboxCounts(f), newOutboxList(f), newRetry(f), newOutboxSettle(f), newDiscard(f), newDrain(f))
	return cmd
}

// itemStates are the states of items, those first that need somebody.
var itemStates = []outbox.State{outbox.Aside, outbox.Parked, outbox.Dead, outbox.Sending, outbox.Waiting, outbox.Delivered}

// itemMeanings says what the states of items mean.
var itemMeanings = map[outbox.State]string{
	outbox.Aside:     "may have arrived: look up their calls, then settle them",
	outbox.Parked:    "lack a permission, a token or a webhook: give it, then retry them",
	outbox.Dead:      "refused for good: correct and retry them, or leave them",
	outbox.Sending:   "may be on their way",
	outbox.Waiting:   "to be sent",
	outbox.Delivered: "done",
}

func newOutboxCounts(f *storeFlags) *cobra.Command {
	return &cobra.Command{
		Use:     "counts",
		Short:   "Count the items in each state",
		Long:    "Counts prints how many items are in each state, and since when the oldest waits.\n\n" + storeHelp + "\n\n" + term.Statuses{Done: "printed", Failed: "the store cannot be read"}.Text(),
		Example: "  trackdrive outbox counts --store conversions.db",
		Args:    term.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, _, closeIt, err := f.openOutbox(cmd.Context())
			if err != nil {
				return err
			}
			defer closeIt()
			counts, err := store.Counts(cmd.Context())
			if err != nil {
				return term.Failed(plainFailure(err))
			}
			return f.terminal.Print(counts, func(p *term.Page) {
				var rows [][]string
				for _, state := range itemStates {
					if n := counts.Of(state); n > 0 {
						rows = append(rows, []string{string(state), strconv.Itoa(n), itemMeanings[state]})
					}
				}
				if rows == nil {
					p.Line("the outbox is empty")
					return
				}
				p.Table([]term.Column{{Name: "STATE"}, {Name: "ITEMS", Right: true}, {Name: "MEANING"}}, rows)
				if !counts.Oldest.IsZero() {
					p.Gap()
					p.Line("the oldest waiting item was enqueued at %s", shortTime(counts.Oldest))
				}
			})
		},
	}
}

func newOutboxList(f *storeFlags) *cobra.Command {
	var list *listFlags[outbox.State]
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the items that are not delivered",
		Long: `List prints the items that are not delivered, those first that need somebody. They are
shown without their values, which are personal data, but for amounts.

` + storeHelp + "\n\n" + term.Statuses{Done: "printed", Failed: "the store cannot be read"}.Text(),
		Example: `  trackdrive outbox list --store conversions.db --state aside
  trackdrive outbox list --store conversions.db --json | jq -r '.items[].id'`,
		Args: term.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			states, err := list.states(itemStates[:len(itemStates)-1])
			if err != nil {
				return err
			}
			store, _, closeIt, err := f.openOutbox(cmd.Context())
			if err != nil {
				return err
			}
			defer closeIt()
			return f.printItems(cmd.Context(), store, states, list.limit)
		},
	}
	list = addListFlags(cmd, itemStates, "items")
	return cmd
}

func (f *storeFlags) printItems(ctx context.Context, store outbox.Store, states []outbox.State, limit int) error {
	counts, err := store.Counts(ctx)
	if err != nil {
		return term.Failed(plainFailure(err))
	}
	viewer, err := newItemViewer(f.terminal, store)
	if err != nil {
		return err
	}
	items, total := []itemView{}, 0
	for _, state := range states {
		total += counts.Of(state)
		list, err := viewer.list(ctx, state, limit-len(items))
		if err != nil {
			return term.Failed(plainFailure(err))
		}
		items = append(items, list...)
	}
	report := struct {
		Items []itemView `json:"items"`
		Total int        `json:"total"`
	}{items, total}
	return f.terminal.Print(report, func(p *term.Page) {
		if len(items) == 0 {
			p.Line("no items")
			return
		}
		tableOf(p, items)
		if len(items) < total {
			p.Gap()
			p.Line("%d of %d; --limit %d lists them all", len(items), total, total)
		}
	})
}

// itemChange is a change of items by hand.
type itemChange struct {
	flags    *storeFlags
	isSure   *bool
	question string // what it does with the items
	wrong    func(outbox.State) string
	change   func(ctx context.Context, store outbox.Store, id string) (outbox.Item, error)
}

// changedItem is what became of an item.
type changedItem struct {
	ID    string    `json:"id"`
	Item  *itemView `json:"item,omitempty"`
	Error string    `json:"error,omitempty"`
}

// run changes the items one after the other. All are tried; the error is that of the
// first that failed.
func (c *itemChange) run(ctx context.Context, ids []string, listed outbox.State) error {
	store, _, closeIt, err := c.flags.openOutbox(ctx)
	if err != nil {
		return err
	}
	defer closeIt()
	viewer, err := newItemViewer(c.flags.terminal, store)
	if err != nil {
		return err
	}
	if listed != "" {
		items, err := viewer.list(ctx, listed, mostAtOnce)
		if err != nil {
			return term.Failed(plainFailure(err))
		}
		for i := range items {
			ids = append(ids, items[i].ID)
		}
		if len(ids) == 0 {
			return term.Failed(fmt.Errorf("no item is %s", listed))
		}
	}
	if err := c.check(ctx, viewer, ids); err != nil {
		return err
	}
	if err := c.flags.terminal.Confirm(ctx, *c.isSure, fmt.Sprintf(c.question, someOf(ids))); err != nil {
		return err
	}
	var changed []changedItem
	var first error
	for _, id := range ids {
		one := changedItem{ID: id}
		_, err := c.change(ctx, store, id)
		if err != nil {
			err = c.explain(ctx, viewer, id, err)
			one.Error = err.Error()
			if first == nil {
				first = err
			}
		} else if item, err := viewer.item(ctx, id); err == nil {
			one.Item = &item
		}
		changed = append(changed, one)
	}
	c.flags.terminal.PrintOutcome(map[string]any{"items": changed}, func(p *term.Page) {
		for _, one := range changed {
			switch {
			case one.Item != nil:
				p.Toned(term.Good, "%s is %s now", one.ID, one.Item.State)
			case one.Error == "":
				p.Toned(term.Good, "%s is changed", one.ID)
			}
		}
	})
	if first == nil && listed != "" && len(ids) == mostAtOnce {
		c.flags.terminal.Note("these were the first %d; there may be more", mostAtOnce)
	}
	return first
}

// mostAtOnce is how many items are changed at once.
const mostAtOnce = 10_000

// check refuses, before anybody is asked, what the state of an item does not allow.
func (c *itemChange) check(ctx context.Context, viewer *itemViewer, ids []string) error {
	for _, id := range ids {
		item, err := viewer.item(ctx, id)
		if err != nil {
			return c.explain(ctx, viewer, id, err)
		}
		if advice := c.wrong(item.State); advice != "" {
			return term.Failed(fmt.Errorf("%s is %s; nothing was changed", id, item.State), advice)
		}
	}
	return nil
}

// explain says why an item could not be changed.
func (c *itemChange) explain(ctx context.Context, viewer *itemViewer, id string, err error) error {
	switch {
	case errors.Is(err, outbox.ErrUnknownItem):
		return term.Failed(fmt.Errorf("there is no item %q", id), "for a list: trackdrive outbox list --state all")
	case errors.Is(err, outbox.ErrWrongState):
		state := outbox.State("in another state")
		if item, err := viewer.item(ctx, id); err == nil {
			state = item.State
		}
		return term.Failed(fmt.Errorf("%s is %s, so it was left as it is", id, state), c.wrong(state))
	case errors.Is(err, trackdrive.ErrInvalidArgument):
		return term.Usagef("%s: %v", id, err)
	default:
		return storeError(err, "look at it with trackdrive outbox list, and do it again if it is not changed")
	}
}

func someOf(ids []string) string {
	const most = 5
	if len(ids) <= most {
		return strings.Join(ids, ", ")
	}
	return strings.Join(ids[:most], ", ") + fmt.Sprintf(" and %d more", len(ids)-most)
}

// completeItems completes the ids of the items in these states.
func (f *storeFlags) completeItems(states ...outbox.State) cobra.CompletionFunc {
	return completeIDs(f, readItemIDs, states)
}

func readItemIDs(path string) (list func(context.Context, outbox.State) ([]string, error), closeIt func() error, err error) {
	store, err := boltstore.Open(path, &boltstore.Options{LockWait: 1, SkipCheck: true})
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context, state outbox.State) ([]string, error) {
		items, err := store.List(ctx, outbox.Query{State: state, Limit: mostCompletions})
		ids := make([]string, len(items))
		for i, item := range items {
			ids[i] = item.ID
		}
		return ids, err
	}, store.Close, nil
}

var changeStatuses = term.Statuses{
	Done: "done", Failed: "an item is unknown or its state does not allow that, or the store cannot be opened", Unknown: "the store failed, and the change may be stored",
}

func newRetry(f *storeFlags) *cobra.Command {
	var isSure bool
	var stateText string
	cmd := &cobra.Command{
		Use:   "retry ID...",
		Short: "Let items that are dead or parked be sent again",
		Long: `Retry lets items that are dead or parked be sent again: by the service, or by drain. A dead
item is sent after later updates of its call, so make sure that an older value does not
replace a newer one. An item that is aside may have arrived: see settle.

With --state it takes all items of that state. Without --yes it asks first.

` + storeHelp + "\n\n" + changeStatuses.Text(),
		Example: `  trackdrive outbox retry sale-4711 --store conversions.db
  trackdrive outbox retry --state parked --store conversions.db --yes`,
		ValidArgsFunction: f.completeItems(outbox.Dead, outbox.Parked),
		RunE: func(cmd *cobra.Command, ids []string) error {
			switch {
			case len(ids) == 0 && stateText == "":
				return term.Usagef("%s needs ID, or --state dead or parked", cmd.CommandPath()).Try("for example: trackdrive outbox retry sale-4711 --store conversions.db")
			case len(ids) > 0 && stateText != "":
				return term.Usagef("give ids or --state, and not both")
			case stateText != "" && stateText != string(outbox.Dead) && stateText != string(outbox.Parked):
				return term.Usagef("--state takes dead or parked, and not %q", stateText)
			}
			change := &itemChange{flags: f, isSure: &isSure, question: "lets %s be sent again", change: outbox.Retry, wrong: func(s outbox.State) string {
				switch s {
				case outbox.Dead, outbox.Parked:
					return ""
				case outbox.Aside:
					return "it may have arrived: look up the call, then use trackdrive outbox settle"
				default:
					return "only an item that is dead or parked can be retried"
				}
			}}
			return change.run(cmd.Context(), ids, outbox.State(stateText))
		},
	}
	cmd.Flags().StringVar(&stateText, "state", "", "retry all items of a `STATE`: dead or parked")
	cmd.Flags().BoolVar(&isSure, "yes", false, "do not ask for confirmation")
	_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions([]string{"dead", "parked"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func newOutboxSettle(f *storeFlags) *cobra.Command {
	var isSure, isDelivered, isNotDelivered bool
	cmd := &cobra.Command{
		Use:   "settle ID...",
		Short: "Record whether items that are aside have arrived",
		Long: `Settle records what came of items that are aside, parked or dead, after somebody has looked
up their calls: with --delivered they are done, with --not-delivered they are sent again.
TrackDrive may still work on a request that it did not answer: look some minutes later.
Without --yes it asks first.

` + storeHelp + "\n\n" + changeStatuses.Text(),
		Example: `  trackdrive outbox settle sale-4711 --delivered --store conversions.db
  trackdrive outbox settle sale-4711 --not-delivered --store conversions.db --yes`,
		Args:              term.SomeArgs("trackdrive outbox settle sale-4711 --delivered --store conversions.db", "ID"),
		ValidArgsFunction: f.completeItems(outbox.Aside, outbox.Parked, outbox.Dead),
		RunE: func(cmd *cobra.Command, ids []string) error {
			if isDelivered == isNotDelivered {
				return term.Usagef("give --delivered or --not-delivered: which of them does TrackDrive's record of the call show?")
			}
			question := "records %s as delivered: it is not sent again"
			if isNotDelivered {
				question = "sends %s again; if it had arrived after all, it counts twice"
			}
			change := &itemChange{flags: f, isSure: &isSure, question: question, wrong: func(s outbox.State) string {
				if slices.Contains([]outbox.State{outbox.Aside, outbox.Parked, outbox.Dead}, s) {
					return ""
				}
				return "only an item that is aside, parked or dead can be settled"
			}, change: func(ctx context.Context, store outbox.Store, id string) (outbox.Item, error) {
				return outbox.Settle(ctx, store, id, isDelivered)
			}}
			return change.run(cmd.Context(), ids, "")
		},
	}
	cmd.Flags().BoolVar(&isDelivered, "delivered", false, "they have arrived")
	cmd.Flags().BoolVar(&isNotDelivered, "not-delivered", false, "they have not arrived: send them again")
	cmd.Flags().BoolVar(&isSure, "yes", false, "do not ask for confirmation")
	return cmd
}

func newDiscard(f *storeFlags) *cobra.Command {
	var isSure bool
	var reason string
	cmd := &cobra.Command{
		Use:   "discard ID...",
		Short: "Give up items that would wait forever",
		Long: `Discard gives up items that are waiting, parked or aside: they become dead, with the reason,
and what waits behind them starts. Without --yes it asks first.

` + storeHelp + "\n\n" + changeStatuses.Text(),
		Example:           `  trackdrive outbox discard sale-4711 --reason "the account is gone" --store conversions.db`,
		Args:              term.SomeArgs(`trackdrive outbox discard sale-4711 --reason "the account is gone"`, "ID"),
		ValidArgsFunction: f.completeItems(outbox.Aside, outbox.Parked, outbox.Waiting),
		RunE: func(cmd *cobra.Command, ids []string) error {
			if strings.TrimSpace(reason) == "" {
				return term.Usagef("--reason is missing: it says to whoever looks next why the item was given up")
			}
			change := &itemChange{flags: f, isSure: &isSure, question: "gives up %s: it is not sent any more", wrong: func(s outbox.State) string {
				if slices.Contains([]outbox.State{outbox.Aside, outbox.Parked, outbox.Waiting}, s) {
					return ""
				}
				return "only an item that is waiting, parked or aside can be discarded"
			}, change: func(ctx context.Context, store outbox.Store, id string) (outbox.Item, error) {
				return outbox.Discard(ctx, store, id, reason)
			}}
			return change.run(cmd.Context(), ids, "")
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`TEXT` that says why")
	cmd.Flags().BoolVar(&isSure, "yes", false, "do not ask for confirmation")
	return cmd
}

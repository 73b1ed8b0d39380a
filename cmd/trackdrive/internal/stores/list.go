package stores

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
)

// listFlags say what a list shows: which states, and how many.
type listFlags[S ~string] struct {
	known []S // all states, in the order of the list
	state string
	limit int
}

// addListFlags gives a command the flags of a list of things, such as "items".
func addListFlags[S ~string](cmd *cobra.Command, known []S, things string) *listFlags[S] {
	f := &listFlags[S]{known: known}
	names := stateNames(known)
	cmd.Flags().StringVar(&f.state, "state", "", "only the "+things+" of a `STATE`: "+strings.Join(names, ", ")+", or all")
	cmd.Flags().IntVar(&f.limit, "limit", 100, "show at most `NUMBER` "+things)
	_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(append(names, "all"), cobra.ShellCompDirectiveNoFileComp))
	return f
}

// states returns the states to be listed; without --state these.
func (f *listFlags[S]) states(usual []S) ([]S, error) {
	names := stateNames(f.known)
	switch {
	case f.state != "" && f.state != "all" && !slices.Contains(names, f.state):
		return nil, term.Usagef("--state takes %s or all, and not %q", strings.Join(names, ", "), f.state)
	case f.limit < 1:
		return nil, term.Usagef("--limit takes a whole number from 1")
	case f.state == "":
		return usual, nil
	case f.state == "all":
		return f.known, nil
	default:
		return []S{S(f.state)}, nil
	}
}

func stateNames[S ~string](states []S) []string {
	names := make([]string, len(states))
	for i, state := range states {
		names[i] = string(state)
	}
	return names
}

// mostCompletions is how many ids of a state a shell is offered.
const mostCompletions = 100

// idReader opens a file and returns a function that lists ids, without waiting for whoever
// has the file open.
type idReader[S ~string] func(path string) (list func(ctx context.Context, state S) ([]string, error), closeIt func() error, err error)

// completeIDs completes the ids of what is in these states, as long as the file is free.
func completeIDs[S ~string](f *storeFlags, open idReader[S], states []S) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, start string) ([]string, cobra.ShellCompDirective) {
		const nothing = cobra.ShellCompDirectiveNoFileComp
		where, err := f.locate()
		if err != nil || where.file == "" || checkFile(where.file, "") != nil {
			return nil, nothing
		}
		list, closeIt, err := open(where.file)
		if err != nil {
			return nil, nothing
		}
		defer func() { _ = closeIt() }() // only read
		var found []string
		for _, state := range states {
			ids, err := list(cmd.Context(), state)
			if err != nil {
				return nil, nothing
			}
			for _, id := range ids {
				if strings.HasPrefix(id, start) {
					found = append(found, id+"\t"+string(state))
				}
			}
		}
		return found, nothing
	}
}

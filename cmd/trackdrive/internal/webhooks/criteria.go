package webhooks

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
)

// parseCriteria reads criteria, and places their mistakes. Only a webhook's
// configuration knows the places in its document, so the criteria become its acceptance,
// from the second line on.
func parseCriteria(data []byte) (*trackdrive.Criteria, []placedMistake) {
	criteria, err := trackdrive.ParseCriteria(data)
	if err == nil {
		return criteria, nil
	}
	unplaced := mistakesOf(err)
	if _, err := fmt.Sscanf(unplaced[0].Field, "criteria %d:%d", &unplaced[0].Line, &unplaced[0].Column); err == nil {
		unplaced[0].Field = ""
		return nil, unplaced // not JSON
	}
	whole := append([]byte("{\"url\": \"https://acme.trackdrive.com/\", \"acceptance\":\n"), data...)
	_, err = trackdrive.ParseWebhook(append(whole, "\n}"...))
	if err == nil {
		return nil, unplaced
	}
	placed := mistakesOf(err)
	for i := range placed {
		m := &placed[i]
		if m.Line < 2 || !strings.HasPrefix(m.Field, "acceptance") && m.Field != "" {
			return nil, unplaced // a mistake of the whole, such as a brace too many
		}
		m.Line--
		m.Field = strings.TrimPrefix(strings.TrimPrefix(m.Field, "acceptance"), ".")
	}
	return nil, placed
}

func readCriteria(t *term.Terminal, file string) (*trackdrive.Criteria, error) {
	data, err := t.ReadInput(file, "acceptance criteria", term.LimitSettings)
	if err != nil {
		return nil, err
	}
	criteria, mistakes := parseCriteria(data)
	if mistakes != nil {
		return nil, mistakesError(file, mistakes, otherKind(data, false)...)
	}
	return criteria, nil
}

func newCriteriaLint(t *term.Terminal) *cobra.Command {
	var sampleFile string
	cmd := &cobra.Command{
		Use:   "lint FILE",
		Short: "List mistakes, with their places, and weaknesses",
		Long: `Lint lists every mistake in the criteria, each with its line and column. With --sample, a
reply that is to be accepted, it also lists the weaknesses: it drops, empties and retypes
each field of the sample in turn, and reports every wrong reply that is still accepted.

` + term.Statuses{Done: "no mistakes and no weaknesses", Failed: "there are some, or a file cannot be read"}.Text(),
		Example: `  trackdrive criteria lint criteria.json --sample reply.json`,
		Args:    term.ExactArgs("trackdrive criteria lint criteria.json --sample reply.json", "FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			data, err := t.ReadInput(args[0], "acceptance criteria", term.LimitSettings)
			if err != nil {
				return err
			}
			criteria, mistakes := parseCriteria(data)
			if mistakes != nil || sampleFile == "" {
				return printLint(t, args[0], mistakes, nil, otherKind(data, false)...)
			}
			sample, err := t.ReadInput(sampleFile, "a reply", term.LimitReply)
			if err != nil {
				return err
			}
			return printLint(t, args[0], nil, criteria.Weaknesses(sample))
		},
	}
	cmd.Flags().StringVar(&sampleFile, "sample", "", "`FILE` with a reply that is to be accepted; - is the standard input")
	return cmd
}

func newCriteriaExplain(t *term.Terminal) *cobra.Command {
	var replyFile string
	cmd := &cobra.Command{
		Use:   "explain FILE --reply FILE",
		Short: "Explain the decision on a saved reply",
		Long: `Explain judges a saved reply, and prints the decision as a tree: each condition with what
it found.

` + explainStatuses.Text(),
		Example: `  trackdrive criteria explain criteria.json --reply reply.json`,
		Args:    term.ExactArgs("trackdrive criteria explain criteria.json --reply reply.json", "FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			if replyFile == "" {
				return term.Usagef("--reply is missing").Try("for example: " + term.ShellCommand("trackdrive criteria explain", args[0], "--reply", "reply.json"))
			}
			if args[0] == "-" && replyFile == "-" {
				return term.Usagef("the standard input can be the criteria or the reply, and not both")
			}
			criteria, err := readCriteria(t, args[0])
			if err != nil {
				return err
			}
			reply, err := t.ReadInput(replyFile, "a reply", term.LimitReply)
			if err != nil {
				return err
			}
			return printDecision(t, shownDecision(t, criteria.Explain(reply)))
		},
	}
	cmd.Flags().StringVar(&replyFile, "reply", "", "`FILE` with the reply; - is the standard input")
	return cmd
}

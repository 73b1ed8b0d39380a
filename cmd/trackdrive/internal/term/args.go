package term

import (
	"strings"

	"github.com/spf13/cobra"
)

// NoArgs refuses arguments.
func NoArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return Usagef("%s takes no argument; leave out %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// ExactArgs wants an argument for each name, and shows an example if they are not
// there.
func ExactArgs(example string, names ...string) cobra.PositionalArgs {
	return RangeArgs(example, len(names), names...)
}

// RangeArgs is ExactArgs, where only the first few are needed.
func RangeArgs(example string, needed int, names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < needed:
			return Usagef("%s needs %s", cmd.CommandPath(), strings.Join(names[len(args):needed], " and ")).Try("for example: " + example)
		case len(args) > len(names):
			return Usagef("%s takes %s; %q is one too many", cmd.CommandPath(), strings.Join(names, " and "), args[len(names)]).Try("for example: " + example)
		}
		return nil
	}
}

// SomeArgs wants at least one argument.
func SomeArgs(example, name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return Usagef("%s needs %s", cmd.CommandPath(), name).Try("for example: " + example)
		}
		return nil
	}
}

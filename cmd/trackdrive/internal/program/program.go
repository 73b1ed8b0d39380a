// Package program puts the commands together.
package program

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/calls"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/fakeserver"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/stores"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/webhooks"
	"github.com/trackdrive-go/trackdrive/internal/redact"
	"github.com/trackdrive-go/trackdrive/internal/suggest"
)

// Run runs the command with these arguments, and returns its exit status.
func Run(ctx context.Context, t *term.Terminal, args []string) int {
	t.Done = ctx.Done()
	root := New(t)
	root.SetArgs(args)
	helpError := printHelpOn(t, root)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = helpError()
	}
	return t.Report(asUsage(err))
}

// printHelpOn lets help be printed as all else is: cobra ignores that it cannot be
// written, which the function returns.
func printHelpOn(t *term.Terminal, root *cobra.Command) func() error {
	var err error
	render := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		var text bytes.Buffer
		cmd.SetOut(&text)
		render(cmd, args)
		err = t.PrintRaw(text.String())
	})
	return func() error { return err }
}

// New makes the command with all its subcommands.
func New(t *term.Terminal) *cobra.Command {
	root := &cobra.Command{
		Use:   "trackdrive",
		Short: "Call TrackDrive's marketplace, check webhooks, look after outboxes and sales",
		Long: `Trackdrive calls TrackDrive's call marketplace, checks and runs webhooks, and looks
after outboxes and sales.

Its output is text for people; with --json it is one JSON document for programs. Of a
phone number it shows the last two digits, unless --show-numbers is given.

` + term.Statuses{
			Done:    "done",
			Failed:  "not done, and that is certain",
			Unknown: "nobody knows whether it was done, such as whether a lead was sold",
		}.Text(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE:          needsSubcommand,
	}
	root.SetIn(t.In)
	root.SetOut(t.Out)
	root.SetErr(t.Err)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.PersistentFlags().BoolVar(&t.JSON, "json", false, "print one JSON document")
	root.PersistentFlags().BoolVar(&t.ShowNumbers, "show-numbers", false, "show phone numbers in full")
	root.SetFlagErrorFunc(flagError)
	root.AddGroup(
		&cobra.Group{ID: "calls", Title: "Calls:"},
		&cobra.Group{ID: "webhooks", Title: "Webhooks and criteria:"},
		&cobra.Group{ID: "stores", Title: "Outboxes and sales:"},
		&cobra.Group{ID: "servers", Title: "Servers on this machine:"},
	)
	addTo(root, "calls", calls.Commands(t)...)
	addTo(root, "webhooks", webhooks.Commands(t)...)
	addTo(root, "stores", stores.Commands(t)...)
	addTo(root, "servers", fakeserver.Command(), stores.NewConsole(t))
	addTo(root, "", newVersion(t), newMan(t), newCompletion(t))
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), "{{if .Runnable}}", "{{if and .Runnable (not .HasAvailableSubCommands)}}", 1))
	root.SetHelpCommand(newHelp())
	root.InitDefaultHelpCmd()
	needSubcommands(root)
	return root
}

func addTo(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, cmd := range commands {
		cmd.GroupID = group
		root.AddCommand(cmd)
	}
}

// newHelp returns the help command. For an unknown name, cobra's own would print the help
// of another command.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND...]",
		Short: "Help about a command",
		Long:  "Help prints the help of a command.\n\n" + term.Statuses{Done: "printed", Failed: "the output cannot be written"}.Text(),
		ValidArgsFunction: func(cmd *cobra.Command, names []string, _ string) (words []string, _ cobra.ShellCompDirective) {
			if target, rest, err := cmd.Root().Find(names); err == nil && len(rest) == 0 {
				for _, sub := range target.Commands() {
					if sub.IsAvailableCommand() {
						words = append(words, sub.Name()+"\t"+sub.Short)
					}
				}
			}
			return words, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, names []string) error {
			target, rest, err := cmd.Root().Find(names)
			if err != nil || len(rest) > 0 {
				return needsSubcommand(target, rest)
			}
			target.InitDefaultHelpFlag()
			return target.Help()
		},
	}
}

// needSubcommands lets each command that only has subcommands refuse anything else.
func needSubcommands(cmd *cobra.Command) {
	if cmd.HasSubCommands() && cmd.Run == nil && cmd.RunE == nil {
		cmd.Args, cmd.RunE = cobra.ArbitraryArgs, needsSubcommand
	}
	for _, sub := range cmd.Commands() {
		needSubcommands(sub)
	}
}

// needsSubcommand says which subcommand may have been meant.
func needsSubcommand(cmd *cobra.Command, args []string) error {
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	if len(names) == 0 {
		return term.NoArgs(cmd, args)
	}
	list := strings.Join(names, ", ")
	if len(args) == 0 {
		return term.Usagef("%s needs a subcommand: %s", cmd.CommandPath(), list).Try("for help: " + cmd.CommandPath() + " --help")
	}
	err := term.Usagef("%s has no subcommand %q; there are %s", cmd.CommandPath(), args[0], list)
	if meant := suggest.Nearest(args[0], names); meant != "" {
		return err.Try("did you mean: " + cmd.CommandPath() + " " + meant)
	}
	return err.Try("for help: " + cmd.CommandPath() + " --help")
}

// flagError says which flag may have been meant.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return term.Usagef("%s", plainFlagError(cmd, err)).Try("for help: " + cmd.CommandPath() + " --help")
	}
	name := unknown.GetSpecifiedName()
	if redact.IsCredentialName(name) {
		return term.Usagef("there is no flag --%s: whoever may list processes would see its value", name).Try(credentialAdvice(cmd))
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	dashes := "--"
	if len(name) == 1 {
		dashes = "-"
	}
	usage := term.Usagef("%s has no flag %s%s", cmd.CommandPath(), dashes, name)
	if meant := suggest.Nearest(name, names); meant != "" {
		return usage.Try("did you mean --" + meant + "?")
	}
	return usage.Try("for its flags: " + cmd.CommandPath() + " --help")
}

// credentialAdvice says where a command takes credentials from.
func credentialAdvice(cmd *cobra.Command) string {
	switch {
	case cmd.Flags().Lookup("credentials") != nil:
		return "put credentials into a file of mode 0600, and give --credentials FILE\nor use the environment; `" + cmd.CommandPath() + " --help` has the names"
	case cmd.Flags().Lookup("config") != nil:
		return "write them into the file of --config; for an example: " + cmd.CommandPath() + " --print-sample"
	default:
		return "for its flags: " + cmd.CommandPath() + " --help"
	}
}

// plainFlagError says what is wrong with the value of a flag, without the words of
// package strconv.
func plainFlagError(cmd *cobra.Command, err error) string {
	var value *pflag.InvalidValueError
	if !errors.As(err, &value) {
		return err.Error()
	}
	flag := value.GetFlag()
	switch flag.Value.Type() {
	case "bool":
		return "--" + flag.Name + " takes true or false"
	case "int", "uint64":
		return "--" + flag.Name + " takes a whole number"
	case "duration":
		return "--" + flag.Name + " takes a time, such as 10s or 2m"
	}
	if redact.IsCredentialName(flag.Name) {
		return "--" + flag.Name + " is wrong"
	}
	return "--" + flag.Name + ": " + errors.Unwrap(value).Error()
}

// asUsage makes an error of usage of what cobra itself refuses: a flag that is
// required, flags that exclude each other.
func asUsage(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, start := range []string{"required flag(s) ", "if any flags in the group ", "at least one of the flags in the group ", "unknown command "} {
		if strings.HasPrefix(text, start) {
			return term.Usagef("%s", text)
		}
	}
	return err
}

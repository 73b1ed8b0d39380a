package program

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
)

// buildVersion is the version of a build.
type buildVersion struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func versionOf(info *debug.BuildInfo) buildVersion {
	v := buildVersion{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info == nil {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			v.Revision = setting.Value
		}
	}
	return v
}

func newVersion(t *term.Terminal) *cobra.Command {
	return &cobra.Command{
		Use:               "version",
		Short:             "Print the version",
		Long:              "Version prints the version of the command, and what it was built with.\n\n" + term.Statuses{Done: "printed", Failed: "the output cannot be written"}.Text(),
		Args:              term.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			info, _ := debug.ReadBuildInfo()
			v := versionOf(info)
			return t.Print(v, func(p *term.Page) { p.Line("trackdrive %s (%s, %s)", v.Version, v.Go, v.Platform) })
		},
	}
}

func newMan(t *term.Terminal) *cobra.Command {
	var folder string
	cmd := &cobra.Command{
		Use:   "man [COMMAND...]",
		Short: "Print manual pages",
		Long: `Man prints the manual page of a command, or of trackdrive itself. With --dir it writes
the pages of all commands to a folder, one file each.

` + term.Statuses{Done: "printed, or written", Failed: "there is no such command, or a page cannot be written"}.Text(),
		Example: `  trackdrive man webhook lint | man -l -
  trackdrive man --dir /usr/local/share/man/man1`,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, names []string) error {
			root := cmd.Root()
			if folder != "" {
				if len(names) > 0 {
					return term.Usagef("--dir writes the pages of all commands; leave out %q", strings.Join(names, " "))
				}
				return writePages(t, root, folder)
			}
			target, rest, err := root.Find(names)
			if err != nil || len(rest) > 0 {
				return needsSubcommand(target, rest)
			}
			page, err := manPage(target)
			if err != nil {
				return err
			}
			return t.PrintRaw(page)
		},
	}
	cmd.Flags().StringVar(&folder, "dir", "", "`FOLDER` to write all pages to")
	_ = cmd.MarkFlagDirname("dir") // fails only for a flag that is missing
	return cmd
}

func manPage(cmd *cobra.Command) (string, error) {
	date := time.Unix(0, 0).UTC() // pages of one version are equal, whenever they were written
	page := *cmd
	page.Long = withBlocks(cmd.Long)
	page.DisableAutoGenTag = true
	var b bytes.Buffer
	err := doc.GenMan(&page, &doc.GenManHeader{
		Title: strings.ToUpper(strings.ReplaceAll(cmd.CommandPath(), " ", "-")), Section: "1", Date: &date, Source: "trackdrive", Manual: "TrackDrive",
	}, &b)
	return strings.Replace(b.String(), ` "Jan 1970"`, ` ""`, 1), err
}

// withBlocks makes a block of Markdown of lines that are indented, which a page would run
// together otherwise.
func withBlocks(text string) string {
	var b strings.Builder
	wasIndented := false
	for line := range strings.Lines(text) {
		isIndented := strings.HasPrefix(line, "  ")
		if isIndented != wasIndented {
			b.WriteString("\n")
		}
		if isIndented {
			b.WriteString("    ")
		}
		b.WriteString(line)
		wasIndented = isIndented
	}
	return b.String()
}

func writePages(t *term.Terminal, root *cobra.Command, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return term.Failed(term.FileError(folder, err))
	}
	count := 0
	var write func(cmd *cobra.Command) error
	write = func(cmd *cobra.Command) error {
		page, err := manPage(cmd)
		if err != nil {
			return err
		}
		name := filepath.Join(folder, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1")
		if err := os.WriteFile(name, []byte(page), fs.FileMode(0o644)); err != nil {
			return term.Failed(term.FileError(name, err))
		}
		count++
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				if err := write(sub); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := write(root); err != nil {
		return err
	}
	return t.Print(map[string]any{"folder": folder, "pages": count}, func(p *term.Page) { p.Line("%d pages are in %s", count, folder) })
}

func newCompletion(t *term.Terminal) *cobra.Command {
	shells := []string{"bash", "zsh", "fish"}
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print the completion script of a shell: bash, zsh or fish",
		Long: `Completion prints the script with which a shell completes the commands, flags and values
of trackdrive. That of bash needs the package bash-completion.

` + term.Statuses{Done: "printed", Failed: "the output cannot be written"}.Text(),
		Example: `  source <(trackdrive completion bash)
  trackdrive completion zsh > "${fpath[1]}/_trackdrive"
  trackdrive completion fish > ~/.config/fish/completions/trackdrive.fish`,
		ValidArgs: shells,
		Args:      term.ExactArgs("trackdrive completion bash", "SHELL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var b bytes.Buffer
			var err error
			switch root := cmd.Root(); args[0] {
			case "bash":
				err = root.GenBashCompletionV2(&b, true)
			case "zsh":
				err = root.GenZshCompletion(&b)
			case "fish":
				err = root.GenFishCompletion(&b, true)
			default:
				return term.Usagef("there is no script for %q; give %s", args[0], strings.Join(shells, ", "))
			}
			if err != nil {
				return fmt.Errorf("the script cannot be made: %w", err)
			}
			return t.PrintRaw(b.String())
		},
	}
}

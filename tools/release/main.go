// Command release sets the version of everything that is released together: the
// requirements in every go.mod, the User-Agent, and the CHANGELOG's heading.
//
//	release -check            fails if they disagree
//	release -set 0.2.0        writes them, and says what to do next
//	release -tags             lists the tags to set, in order
//	release -proxy DIR        makes a module proxy of the tree as it would be tagged
//	release -rehearse         takes every module from such a proxy, as a stranger would
//
// All work on the repository in the current directory, or in -C DIR.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

func main() {
	err := runRelease(os.Args[1:], os.Stdout, os.Stderr)
	var usage usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.As(err, &usage):
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// usageError is a command line that says nothing, or too much.
type usageError string

func (e usageError) Error() string { return string(e) }

func runRelease(args []string, out, errOut io.Writer) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.SetOutput(errOut)
	dir := flags.String("C", ".", "the `directory` of the repository")
	check := flags.Bool("check", false, "fail if the versions disagree")
	set := flags.String("set", "", "write this `version`")
	tags := flags.Bool("tags", false, "list the tags to set, in order")
	proxy := flags.String("proxy", "", "make a module proxy in this `directory`")
	rehearse := flags.Bool("rehearse", false, "take every module from a proxy, as a stranger would, and build it")
	keep := flags.String("work", "", "the `directory` of the rehearsal (default: a temporary one)")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return usageError(err.Error())
	}
	if flags.NArg() > 0 {
		return usageError(fmt.Sprintf("%q is not expected; give the version as -set %s", flags.Arg(0), flags.Arg(0)))
	}
	if countChosen(*check, *set != "", *tags, *proxy != "", *rehearse) != 1 {
		return usageError("give one of -check, -set, -tags, -proxy and -rehearse")
	}
	tree, err := openTree(*dir)
	if err != nil {
		return err
	}
	switch {
	case *check:
		return tree.check()
	case *set != "":
		return tree.setVersion(*set, time.Now(), out)
	case *tags:
		return tree.tags(out)
	case *proxy != "":
		return tree.addToProxy(*proxy)
	default:
		return releaseRehearsal{tree: tree, work: *keep, out: out}.run()
	}
}

func countChosen(list ...bool) int {
	n := 0
	for _, is := range list {
		if is {
			n++
		}
	}
	return n
}

// Command filecircles measures how the files of a package need each other. An
// arrow goes from a file to another one if it uses a constant, a variable, a
// type, a function or a method that is declared there. Fields and tests do not
// count.
//
//	filecircles [-circle N] [-back P] [-v] DIR
//
// It prints the number of files, lines and arrows, how many arrows run back up
// in the best order of the files, and the circles: sets of files, each of which
// needs all the others, directly or through others. With -circle or -back it
// fails if there is more than they allow, and -v lists the arrows in circles
// with the names that make them.
//
// The exit status is 0 if all is well, 1 if a limit is exceeded, and 2 if the
// package cannot be measured.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/trackdrive-go/trackdrive/tools/internal/source"
)

func main() {
	os.Exit(runCommand(os.Args[1:], os.Stdout, os.Stderr))
}

func runCommand(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("filecircles", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: filecircles [-circle N] [-back P] [-v] DIR")
		flags.PrintDefaults()
	}
	circle := flags.Int("circle", 0, "fail if a circle has more than `N` files; 0 means no limit")
	back := flags.Float64("back", 100, "fail if more than `P` percent of the arrows run back up")
	verbose := flags.Bool("v", false, "list the arrows in circles")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() != 1 {
		flags.Usage()
		return 2
	}
	pkg, err := source.LoadDir(flags.Arg(0))
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	r := measureFiles(newFileGraph(pkg))
	r.write(stdout, *verbose)
	complaints := r.complaints(*circle, *back)
	for _, text := range complaints {
		fmt.Fprintln(stderr, text)
	}
	if len(complaints) > 0 {
		return 1
	}
	return 0
}

// A fileReport is what filecircles finds out about a package.
type fileReport struct {
	graph   *fileGraph
	arrows  int
	upward  int     // arrows that run back up
	circles [][]int // each in its best order, from the top
}

func measureFiles(g *fileGraph) fileReport {
	r := fileReport{graph: g, arrows: g.arrows()}
	for _, members := range g.circles() {
		ordered := bestOrder(g, members)
		r.circles = append(r.circles, ordered)
		r.upward += upwardArrows(g, ordered)
	}
	return r
}

func (r fileReport) share() float64 {
	if r.arrows == 0 {
		return 0
	}
	return 100 * float64(r.upward) / float64(r.arrows)
}

func (r fileReport) write(w io.Writer, verbose bool) {
	fmt.Fprintf(w, "%s: %d files, %d lines, %d arrows, %d of them back up (%.1f%%)\n",
		r.graph.name, len(r.graph.files), r.graph.lines, r.arrows, r.upward, r.share())
	for _, circle := range r.circles {
		fmt.Fprintf(w, "circle of %d: %s\n", len(circle), strings.Join(r.graph.namesOf(circle), " "))
		if verbose {
			r.writeArrows(w, circle)
		}
	}
}

func (r fileReport) writeArrows(w io.Writer, circle []int) {
	for i, from := range circle {
		for j, to := range circle {
			names := r.graph.uses[from][to]
			if len(names) == 0 {
				continue
			}
			direction := ""
			if j < i {
				direction = " (back up)"
			}
			fmt.Fprintf(w, "  %s -> %s%s: %s\n", r.graph.files[from], r.graph.files[to], direction, strings.Join(names, " "))
		}
	}
}

// complaints returns a message for each limit that is exceeded. A circle of 0
// is no limit.
func (r fileReport) complaints(circle int, back float64) []string {
	var messages []string
	for _, files := range r.circles {
		if circle > 0 && len(files) > circle {
			messages = append(messages, fmt.Sprintf("%s: %d files need each other in a circle, and at most %d may: move what makes the circle to the file whose idea it is (-v lists the arrows)",
				r.graph.name, len(files), circle))
		}
	}
	if r.share() > back {
		messages = append(messages, fmt.Sprintf("%s: %.1f%% of the arrows run back up, and at most %g%% may (-v lists them)",
			r.graph.name, r.share(), back))
	}
	return messages
}

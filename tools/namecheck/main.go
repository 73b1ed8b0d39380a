// Command namecheck looks at the names in packages, but not in their tests. It
// reports each unexported constant, variable, type and function at package
// level whose name is one bare word in lower case, and each local name that
// hides one of the package.
//
//	namecheck PATTERN...
//
// The patterns are those of the go command. Generated files are not reported,
// but a local name elsewhere must not hide what they declare.
//
// The exit status is 0 if all is well, 1 if there are findings, and 2 if the
// packages cannot be loaded.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/trackdrive-go/trackdrive/tools/internal/source"
)

func main() {
	os.Exit(runCommand(os.Args[1:], os.Stdout, os.Stderr))
}

func runCommand(patterns []string, stdout, stderr io.Writer) int {
	if len(patterns) == 0 {
		fmt.Fprintln(stderr, "usage: namecheck PATTERN...")
		return 2
	}
	pkgs, err := source.Load("", patterns...)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	var total nameReport
	for _, pkg := range pkgs {
		total.add(checkNames(pkg))
	}
	for _, f := range total.sorted() {
		fmt.Fprintf(stdout, "%s:%d:%d: %s\n", shortPath(f.place.Filename), f.place.Line, f.place.Column, f.message)
	}
	fmt.Fprintf(stdout, "%d unexported package-level names, %d of them bare words; %d local names hide one of the package\n",
		total.names, total.bareWords, total.hiding)
	if len(total.findings) > 0 {
		return 1
	}
	return 0
}

// shortPath makes a path relative where it lies in the current directory.
func shortPath(path string) string {
	dir, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(dir, path)
	if err != nil || !filepath.IsLocal(rel) {
		return path
	}
	return rel
}

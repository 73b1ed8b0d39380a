// Command apilist prints the exported API of the package in a directory, one
// identifier a line, sorted: what must not change by accident.
//
//	apilist DIR
package main

import (
	"fmt"
	"os"

	"github.com/trackdrive-go/trackdrive/tools/internal/source"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: apilist DIR")
		os.Exit(2)
	}
	lines, err := listAPI(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, line := range lines {
		fmt.Println(line)
	}
}

func listAPI(dir string) ([]string, error) {
	pkg, err := source.LoadDir(dir)
	if err != nil {
		return nil, err
	}
	return describePackage(pkg.Types), nil
}

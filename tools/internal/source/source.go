// Package source loads Go packages with their syntax and types.
package source

import (
	"fmt"

	"golang.org/x/tools/go/packages"
)

// Load returns the packages that the patterns name, without their tests. The
// patterns are those of the go command, run in dir. A package that does not
// compile is an error.
func Load(dir string, patterns ...string) ([]*packages.Package, error) {
	pkgs, err := packages.Load(&packages.Config{Dir: dir, Mode: packages.LoadSyntax}, patterns...)
	if err != nil {
		return nil, err
	}
	for _, pkg := range pkgs {
		if len(pkg.Errors) > 0 {
			return nil, pkg.Errors[0]
		}
	}
	return pkgs, nil
}

// LoadDir returns the package in a directory, without its tests.
func LoadDir(dir string) (*packages.Package, error) {
	pkgs, err := Load(dir, ".")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if len(pkgs) != 1 {
		return nil, fmt.Errorf("%s holds %d packages; want one", dir, len(pkgs))
	}
	return pkgs[0], nil
}

// Command licences lists the modules of others that programs link when they use a
// module of this repository, with their licences.
//
//	licences DIR...     for the modules in these directories; Markdown on stdout
//
// It fails if a licence is not known, or puts conditions on the code of whoever links the
// module.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: licences DIR...")
		os.Exit(2)
	}
	if err := runLicences(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

func runLicences(dirs []string, out io.Writer) error {
	found := make(map[string]*linkedModule)
	for _, dir := range dirs {
		if err := addLinked(found, dir); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	var problems []error
	fmt.Fprint(out, "| module | licence | linked by |\n|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(found)) {
		m := found[name]
		licence, err := licenceIn(m.dir)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
			continue
		}
		fmt.Fprintf(out, "| %s | %s | %s |\n", name, licence, strings.Join(m.users, ", "))
	}
	return errors.Join(problems...)
}

// linkedModule is a module that somebody links.
type linkedModule struct {
	dir   string
	users []string // the last elements of the paths of the modules that link it
}

// addLinked adds the modules that the packages of the module in dir link.
func addLinked(found map[string]*linkedModule, dir string) error {
	cmd := exec.Command("go", "list", "-deps", "-json=Standard,Module", "./...")
	cmd.Dir = dir
	cmd.Env = os.Environ()
	if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil { // whatever the environment says
		cmd.Env = append(cmd.Env, "GOWORK="+absolutePath(filepath.Join(dir, "go.work")))
	}
	cmd.Stderr = os.Stderr
	data, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	user := ""
	var others []listedModule
	for d := json.NewDecoder(bytes.NewReader(data)); ; {
		var p struct {
			Standard bool
			Module   *listedModule
		}
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch {
		case p.Standard || p.Module == nil:
		case p.Module.Main && filepath.Clean(p.Module.Dir) == absolutePath(dir):
			user = p.Module.Path
		default:
			others = append(others, *p.Module)
		}
	}
	own, _, _ := strings.Cut(user+"/", "/trackdrive/")
	for _, m := range others {
		if strings.HasPrefix(m.Path+"/", own+"/trackdrive/") {
			continue
		}
		known := found[m.Path]
		if known == nil {
			known = &linkedModule{dir: m.Dir}
			found[m.Path] = known
		}
		if name := shortName(user); !slices.Contains(known.users, name) {
			known.users = append(known.users, name)
		}
	}
	return nil
}

// listedModule is a module as go list shows it.
type listedModule struct {
	Path, Dir string
	Main      bool
}

func absolutePath(dir string) string {
	name, err := filepath.Abs(dir)
	if err != nil {
		return dir
	}
	return name
}

// shortName returns the path of a module without the repository's.
func shortName(modulePath string) string {
	if _, short, found := strings.Cut(modulePath, "/trackdrive/"); found {
		return short
	}
	return "trackdrive"
}

// permissiveLicences put no condition on the code of whoever links the module.
var permissiveLicences = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0"}

// licenceIn returns the licence in a module's folder.
func licenceIn(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if name := strings.ToUpper(e.Name()); !strings.HasPrefix(name, "LICENSE") && !strings.HasPrefix(name, "LICENCE") && !strings.HasPrefix(name, "COPYING") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", err
		}
		return nameOfLicence(text)
	}
	return "", errors.New("has no licence file")
}

func nameOfLicence(text []byte) (string, error) {
	const certain = 75 // percent of the text that a known licence covers
	cover := licensecheck.Scan(text)
	var names []string
	for _, match := range cover.Match {
		if !match.IsURL && !slices.Contains(names, match.ID) {
			names = append(names, match.ID)
		}
	}
	if cover.Percent < certain || len(names) == 0 {
		return "", fmt.Errorf("its licence is not known: %.0f%% of the text are recognized", cover.Percent)
	}
	for _, name := range names {
		if !slices.Contains(permissiveLicences, name) {
			return "", fmt.Errorf("its licence is %s, which is not one of %s", name, strings.Join(permissiveLicences, ", "))
		}
	}
	slices.Sort(names)
	return strings.Join(names, " and "), nil
}

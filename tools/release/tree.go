// The repository: its modules, and how they require each other.

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// unreleasedFolders hold modules that nobody imports: they are not tagged.
var unreleasedFolders = []string{"bench", "dashboardtest", "examples", "tools"}

// sourceTree is the repository.
type sourceTree struct {
	dir     string
	files   []string       // what git knows, relative to dir, with slashes
	modules []sourceModule // those that are released come first, each after what it requires
}

// sourceModule is one module of the repository.
type sourceModule struct {
	folder   string // relative, with slashes; "." for the root
	path     string
	file     *modfile.File
	released bool
}

// openTree reads the modules of the repository in dir.
func openTree(dir string) (*sourceTree, error) {
	t := &sourceTree{dir: dir}
	var err error
	if t.files, err = trackedFiles(dir); err != nil {
		return nil, err
	}
	for _, name := range t.files {
		if path.Base(name) != "go.mod" {
			continue
		}
		m, err := readModule(dir, path.Dir(name))
		if err != nil {
			return nil, err
		}
		t.modules = append(t.modules, m)
	}
	if len(t.modules) == 0 || !slices.ContainsFunc(t.modules, sourceModule.isRoot) {
		return nil, fmt.Errorf("%s has no go.mod; run release in the root of the repository", dir)
	}
	return t, t.sortModules()
}

// trackedFiles lists what a commit of the tree would have.
func trackedFiles(dir string) ([]string, error) {
	cmd := exec.Command("git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = dir
	var failure bytes.Buffer
	cmd.Stderr = &failure
	list, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files in %s: %w: %s", dir, err, bytes.TrimSpace(failure.Bytes()))
	}
	var files []string
	for _, name := range strings.Split(string(list), "\x00") {
		if name == "" {
			continue
		}
		if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(name))); err == nil { // it may be removed, and not yet committed
			files = append(files, name)
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

func readModule(dir, folder string) (sourceModule, error) {
	name := filepath.Join(dir, filepath.FromSlash(folder), "go.mod")
	data, err := os.ReadFile(name)
	if err != nil {
		return sourceModule{}, err
	}
	file, err := modfile.Parse(name, data, nil)
	if err != nil {
		return sourceModule{}, err
	}
	if file.Module == nil {
		return sourceModule{}, fmt.Errorf("%s names no module", name)
	}
	isInside := slices.ContainsFunc(strings.Split(folder, "/"), func(name string) bool { return slices.Contains(unreleasedFolders, name) })
	return sourceModule{folder: folder, path: file.Module.Mod.Path, file: file, released: !isInside}, nil
}

func (m sourceModule) isRoot() bool { return m.folder == "." }

// tag returns the tag that makes the module available at a version.
func (m sourceModule) tag(version string) string {
	if m.isRoot() {
		return version
	}
	return m.folder + "/" + version
}

// requires reports whether m requires the module with that path.
func (m sourceModule) requires(modulePath string) bool {
	return slices.ContainsFunc(m.file.Require, func(r *modfile.Require) bool { return r.Mod.Path == modulePath })
}

// has reports whether the repository has the module with that path.
func (t *sourceTree) has(modulePath string) bool {
	return slices.ContainsFunc(t.modules, func(m sourceModule) bool { return m.path == modulePath })
}

// root returns the root module.
func (t *sourceTree) root() sourceModule {
	return t.modules[slices.IndexFunc(t.modules, sourceModule.isRoot)]
}

// releasedModules returns what is tagged, in the order of the tags.
func (t *sourceTree) releasedModules() []sourceModule {
	var list []sourceModule
	for _, m := range t.modules {
		if m.released {
			list = append(list, m)
		}
	}
	return list
}

// sortModules puts each module after those that it requires, and what is not
// released last.
func (t *sourceTree) sortModules() error {
	rest := slices.Clone(t.modules)
	slices.SortStableFunc(rest, func(a, b sourceModule) int {
		switch {
		case a.released == b.released:
			return strings.Compare(a.folder, b.folder)
		case a.released:
			return -1
		default:
			return 1
		}
	})
	var sorted []sourceModule
	for len(rest) > 0 {
		next := slices.IndexFunc(rest, func(m sourceModule) bool {
			return !slices.ContainsFunc(rest, func(other sourceModule) bool { return m.requires(other.path) })
		})
		if next < 0 {
			return fmt.Errorf("the modules require each other in a circle: %s", rest[0].path)
		}
		sorted = append(sorted, rest[next])
		rest = slices.Delete(rest, next, next+1)
	}
	slices.SortStableFunc(sorted, func(a, b sourceModule) int {
		return map[bool]int{true: 0, false: 1}[a.released] - map[bool]int{true: 0, false: 1}[b.released]
	})
	t.modules = sorted
	return nil
}

// checkVersion refuses what is not a version such as 1.2.3.
func checkVersion(text string) error {
	if major := semver.Major("v" + text); major != "" && major != "v0" && major != "v1" {
		return usageError(fmt.Sprintf("%q would need /%s at the end of every module's path; give a version below 2.0.0", text, major))
	}
	if err := module.Check("example.com/m", "v"+text); err != nil || strings.Contains(text, "+") {
		return usageError(fmt.Sprintf("%q is not a version; give one such as 0.2.0", text))
	}
	return nil
}

// A module proxy on the file system: https://go.dev/ref/mod#goproxy-protocol.

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
	modzip "golang.org/x/mod/zip"
)

// addToProxy adds every released module to the proxy in a directory, at the version
// that the tree has.
func (t *sourceTree) addToProxy(dir string) error {
	version, err := t.version()
	if err != nil {
		return err
	}
	for _, m := range t.releasedModules() {
		if err := t.addModule(dir, m, "v"+version); err != nil {
			return fmt.Errorf("%s: %w", m.path, err)
		}
	}
	return nil
}

func (t *sourceTree) addModule(dir string, m sourceModule, version string) error {
	escaped, err := module.EscapePath(m.path)
	if err != nil {
		return err
	}
	folder := filepath.Join(dir, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	goMod, err := os.ReadFile(filepath.Join(t.dir, filepath.FromSlash(m.folder), "go.mod"))
	if err != nil {
		return err
	}
	info, err := json.Marshal(map[string]any{"Version": version, "Time": time.Unix(0, 0).UTC()})
	if err != nil {
		return err
	}
	base := filepath.Join(folder, version)
	if err := os.WriteFile(base+".mod", goMod, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(base+".info", info, 0o644); err != nil {
		return err
	}
	if err := t.zipModule(base+".zip", m, version); err != nil {
		return err
	}
	return addToList(filepath.Join(folder, "list"), version)
}

// addToList adds a version to the list of a module.
func addToList(name, version string) error {
	data, err := os.ReadFile(name)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	versions := append(strings.Fields(string(data)), version)
	semver.Sort(versions)
	return os.WriteFile(name, []byte(strings.Join(slices.Compact(versions), "\n")+"\n"), 0o644)
}

// zipModule writes the module's files, without those of modules inside it. The
// library's own rules for zips apply: a LICENSE of the root is part of every module.
func (t *sourceTree) zipModule(name string, m sourceModule, version string) (err error) {
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() {
		if closed := out.Close(); err == nil {
			err = closed
		}
	}()
	return modzip.Create(out, module.Version{Path: m.path, Version: version}, t.zipFiles(m))
}

func (t *sourceTree) zipFiles(m sourceModule) []modzip.File {
	var list []modzip.File
	hasLicense := false
	for _, name := range t.files {
		inside, ok := m.contains(name)
		if !ok || t.isInner(m, name) {
			continue
		}
		hasLicense = hasLicense || inside == "LICENSE"
		list = append(list, zipFile{inside, filepath.Join(t.dir, filepath.FromSlash(name))})
	}
	if !hasLicense && slices.Contains(t.files, "LICENSE") {
		list = append(list, zipFile{"LICENSE", filepath.Join(t.dir, "LICENSE")})
	}
	return list
}

// contains returns a file's name relative to the module's folder.
func (m sourceModule) contains(name string) (inside string, ok bool) {
	if m.isRoot() {
		return name, true
	}
	return strings.CutPrefix(name, m.folder+"/")
}

// isInner reports whether a file belongs to a module inside m.
func (t *sourceTree) isInner(m sourceModule, name string) bool {
	return slices.ContainsFunc(t.modules, func(other sourceModule) bool {
		if other.folder == m.folder {
			return false
		}
		if _, inM := m.contains(other.folder + "/"); !inM {
			return false
		}
		_, inOther := other.contains(name)
		return inOther && !other.isRoot()
	})
}

// zipFile is a file of a module.
type zipFile struct{ inside, name string }

func (f zipFile) Path() string                 { return f.inside }
func (f zipFile) Lstat() (os.FileInfo, error)  { return os.Lstat(f.name) }
func (f zipFile) Open() (io.ReadCloser, error) { return os.Open(f.name) }

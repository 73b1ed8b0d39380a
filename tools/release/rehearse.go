// The rehearsal: a stranger takes every module from a proxy, without this repository.

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

// releaseRehearsal takes the modules of a tree as they would be tagged.
type releaseRehearsal struct {
	tree *sourceTree
	work string // where everything happens; "": a temporary folder
	out  io.Writer
}

// programsFolder holds programs that use the modules as strangers do. Each has the
// modules that it needs in a comment: // needs: . outbox/boltstore
const programsFolder = "tools/release/testdata/programs"

func (r releaseRehearsal) run() (err error) {
	if r.work == "" {
		if r.work, err = os.MkdirTemp("", "rehearsal-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, removeCache(r.work)) }()
	}
	version, err := r.tree.version()
	if err != nil {
		return err
	}
	proxy := filepath.Join(r.work, "proxy")
	if err := r.tree.addToProxy(proxy); err != nil {
		return err
	}
	c := moduleConsumer{root: r.tree.root().path, work: r.work, proxy: proxy, out: r.out}
	for _, m := range r.tree.releasedModules() {
		if err := r.take(&c, m, "v"+version); err != nil {
			return fmt.Errorf("%s at v%s: %w", m.path, version, err)
		}
	}
	if err := r.runPrograms(&c, "v"+version); err != nil {
		return err
	}
	return r.upgrade(&c, version)
}

// take gets one module in an empty folder, and builds all of its packages.
func (r releaseRehearsal) take(c *moduleConsumer, m sourceModule, version string) error {
	began := time.Now()
	packages, commands := r.tree.packagesOf(m)
	if len(packages) > 0 {
		dir, err := c.newModule(m.takenIn())
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "main.go"), importAll(packages), 0o644); err != nil {
			return err
		}
		if err := c.goDo(dir, "get", m.path+"@"+version); err != nil {
			return err
		}
		if err := c.isClean(dir); err != nil {
			return err
		}
		if err := c.goDo(dir, "mod", "tidy"); err != nil {
			return err
		}
		if err := c.goDo(dir, "vet", "."); err != nil {
			return err
		}
		if err := c.isAt(dir, version); err != nil {
			return err
		}
	}
	for _, command := range commands {
		if err := c.goDo(c.work, "install", command+"@"+version); err != nil {
			return err
		}
		if err := c.saysVersion(path.Base(command), version); err != nil {
			return err
		}
	}
	fmt.Fprintf(r.out, "%-50s %d packages, %d commands, %.1f s\n", m.path, len(packages), len(commands), time.Since(began).Seconds())
	return nil
}

// takenIn returns the folder of the stranger's module that takes m.
func (m sourceModule) takenIn() string {
	if m.isRoot() {
		return "take-root"
	}
	return "take-" + strings.ReplaceAll(m.folder, "/", "-")
}

// packagesOf lists the packages of a module that others may import, and its programs.
func (t *sourceTree) packagesOf(m sourceModule) (packages, commands []string) {
	for _, f := range t.zipFiles(m) {
		inside := f.Path()
		folder := path.Dir(inside)
		if path.Ext(inside) != ".go" || strings.HasSuffix(inside, "_test.go") || isPrivate(folder) {
			continue
		}
		name := path.Join(m.path, folder)
		list := &packages
		if isProgram(f.(zipFile).name) {
			list = &commands
		}
		if !slices.Contains(*list, name) {
			*list = append(*list, name)
		}
	}
	packages = slices.DeleteFunc(packages, func(name string) bool { return slices.Contains(commands, name) })
	return packages, slices.DeleteFunc(commands, func(name string) bool { return m.isRoot() || name != m.path })
}

// isPrivate reports whether the packages of a folder are not for others.
func isPrivate(folder string) bool {
	for _, part := range strings.Split(folder, "/") {
		if part == "internal" || part == "testdata" || part == "bench" || part == "examples" || strings.HasPrefix(part, "_") {
			return true
		}
	}
	return false
}

func isProgram(name string) bool {
	data, err := os.ReadFile(name)
	return err == nil && (bytes.HasPrefix(data, []byte("package main\n")) || bytes.Contains(data, []byte("\npackage main\n")))
}

func importAll(packages []string) []byte {
	var b bytes.Buffer
	b.WriteString("package main\n\nimport (\n")
	for _, name := range packages {
		fmt.Fprintf(&b, "\t_ %q\n", name)
	}
	b.WriteString(")\n\nfunc main() {}\n")
	return b.Bytes()
}

// runPrograms builds and runs the programs that use the modules.
func (r releaseRehearsal) runPrograms(c *moduleConsumer, version string) error {
	entries, err := os.ReadDir(filepath.Join(r.tree.dir, filepath.FromSlash(programsFolder)))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := r.runProgram(c, e.Name(), version); err != nil {
			return fmt.Errorf("%s: %w", e.Name(), err)
		}
	}
	return nil
}

func (r releaseRehearsal) runProgram(c *moduleConsumer, name, version string) error {
	began := time.Now()
	source := filepath.Join(r.tree.dir, filepath.FromSlash(programsFolder), name, "main.go")
	data, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	dir, err := c.newModule("program-" + name)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), data, 0o644); err != nil {
		return err
	}
	for _, folder := range neededModules(data) {
		if err := c.goDo(dir, "get", path.Join(c.root, folder)+"@"+version); err != nil {
			return err
		}
	}
	if err := c.goDo(dir, "mod", "tidy"); err != nil {
		return err
	}
	if err := c.isClean(dir); err != nil {
		return err
	}
	if err := c.goDo(dir, "run", "."); err != nil {
		return err
	}
	fmt.Fprintf(r.out, "%-50s ran, %.1f s\n", name, time.Since(began).Seconds())
	return nil
}

// neededModules reads the comment of a program that says what it needs.
func neededModules(source []byte) []string {
	for line := range strings.Lines(string(source)) {
		if list, found := strings.CutPrefix(line, "// needs: "); found {
			return strings.Fields(list)
		}
	}
	return nil
}

// upgrade makes a second version on top, and lets everybody take it.
func (r releaseRehearsal) upgrade(c *moduleConsumer, version string) error {
	next, err := nextPatch(version)
	if err != nil {
		return err
	}
	copied, err := r.tree.copyTo(filepath.Join(r.work, "next"))
	if err != nil {
		return err
	}
	if err := copied.setVersion(next, time.Now(), io.Discard); err != nil {
		return err
	}
	if err := copied.addToProxy(c.proxy); err != nil {
		return err
	}
	c.isUpgrade = true
	for _, m := range copied.releasedModules() {
		if err := c.upgrade(m, "v"+next); err != nil {
			return err
		}
	}
	fmt.Fprintf(r.out, "go get -u, and go get of each module @patch, take v%s\n", next)
	return nil
}

// upgrade takes the second version of a module in both ways that docs/versions.md names.
func (c *moduleConsumer) upgrade(m sourceModule, version string) error {
	dir := filepath.Join(c.work, m.takenIn())
	if !isFolder(dir) {
		return nil // it has commands alone
	}
	before, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return err
	}
	patch := []string{"get", c.root + "@patch"}
	if !m.isRoot() {
		patch = append(patch, m.path+"@patch")
	}
	for _, get := range [][]string{patch, {"get", "-u", m.path}} {
		if err := os.WriteFile(filepath.Join(dir, "go.mod"), before, 0o644); err != nil {
			return err
		}
		if err := c.goDo(dir, get...); err != nil {
			return err
		}
		if err := c.isAt(dir, version); err != nil {
			return fmt.Errorf("go %s: %w", strings.Join(get, " "), err)
		}
	}
	if err := c.goDo(dir, "mod", "tidy"); err != nil {
		return err
	}
	return c.goDo(dir, "build", ".")
}

func nextPatch(version string) (string, error) {
	core, _, _ := strings.Cut(version, "-")
	at := strings.LastIndexByte(core, '.')
	var patch int
	if _, err := fmt.Sscanf(core[at+1:], "%d", &patch); err != nil || !semver.IsValid("v"+version) {
		return "", fmt.Errorf("%s is not a version", version)
	}
	return fmt.Sprintf("%s.%d", core[:at], patch+1), nil
}

// copyTo copies what a commit of the tree would have, with work on the next version.
func (t *sourceTree) copyTo(dir string) (*sourceTree, error) {
	for _, name := range t.files {
		data, err := os.ReadFile(filepath.Join(t.dir, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		if name == changelogFile && !bytes.Contains(data, []byte("## ["+unreleasedText+"]")) {
			at := versionHeading.FindIndex(data)
			data = slices.Concat(data[:at[0]], []byte("## ["+unreleasedText+"]\n\n- The next version.\n\n"), data[at[0]:])
		}
		target := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(target, data, 0o644); err != nil {
			return nil, err
		}
	}
	if err := exec.Command("git", "init", "-q", dir).Run(); err != nil {
		return nil, err
	}
	return openTree(dir)
}

// moduleConsumer is a stranger's machine: empty caches, and a proxy in front.
type moduleConsumer struct {
	root  string // the path of the root module
	work  string
	proxy string
	out   io.Writer

	isUpgrade bool // of other people's modules, it knows what it has taken
}

// newModule makes an empty folder with a go.mod.
func (c *moduleConsumer) newModule(name string) (dir string, err error) {
	dir = filepath.Join(c.work, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return dir, c.goDo(dir, "mod", "init", "example.com/"+name)
}

// goDo runs the go command in a folder.
func (c *moduleConsumer) goDo(dir string, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	env, err := c.environment()
	if err != nil {
		return err
	}
	cmd.Env = env
	text, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, bytes.TrimSpace(text))
	}
	return nil
}

// environment has caches of its own. What this machine has downloaded before serves
// as a proxy, too, so that only the first run needs the network.
func (c *moduleConsumer) environment() ([]string, error) {
	proxies, err := goEnv("GOPROXY")
	if err != nil {
		return nil, err
	}
	cache, err := goEnv("GOMODCACHE")
	if err != nil {
		return nil, err
	}
	absolute, err := filepath.Abs(c.proxy)
	if err != nil {
		return nil, err
	}
	work, err := filepath.Abs(c.work)
	if err != nil {
		return nil, err
	}
	list := "file://" + filepath.ToSlash(absolute)
	if c.isUpgrade { // what others release meanwhile is not ours to test
		list += ",file://" + filepath.ToSlash(filepath.Join(work, "modules", "cache", "download"))
	}
	if known := filepath.Join(cache, "cache", "download"); isFolder(known) {
		list += ",file://" + filepath.ToSlash(known)
	}
	bin := filepath.Join(work, "bin")
	return append(os.Environ(),
		"PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"),
		"GOPROXY="+list+","+proxies,
		"GONOSUMDB="+c.root+","+c.root+"/*", "GONOPROXY=", "GOPRIVATE=",
		"GOMODCACHE="+filepath.Join(work, "modules"),
		"GOBIN="+bin,
		"GOFLAGS=-modcacherw -trimpath", "GOWORK=off",
	), nil
}

// saysVersion runs an installed command, which must know its version.
func (c *moduleConsumer) saysVersion(command, version string) error {
	text, err := exec.Command(filepath.Join(c.work, "bin", command), "version").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s version: %w\n%s", command, err, bytes.TrimSpace(text))
	}
	if !bytes.Contains(text, []byte(version)) {
		return fmt.Errorf("%s version says %q, and not %s", command, bytes.TrimSpace(text), version)
	}
	return nil
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

func goEnv(name string) (string, error) {
	text, err := exec.Command("go", "env", name).Output()
	return strings.TrimSpace(string(text)), err
}

// isClean refuses a go.mod with a replace.
func (c *moduleConsumer) isClean(dir string) error {
	file, err := readGoMod(dir)
	if err != nil {
		return err
	}
	if len(file.Replace) > 0 {
		return fmt.Errorf("go.mod has a replace: %s", file.Replace[0].Old.Path)
	}
	return nil
}

// isAt wants every module of the repository that a go.mod requires at one version.
func (c *moduleConsumer) isAt(dir, version string) error {
	file, err := readGoMod(dir)
	if err != nil {
		return err
	}
	found := false
	for _, r := range file.Require {
		if r.Mod.Path != c.root && !strings.HasPrefix(r.Mod.Path, c.root+"/") {
			continue
		}
		found = true
		if r.Mod.Version != version {
			return fmt.Errorf("%s is at %s, and not at %s", r.Mod.Path, r.Mod.Version, version)
		}
	}
	if !found {
		return errors.New("no module of the repository is required")
	}
	return nil
}

func readGoMod(dir string) (*modfile.File, error) {
	name := filepath.Join(dir, "go.mod")
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return modfile.Parse(name, data, nil)
}

// removeCache removes a folder with a module cache, whose files may be read-only.
func removeCache(dir string) error {
	_ = filepath.Walk(dir, func(name string, info os.FileInfo, err error) error {
		if err == nil && info.IsDir() {
			_ = os.Chmod(name, 0o755)
		}
		return nil
	})
	return os.RemoveAll(dir)
}

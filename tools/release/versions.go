// Versions: where they are written, and whether they agree.

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

// The files that name the version, beside those of the modules.
const (
	agentFile     = "options.go"
	changelogFile = "CHANGELOG.md"
)

var (
	agentVersion   = regexp.MustCompile(`(?m)^const sdkVersion = "([^"]*)"$`)
	newestHeading  = regexp.MustCompile(`(?m)^## \[([^\]]*)\](?: - (\S+))?$`)
	unreleasedText = "Unreleased"
)

// version returns the version in the User-Agent, without the v.
func (t *sourceTree) version() (string, error) {
	data, err := os.ReadFile(filepath.Join(t.dir, agentFile))
	if err != nil {
		return "", err
	}
	match := agentVersion.FindSubmatch(data)
	if match == nil {
		return "", fmt.Errorf(`%s has no line const sdkVersion = "..."`, agentFile)
	}
	return string(match[1]), nil
}

// check returns an error that names everything that disagrees with the User-Agent.
func (t *sourceTree) check() error {
	version, err := t.version()
	if err != nil {
		return err
	}
	if err := checkVersion(version); err != nil {
		return fmt.Errorf("%s: %w", agentFile, err)
	}
	var mistakes []error
	for _, m := range t.modules {
		mistakes = append(mistakes, t.checkModule(m, "v"+version)...)
	}
	mistakes = append(mistakes, t.checkChangelog(version))
	return errors.Join(mistakes...)
}

// checkModule checks what a module requires of the others.
func (t *sourceTree) checkModule(m sourceModule, version string) []error {
	name := filepath.ToSlash(filepath.Join(m.folder, "go.mod"))
	var mistakes []error
	for _, r := range m.file.Require {
		if t.has(r.Mod.Path) && r.Mod.Version != version {
			mistakes = append(mistakes, fmt.Errorf("%s requires %s at %s, and the User-Agent says %s; run release -set %s",
				name, r.Mod.Path, r.Mod.Version, version[1:], version[1:]))
		}
	}
	if !m.released {
		return mistakes
	}
	for _, r := range m.file.Replace {
		switch {
		case !t.has(r.Old.Path):
			mistakes = append(mistakes, fmt.Errorf("%s replaces %s, which an importer would not; require the version that is needed", name, r.Old.Path))
		case m.isCommand(t):
			mistakes = append(mistakes, fmt.Errorf("%s replaces %s, so go install refuses it; use the go.work beside it", name, r.Old.Path))
		}
	}
	if !strings.HasPrefix(m.path, t.root().path) {
		mistakes = append(mistakes, fmt.Errorf("%s is named %s; its path must begin with %s", name, m.path, t.root().path))
	}
	return mistakes
}

// isCommand reports whether the module's folder itself is a program to install.
func (m sourceModule) isCommand(t *sourceTree) bool {
	data, err := os.ReadFile(filepath.Join(t.dir, filepath.FromSlash(m.folder), "main.go"))
	return err == nil && strings.Contains(string(data), "\npackage main\n")
}

// checkChangelog wants the newest heading to be the version, or work on the next one.
func (t *sourceTree) checkChangelog(version string) error {
	heading, _, err := t.newestHeading()
	if err == nil && heading != version && heading != unreleasedText {
		err = fmt.Errorf("the newest heading of %s is [%s], and the User-Agent says %s", changelogFile, heading, version)
	}
	return err
}

func (t *sourceTree) newestHeading() (heading string, data []byte, err error) {
	data, err = os.ReadFile(filepath.Join(t.dir, changelogFile))
	if err != nil {
		return "", nil, err
	}
	match := newestHeading.FindSubmatch(data)
	if match == nil {
		return "", nil, fmt.Errorf("%s has no heading such as ## [%s]", changelogFile, unreleasedText)
	}
	return string(match[1]), data, nil
}

// setVersion writes a version everywhere, and says what remains to be done.
func (t *sourceTree) setVersion(version string, now time.Time, out io.Writer) error {
	if err := checkVersion(version); err != nil {
		return err
	}
	before, err := t.version()
	if err != nil {
		return err
	}
	if semver.Compare("v"+version, "v"+before) < 0 {
		return fmt.Errorf("%s is older than %s, which the User-Agent says", version, before)
	}
	heading, changes, err := t.newestHeading()
	if err != nil {
		return err
	}
	if heading != unreleasedText && heading != version {
		return fmt.Errorf("%s has no heading [%s]; write down what changed since %s", changelogFile, unreleasedText, heading)
	}
	for _, m := range t.modules {
		if err := t.setModule(m, "v"+version); err != nil {
			return err
		}
	}
	if err := t.rewrite(agentFile, agentVersion, fmt.Sprintf("const sdkVersion = %q", version)); err != nil {
		return err
	}
	if heading == unreleasedText {
		place := newestHeading.FindIndex(changes)
		dated := fmt.Sprintf("## [%s] - %s", version, now.Format(time.DateOnly))
		changes = []byte(string(changes[:place[0]]) + dated + string(changes[place[1]:]))
		if err := os.WriteFile(filepath.Join(t.dir, changelogFile), changes, 0o644); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "All say %s. Run .ci/run, commit, and set these tags, in order:\n\n", version)
	return t.printTags(out)
}

func (t *sourceTree) setModule(m sourceModule, version string) error {
	for _, r := range m.file.Require {
		if !t.has(r.Mod.Path) {
			continue
		}
		if err := m.file.AddRequire(r.Mod.Path, version); err != nil {
			return err
		}
	}
	m.file.Cleanup()
	return os.WriteFile(filepath.Join(t.dir, filepath.FromSlash(m.folder), "go.mod"), modfile.Format(m.file.Syntax), 0o644)
}

// rewrite replaces the one match of a pattern in a file.
func (t *sourceTree) rewrite(name string, pattern *regexp.Regexp, text string) error {
	name = filepath.Join(t.dir, name)
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return os.WriteFile(name, pattern.ReplaceAllLiteral(data, []byte(text)), 0o644)
}

// printTags lists the tags of the version, in the order in which they are set: nobody
// can take a module before what it requires is there.
func (t *sourceTree) printTags(out io.Writer) error {
	version, err := t.version()
	if err != nil {
		return err
	}
	for _, m := range t.releasedModules() {
		fmt.Fprintln(out, "git tag -s", m.tag("v"+version))
	}
	return nil
}

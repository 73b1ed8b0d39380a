// Versions: where they are written, and whether they agree.

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
	versionHeading = regexp.MustCompile(`(?m)^## \[([^\]]*)\](?: - (\d{4}-\d\d-\d\d))?$`)
	unreleasedText = "Unreleased"
)

// version returns the version in the User-Agent, without the v.
func (t *sourceTree) version() (string, error) {
	data, err := os.ReadFile(filepath.Join(t.dir, agentFile))
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%s has no %s; give the folder of the root module: -C DIR", t.dir, agentFile)
	}
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
	mistakes = append(mistakes, t.checkChangelog(version)...)
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
		case r.New.Path == "..": // some tools take it for the name of a module
			mistakes = append(mistakes, fmt.Errorf("%s replaces %s by .. ; write ../", name, r.Old.Path))
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

// versionLog is what the headings of the CHANGELOG say.
type versionLog struct {
	text     string
	versions []changelogVersion // the newest first
}

// changelogVersion is a heading, and what stands below it.
type changelogVersion struct {
	name, date string
	from, to   int // where the heading is
	isEmpty    bool
}

func (t *sourceTree) readChangelog() (*versionLog, error) {
	data, err := os.ReadFile(filepath.Join(t.dir, changelogFile))
	if err != nil {
		return nil, err
	}
	log := &versionLog{text: string(data)}
	places := versionHeading.FindAllStringSubmatchIndex(log.text, -1)
	if places == nil {
		return nil, fmt.Errorf("%s has no heading such as ## [%s]", changelogFile, unreleasedText)
	}
	for i, at := range places {
		v := changelogVersion{name: log.text[at[2]:at[3]], from: at[0], to: at[1]}
		if at[4] >= 0 {
			v.date = log.text[at[4]:at[5]]
		}
		end := len(log.text)
		if i+1 < len(places) {
			end = places[i+1][0]
		}
		v.isEmpty = !strings.Contains(log.text[at[1]:end], "\n- ") && !strings.Contains(log.text[at[1]:end], "\n* ")
		log.versions = append(log.versions, v)
	}
	return log, nil
}

func (l *versionLog) newest() changelogVersion { return l.versions[0] }

// has reports whether a version has a heading.
func (l *versionLog) has(version string) bool {
	return slices.ContainsFunc(l.versions, func(v changelogVersion) bool { return v.name == version })
}

// checkChangelog wants the newest heading to be the version, or work on the next one.
func (t *sourceTree) checkChangelog(version string) []error {
	log, err := t.readChangelog()
	if err != nil {
		return []error{err}
	}
	var mistakes []error
	if newest := log.newest(); newest.name != version && newest.name != unreleasedText {
		mistakes = append(mistakes, fmt.Errorf("the newest heading of %s is [%s], and the User-Agent says %s", changelogFile, newest.name, version))
	}
	known := map[string]bool{}
	for _, v := range log.versions {
		switch {
		case known[v.name]:
			mistakes = append(mistakes, fmt.Errorf("%s has the heading [%s] twice", changelogFile, v.name))
		case v.name != unreleasedText && v.date == "":
			mistakes = append(mistakes, fmt.Errorf("%s has no date at the heading [%s]; write ## [%s] - 2026-01-31", changelogFile, v.name, v.name))
		}
		known[v.name] = true
	}
	return mistakes
}

// released returns the CHANGELOG with the newest heading as that of a version: it is
// [Unreleased], a candidate of the version, or the version already.
func (l *versionLog) released(version string, now time.Time) (string, error) {
	newest := l.newest()
	switch {
	case newest.name == version:
		return l.text, nil
	case newest.name != unreleasedText && !strings.HasPrefix(newest.name, version+"-"):
		return "", fmt.Errorf("%s has no heading [%s]; write down what changed since %s", changelogFile, unreleasedText, newest.name)
	case newest.isEmpty:
		return "", fmt.Errorf("%s says nothing below [%s]; write down what changed, as a list", changelogFile, newest.name)
	case l.has(version):
		return "", fmt.Errorf("%s has %s already; give the version that comes after it", changelogFile, version)
	}
	return l.text[:newest.from] + fmt.Sprintf("## [%s] - %s", version, now.Format(time.DateOnly)) + l.text[newest.to:], nil
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
	log, err := t.readChangelog()
	if err != nil {
		return err
	}
	changes, err := log.released(version, now)
	if err != nil {
		return err
	}
	for _, m := range t.modules {
		if err := t.setModule(m, "v"+version); err != nil {
			return err
		}
	}
	if err := t.rewrite(agentFile, agentVersion, fmt.Sprintf("const sdkVersion = %q", version)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(t.dir, changelogFile), []byte(changes), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(out, "All say %s. Run .ci/run, commit, and set these tags, in order:\n\n", version)
	t.printTags(version, out)
	return nil
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

// tags lists the tags of the version, if everything agrees that it is to be released.
func (t *sourceTree) tags(out io.Writer) error {
	if err := t.check(); err != nil {
		return err
	}
	version, err := t.version()
	if err != nil {
		return err
	}
	log, err := t.readChangelog()
	if err != nil {
		return err
	}
	if log.newest().name == unreleasedText {
		return fmt.Errorf("%s has [%s] on top, and the User-Agent says %s; run release -set with the next version", changelogFile, unreleasedText, version)
	}
	t.printTags(version, out)
	return nil
}

// mostPushed is how many tags are pushed at once: GitHub starts no workflow for more than
// three.
const mostPushed = 3

// printTags lists the tags of the version, in the order in which they are set: nobody
// can take a module before what it requires is there. The root's is pushed alone, because
// its workflow makes the release.
func (t *sourceTree) printTags(version string, out io.Writer) {
	var tags []string
	for _, m := range t.releasedModules() {
		tags = append(tags, m.tag("v"+version))
	}
	for _, tag := range tags {
		fmt.Fprintln(out, "git tag -s", tag)
	}
	fmt.Fprintln(out, "\ngit push origin", tags[0])
	for some := range slices.Chunk(tags[1:], mostPushed) {
		fmt.Fprintln(out, "git push origin", strings.Join(some, " "))
	}
}

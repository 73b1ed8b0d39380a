package main

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// smallTree has a root, a store that uses it, a command that uses both, and an example
// that nobody releases.
var smallTree = map[string]string{
	"go.mod":                   "module example.com/base\n\ngo 1.26\n",
	"options.go":               "package root\n\nconst sdkVersion = \"0.1.0\"\n\n// Old is old.\nfunc Old() string { return sdkVersion }\n",
	"CHANGELOG.md":             "# Changelog\n\n## [Unreleased]\n\n- more\n\n## [0.1.0] - 2026-01-02\n\n- all\n",
	"LICENSE":                  "free\n",
	"store/go.mod":             "module example.com/base/store\n\ngo 1.26\n\nrequire example.com/base v0.1.0\n\nreplace example.com/base => ../\n",
	"store/store.go":           "package store\n\nimport \"example.com/base\"\n\n// Get gets.\nfunc Get() string { return root.Old() }\n",
	"store/bench/main.go":      "package main\n\nfunc main() {}\n",
	"cmd/tool/go.mod":          "module example.com/base/cmd/tool\n\ngo 1.26\n\nrequire (\n\texample.com/base v0.1.0\n\texample.com/base/store v0.1.0\n)\n",
	"cmd/tool/main.go":         "// Command tool.\npackage main\n\nimport (\n\t\"fmt\"\n\n\t\"example.com/base/store\"\n)\n\nfunc main() { fmt.Println(\"v\" + store.Get()) }\n",
	"examples/a/go.mod":        "module example.com/base/examples/a\n\ngo 1.26\n\nrequire example.com/base v0.1.0\n\nreplace example.com/base => ../..\n",
	"examples/a/main.go":       "package main\n\nfunc main() {}\n",
	"internal/secret/code.go":  "package secret\n",
	"tools/release/readme.txt": "no module\n",
}

// newTree writes a repository, with changes to smallTree: "" removes a file.
func newTree(t *testing.T, changes map[string]string) *sourceTree {
	t.Helper()
	dir := t.TempDir()
	write := func(files map[string]string) {
		for name, text := range files {
			target := filepath.Join(dir, filepath.FromSlash(name))
			require.NoError(t, os.MkdirAll(filepath.Dir(target), 0o755))
			if text == "" {
				require.NoError(t, os.Remove(target))
				continue
			}
			require.NoError(t, os.WriteFile(target, []byte(text), 0o644))
		}
	}
	write(smallTree)
	write(changes)
	require.NoError(t, exec.Command("git", "init", "-q", dir).Run())
	tree, err := openTree(dir)
	require.NoError(t, err)
	return tree
}

func (t *sourceTree) read(tb testing.TB, name string) string {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join(t.dir, filepath.FromSlash(name)))
	require.NoError(tb, err)
	return string(data)
}

func TestModulesComeAfterWhatTheyRequire(t *testing.T) {
	t.Parallel()
	var folders []string
	for _, m := range newTree(t, nil).modules {
		folders = append(folders, m.folder)
	}
	require.Equal(t, []string{".", "store", "cmd/tool", "examples/a"}, folders)
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		changes map[string]string
		want    []string // "" if all is well
	}{
		"all agree":        {nil, nil},
		"at the release":   {map[string]string{"CHANGELOG.md": "## [0.1.0] - 2026-01-02\n"}, nil},
		"an older require": {map[string]string{"store/go.mod": "module example.com/base/store\n\ngo 1.26\n\nrequire example.com/base v0.0.9\n"}, []string{"store/go.mod requires example.com/base at v0.0.9, and the User-Agent says 0.1.0; run release -set 0.1.0"}},
		"an example's, too": {map[string]string{"examples/a/go.mod": "module example.com/base/examples/a\n\nrequire example.com/base v0.0.0\n"}, []string{
			"examples/a/go.mod requires example.com/base at v0.0.0",
		}},
		"everything at once": {map[string]string{"options.go": "package root\n\nconst sdkVersion = \"0.2.0\"\n", "CHANGELOG.md": "## [0.1.0] - 2026-01-02\n"}, []string{
			"store/go.mod requires", "cmd/tool/go.mod requires example.com/base at", "cmd/tool/go.mod requires example.com/base/store at", "examples/a/go.mod requires",
			"the newest heading of CHANGELOG.md is [0.1.0], and the User-Agent says 0.2.0",
		}},
		"a command that replaces": {map[string]string{"cmd/tool/go.mod": smallTree["cmd/tool/go.mod"] + "\nreplace example.com/base => ../..\n"}, []string{"cmd/tool/go.mod replaces example.com/base, so go install refuses it; use the go.work beside it"}},
		"a foreign replace":       {map[string]string{"store/go.mod": smallTree["store/go.mod"] + "\nreplace example.com/other => ../other\n"}, []string{"store/go.mod replaces example.com/other, which an importer would not; require the version that is needed"}},
		"a foreign path":          {map[string]string{"store/go.mod": "module example.org/store\n", "cmd/tool/go.mod": "module example.com/base/cmd/tool\n"}, []string{"store/go.mod is named example.org/store; its path must begin with example.com/base"}},
		"no version":              {map[string]string{"options.go": "package root\n"}, []string{`options.go has no line const sdkVersion = "..."`}},
		"a wrong version":         {map[string]string{"options.go": "package root\n\nconst sdkVersion = \"next\"\n"}, []string{`options.go: "next" is not a version; give one such as 0.2.0`}},
		"a bare folder":           {map[string]string{"store/go.mod": strings.ReplaceAll(smallTree["store/go.mod"], "=> ../", "=> ..")}, []string{"store/go.mod replaces example.com/base by .. ; write ../"}},
		"a heading twice":         {map[string]string{"CHANGELOG.md": "## [0.1.0] - 2026-01-02\n\n## [0.1.0] - 2026-01-01\n"}, []string{"CHANGELOG.md has the heading [0.1.0] twice"}},
		"a heading without a day": {map[string]string{"CHANGELOG.md": "## [0.1.0]\n"}, []string{"CHANGELOG.md has no date at the heading [0.1.0]; write ## [0.1.0] - 2026-01-31"}},
		"no heading":              {map[string]string{"CHANGELOG.md": "# Changelog\n"}, []string{"CHANGELOG.md has no heading such as ## [Unreleased]"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := newTree(t, test.changes).check()
			if test.want == nil {
				require.NoError(t, err)
				return
			}
			require.Len(t, strings.Split(err.Error(), "\n"), len(test.want), err)
			for _, text := range test.want {
				require.ErrorContains(t, err, text)
			}
		})
	}
}

func TestSetWritesEveryVersion(t *testing.T) {
	t.Parallel()
	tree := newTree(t, nil)
	var out bytes.Buffer
	require.NoError(t, runRelease([]string{"-C", tree.dir, "-set", "0.2.0"}, &out, io.Discard))
	require.Contains(t, out.String(), "git tag -s v0.2.0\ngit tag -s store/v0.2.0\ngit tag -s cmd/tool/v0.2.0\n\ngit push origin v0.2.0\ngit push origin store/v0.2.0 cmd/tool/v0.2.0\n")
	require.NotContains(t, out.String(), "examples")
	require.Contains(t, tree.read(t, "options.go"), `const sdkVersion = "0.2.0"`)
	require.Contains(t, tree.read(t, "cmd/tool/go.mod"), "example.com/base/store v0.2.0")
	require.Contains(t, tree.read(t, "examples/a/go.mod"), "example.com/base v0.2.0")
	require.Contains(t, tree.read(t, "store/go.mod"), "replace example.com/base => ../")
	require.Regexp(t, `(?m)^## \[0\.2\.0\] - \d{4}-\d\d-\d\d$`, tree.read(t, "CHANGELOG.md"))
	require.Contains(t, tree.read(t, "CHANGELOG.md"), "## [0.1.0] - 2026-01-02")

	again, err := openTree(tree.dir)
	require.NoError(t, err)
	require.NoError(t, again.check())
	before := tree.read(t, "CHANGELOG.md")
	require.NoError(t, runRelease([]string{"-C", tree.dir, "-set", "0.2.0"}, io.Discard, io.Discard), "the same again changes nothing")
	require.Equal(t, before, tree.read(t, "CHANGELOG.md"))
}

func TestSetRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ version, changelog, want string }{
		"an older version":  {"0.0.9", "", "0.0.9 is older than 0.1.0, which the User-Agent says"},
		"a tag":             {"v0.2.0", "", `"v0.2.0" is not a version; give one such as 0.2.0`},
		"text":              {"next", "", `"next" is not a version`},
		"build data":        {"0.2.0+b", "", `"0.2.0+b" is not a version`},
		"another path":      {"2.0.0", "", `"2.0.0" would need /v2 at the end of every module's path; give a version below 2.0.0`},
		"a known version":   {"0.1.0", "", "CHANGELOG.md has 0.1.0 already; give the version that comes after it"},
		"an empty list":     {"0.2.0", "## [Unreleased]\n\n### Added\n\n## [0.1.0] - 2026-01-02\n\n- all\n", "CHANGELOG.md says nothing below [Unreleased]; write down what changed, as a list"},
		"nothing to report": {"0.2.0", "## [0.1.0] - 2026-01-02\n", "CHANGELOG.md has no heading [Unreleased]; write down what changed since 0.1.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changes := map[string]string{}
			if test.changelog != "" {
				changes["CHANGELOG.md"] = test.changelog
			}
			tree := newTree(t, changes)
			require.ErrorContains(t, runRelease([]string{"-C", tree.dir, "-set", test.version}, io.Discard, io.Discard), test.want)
			require.Equal(t, smallTree["options.go"], tree.read(t, "options.go"), "nothing is written")
			require.Equal(t, smallTree["store/go.mod"], tree.read(t, "store/go.mod"))
		})
	}
}

func TestACandidateBecomesTheRelease(t *testing.T) {
	t.Parallel()
	tree := newTree(t, nil)
	for _, version := range []string{"0.2.0-rc.1", "0.2.0-rc.2", "0.2.0"} {
		if version == "0.2.0-rc.2" { // something changed since
			text := strings.Replace(tree.read(t, "CHANGELOG.md"), "## [0.2.0-rc.1]", "## [Unreleased]\n\n- a fix\n\n## [0.2.0-rc.1]", 1)
			require.NoError(t, os.WriteFile(filepath.Join(tree.dir, "CHANGELOG.md"), []byte(text), 0o644))
		}
		require.NoError(t, runRelease([]string{"-C", tree.dir, "-set", version}, io.Discard, io.Discard))
		require.NoError(t, runRelease([]string{"-C", tree.dir, "-check"}, io.Discard, io.Discard))
		require.Contains(t, tree.read(t, "CHANGELOG.md"), "## ["+version+"] - ")
	}
	require.NotContains(t, tree.read(t, "CHANGELOG.md"), "rc.2")
	require.Contains(t, tree.read(t, "CHANGELOG.md"), "rc.1", "what it says stays")
}

func TestTags(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		changes map[string]string
		want    string // the error
	}{
		"of a release":      {map[string]string{"CHANGELOG.md": "## [0.1.0] - 2026-01-02\n"}, ""},
		"beside work":       {nil, "CHANGELOG.md has [Unreleased] on top, and the User-Agent says 0.1.0; run release -set with the next version"},
		"that do not agree": {map[string]string{"CHANGELOG.md": "## [0.2.0] - 2026-01-02\n"}, "the newest heading of CHANGELOG.md is [0.2.0]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			err := runRelease([]string{"-C", newTree(t, test.changes).dir, "-tags"}, &out, io.Discard)
			if test.want != "" {
				require.ErrorContains(t, err, test.want)
				require.Empty(t, out.String())
				return
			}
			require.NoError(t, err)
			require.Equal(t, "git tag -s v0.1.0\ngit tag -s store/v0.1.0\ngit tag -s cmd/tool/v0.1.0\n\ngit push origin v0.1.0\ngit push origin store/v0.1.0 cmd/tool/v0.1.0\n", out.String())
		})
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	var usage usageError
	for _, args := range [][]string{{}, {"-check", "-tags"}, {"-check", "0.2.0"}, {"-unknown"}} {
		require.ErrorAs(t, runRelease(args, io.Discard, io.Discard), &usage, args)
	}
	require.ErrorContains(t, runRelease([]string{"-C", t.TempDir(), "-check"}, io.Discard, io.Discard), "git ls-files")
	require.ErrorContains(t, runRelease([]string{"-C", filepath.Join(newTree(t, nil).dir, "store"), "-check"}, io.Discard, io.Discard), "store has no options.go; give the folder of the root module: -C DIR")
}

func TestZipsHaveTheirOwnFilesAndTheLicense(t *testing.T) {
	t.Parallel()
	tree := newTree(t, nil)
	proxy := t.TempDir()
	require.NoError(t, tree.addToProxy(proxy))
	require.NoError(t, tree.addToProxy(proxy), "a second time changes nothing")
	for name, want := range map[string][]string{
		"example.com/base/@v/v0.1.0.zip":          {"CHANGELOG.md", "LICENSE", "go.mod", "internal/secret/code.go", "options.go", "tools/release/readme.txt"},
		"example.com/base/store/@v/v0.1.0.zip":    {"LICENSE", "bench/main.go", "go.mod", "store.go"},
		"example.com/base/cmd/tool/@v/v0.1.0.zip": {"LICENSE", "go.mod", "main.go"},
	} {
		archive, err := zip.OpenReader(filepath.Join(proxy, filepath.FromSlash(name)))
		require.NoError(t, err)
		var files []string
		for _, f := range archive.File {
			_, inside, found := strings.Cut(f.Name, "@v0.1.0/")
			require.True(t, found)
			files = append(files, inside)
		}
		require.NoError(t, archive.Close())
		require.ElementsMatch(t, want, files, name)
	}
	list, err := os.ReadFile(filepath.Join(proxy, "example.com", "base", "@v", "list"))
	require.NoError(t, err)
	require.Equal(t, "v0.1.0\n", string(list))
	require.NoDirExists(t, filepath.Join(proxy, "example.com", "base", "examples"))
}

func TestAStrangerTakesEveryModule(t *testing.T) {
	t.Parallel()
	tree := newTree(t, nil)
	var out bytes.Buffer
	require.NoError(t, releaseRehearsal{tree: tree, out: &out}.run())
	require.Regexp(t, `example\.com/base/store +1 packages, 0 commands`, out.String())
	require.Regexp(t, `example\.com/base/cmd/tool +0 packages, 1 commands`, out.String())
	require.Contains(t, out.String(), "go get -u, and go get of each module @patch, take v0.1.1")
}

func TestAProgramRuns(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ main, want string }{
		"that passes": {"func main() { println(store.Get()) }", ""},
		"that fails":  {"func main() { println(store.Get()); os.Exit(1) }", "program: go run .: exit status 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := "// needs: store\npackage main\n\nimport (\n\t\"os\"\n\n\t\"example.com/base/store\"\n)\n\nvar _ = os.Exit\n\n" + test.main + "\n"
			var out bytes.Buffer
			err := releaseRehearsal{tree: newTree(t, map[string]string{programsFolder + "/program/main.go": source}), out: &out}.run()
			if test.want != "" {
				require.ErrorContains(t, err, test.want)
				return
			}
			require.NoError(t, err)
			require.Regexp(t, `program +ran`, out.String())
		})
	}
}

func TestACommandMustKnowItsVersion(t *testing.T) {
	t.Parallel()
	tree := newTree(t, map[string]string{"cmd/tool/main.go": "package main\n\nimport _ \"example.com/base/store\"\n\nfunc main() { println(\"(devel)\") }\n"})
	require.ErrorContains(t, releaseRehearsal{tree: tree, out: io.Discard}.run(), `tool version says "(devel)", and not v0.1.0`)
}

// TestARootThatLacksWhatAModuleUses has a first release, and a store that uses what
// came after it but still asks for the first.
func TestARootThatLacksWhatAModuleUses(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	require.NoError(t, newTree(t, nil).addToProxy(filepath.Join(work, "proxy")))
	next := map[string]string{
		"options.go":      "package root\n\nconst sdkVersion = \"0.2.0\"\n\n// New is new.\nfunc New() string { return sdkVersion }\n",
		"store/store.go":  "package store\n\nimport \"example.com/base\"\n\n// Get gets.\nfunc Get() string { return root.New() }\n",
		"cmd/tool/go.mod": strings.ReplaceAll(smallTree["cmd/tool/go.mod"], "v0.1.0", "v0.2.0"),
	}
	err := releaseRehearsal{tree: newTree(t, next), work: work, out: io.Discard}.run()
	require.ErrorContains(t, err, "example.com/base/store at v0.2.0")
	require.ErrorContains(t, err, "undefined: root.New")
	require.NoError(t, removeCache(work))
}

package trackdrive_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// TestTheMapOfFoldersIsTrue checks the map in CONTRIBUTING.md against the tree.
func TestTheMapOfFoldersIsTrue(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("CONTRIBUTING.md")
	require.NoError(t, err)
	mistakes, err := checkFolderMap(string(text), os.DirFS("."))
	require.NoError(t, err)
	require.Empty(t, mistakes)
}

func TestMistakesInAMapOfFolders(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{
		"root.go":                 goFile(t, "internal/one", "fmt"),
		"root_test.go":            goFile(t, "fake", "internal/help"),
		"internal/one/a.go":       goFile(t, "strings"),
		"internal/help/a.go":      goFile(t, ""),
		"fake/a.go":               goFile(t, ""),
		"fake/testdata/a/a.go":    goFile(t, "internal/help"),
		".hidden/a.go":            goFile(t, "internal/help"),
		"examples/sell/a.go":      goFile(t, "", "fake"),
		"examples/sell/a_test.go": goFile(t, "fake", "examples/sell"),
		"examples/list/b/a.go":    goFile(t, "", "examples/sell"),
		"docs/text.md":            &fstest.MapFile{},
	}
	const correct = `
.              the client        fake internal/help examples/...
internal/one   one               .
internal/help  for tests         tests
fake           a fake            examples/...
examples/...   programs to read  nobody
`
	with := func(name string, imports ...string) fstest.MapFS {
		changed := maps.Clone(tree)
		changed[name] = goFile(t, imports...)
		return changed
	}
	tests := map[string]struct {
		folders string
		tree    fs.FS
		want    []string
	}{
		"none": {correct, tree, nil},
		"several folders in a line": {
			strings.Replace(correct, "internal/one   one               .\n", "internal/one, docs  one, and words  .\n", 1), tree, nil,
		},
		"a folder without a line":       {correct, with("internal/two/a.go"), []string{"internal/two has no line"}},
		"a folder with tests only":      {correct, with("internal/two/a_test.go"), []string{"internal/two has no line"}},
		"a line without a folder":       {correct + "internal/two  two  .\n", tree, []string{"internal/two is not a folder"}},
		"a line without folders below":  {correct + "internal/two/...  two  .\n", tree, []string{"internal/two/... is not a folder"}},
		"a file instead of a folder":    {correct + "root.go  code  .\n", tree, []string{"root.go is not a folder"}},
		"a folder with two lines":       {correct + "fake  once more  nobody\n", tree, []string{"fake has two lines"}},
		"an importer that is missing":   {strings.Replace(correct, "fake internal", "fake feke internal", 1), tree, []string{"feke is not a folder"}},
		"a line without importers":      {correct + "docs  words\n", tree, []string{`"docs  words" has 2 columns; want folders, what lives there, and importers, with two blanks between`}},
		"an import that is not allowed": {correct, with("fake/b.go", "internal/one"), []string{"fake imports internal/one, which the map leaves to: ."}},
		"an import of the root by an internal package": {
			correct, with("internal/one/b.go", ""), []string{"internal/one imports ., which the map leaves to: fake internal/help examples/..."},
		},
		"code that imports what is for tests": {
			correct, with("b.go", "internal/help"), []string{". imports internal/help, which the map leaves to: tests"},
		},
		"tests that import what is for nobody": {
			correct, with("b_test.go", "examples/sell"), []string{". imports examples/sell, which the map leaves to: nobody"},
		},
		"tests of an example that import more": {
			correct, with("examples/sell/b_test.go", "internal/help"), []string{"examples/sell imports internal/help, which the map leaves to: tests"},
		},
		"tests that import more": {correct, with("fake/b_test.go", "internal/one"), nil},
		"an import of a folder without a line": {
			strings.Replace(correct, "internal/one   one               .\n", "", 1), tree, []string{"internal/one has no line"},
		},
		"21 lines": {
			correct + strings.Repeat("docs  words  nobody\n", 16), tree,
			append([]string{"the map has 21 lines; at most 20 may"}, slices.Repeat([]string{"docs has two lines"}, 15)...),
		},
		"20 lines": {correct + strings.Repeat("docs  words  nobody\n", 15), tree, slices.Repeat([]string{"docs has two lines"}, 14)},
		"no map":   {"", fstest.MapFS{}, []string{"the map is empty"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mistakes, err := checkFolderMap("# Title\n```sh\nls\n```\n"+folderHeading+"\nText.\n```text\n"+tt.folders+"```\n", tt.tree)
			require.NoError(t, err)
			require.ElementsMatch(t, tt.want, mistakes)
		})
	}
}

// goFile makes a file that imports folders of this project, or of the standard
// library.
func goFile(t *testing.T, imports ...string) *fstest.MapFile {
	t.Helper()
	source := "package a\n"
	for _, folder := range imports {
		if folder != "fmt" && folder != "strings" {
			folder = path.Join(modulePath, folder)
		}
		source += "import _ " + strconv.Quote(folder) + "\n"
	}
	return &fstest.MapFile{Data: []byte(source)}
}

const (
	modulePath     = "github.com/trackdrive-go/trackdrive"
	folderHeading  = "## Where things live\n"
	maxFolderLines = 20
)

// A folderLine is one line of the map.
type folderLine struct {
	folders   []string
	importers []string
}

func (l folderLine) has(folder string) bool {
	return slices.ContainsFunc(l.folders, func(pattern string) bool { return matchFolder(pattern, folder) })
}

// allows reports whether a folder may import those of the line.
func (l folderLine) allows(importer string, isTest bool) bool {
	return l.has(importer) ||
		isTest && !matchFolder("examples/...", importer) && !slices.Equal(l.importers, []string{"nobody"}) ||
		slices.ContainsFunc(l.importers, func(pattern string) bool { return matchFolder(pattern, importer) })
}

// matchFolder knows the patterns of the go command: "a/..." is a and all below.
func matchFolder(pattern, folder string) bool {
	above, isTree := strings.CutSuffix(pattern, "/...")
	return folder == above || isTree && strings.HasPrefix(folder, above+"/")
}

// A folderMap is the map in CONTRIBUTING.md.
type folderMap struct {
	lines    []folderLine
	mistakes []string
}

func (m *folderMap) report(format string, args ...any) {
	m.mistakes = append(m.mistakes, fmt.Sprintf(format, args...))
}

// lineOf returns the line that names the folder, else the one with the longest
// pattern that covers it.
func (m *folderMap) lineOf(folder string) (line folderLine, ok bool) {
	longest := 0
	for _, candidate := range m.lines {
		for _, pattern := range candidate.folders {
			switch {
			case pattern == folder:
				return candidate, true
			case matchFolder(pattern, folder) && len(pattern) > longest:
				line, ok, longest = candidate, true, len(pattern)
			}
		}
	}
	return line, ok
}

func checkFolderMap(text string, tree fs.FS) (mistakes []string, err error) {
	m := readFolderMap(text)
	m.checkNames(tree)
	imports, err := importsByFolder(tree)
	if err != nil {
		return nil, err
	}
	for _, folder := range slices.Sorted(maps.Keys(imports)) {
		if _, ok := m.lineOf(folder); !ok {
			m.report("%s has no line", folder)
		}
		m.checkImports(folder, imports[folder])
	}
	return m.mistakes, nil
}

func readFolderMap(text string) *folderMap {
	_, text, _ = strings.Cut(text, folderHeading)
	_, text, _ = strings.Cut(text, "```text\n")
	text, _, _ = strings.Cut(text, "```")
	text = strings.TrimSpace(text)
	var m folderMap
	if text == "" {
		m.report("the map is empty")
		return &m
	}
	lines := strings.Split(text, "\n")
	if len(lines) > maxFolderLines {
		m.report("the map has %d lines; at most %d may", len(lines), maxFolderLines)
	}
	for _, line := range lines {
		columns := slices.DeleteFunc(strings.Split(line, "  "), func(column string) bool { return strings.TrimSpace(column) == "" })
		if len(columns) != 3 {
			m.report("%q has %d columns; want folders, what lives there, and importers, with two blanks between", line, len(columns))
			continue
		}
		m.lines = append(m.lines, folderLine{strings.Split(columns[0], ", "), strings.Fields(columns[2])})
	}
	return &m
}

// checkNames looks for names of folders that are missing, or that have two lines.
func (m *folderMap) checkNames(tree fs.FS) {
	seen := make(map[string]bool)
	for _, line := range m.lines {
		for _, pattern := range line.folders {
			m.checkFolder(tree, pattern)
			if seen[pattern] {
				m.report("%s has two lines", pattern)
			}
			seen[pattern] = true
		}
		for _, pattern := range line.importers {
			if pattern != "tests" && pattern != "nobody" {
				m.checkFolder(tree, pattern)
			}
		}
	}
}

func (m *folderMap) checkFolder(tree fs.FS, pattern string) {
	info, err := fs.Stat(tree, strings.TrimSuffix(pattern, "/..."))
	if err != nil || !info.IsDir() {
		m.report("%s is not a folder", pattern)
	}
}

func (m *folderMap) checkImports(folder string, imports []folderImport) {
	for _, i := range imports {
		line, ok := m.lineOf(i.folder)
		if ok && i.folder != folder && !line.allows(folder, i.inTest) {
			m.report("%s imports %s, which the map leaves to: %s", folder, i.folder, strings.Join(line.importers, " "))
		}
	}
}

// A folderImport is an import of another folder of the project.
type folderImport struct {
	folder string
	inTest bool
}

// importsByFolder returns all folders with Go code, but for testdata, and which
// others they import.
func importsByFolder(tree fs.FS) (map[string][]folderImport, error) {
	all := make(map[string][]folderImport)
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".")):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		imports, err := importsOf(tree, name)
		folder := path.Dir(name)
		all[folder] = append(all[folder], imports...)
		return err
	})
	return all, err
}

func importsOf(tree fs.FS, name string) ([]folderImport, error) {
	source, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	var imports []folderImport
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		if folder, ok := strings.CutPrefix(imported+"/", modulePath+"/"); ok {
			imports = append(imports, folderImport{path.Clean(folder), strings.HasSuffix(name, "_test.go")})
		}
	}
	return imports, nil
}

// TestTheDocumentsNameTestsThatExist looks for each test that a document names as
// evidence.
func TestTheDocumentsNameTestsThatExist(t *testing.T) {
	t.Parallel()
	names := make(map[string]string)
	for _, page := range []string{"CONTRIBUTING.md", "SECURITY.md", "docs/delivery.md", "docs/outbox.md", "docs/receive.md", "docs/sales.md"} {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, name := range regexp.MustCompile(`\bTest[A-Z][A-Za-z0-9]*`).FindAllString(string(text), -1) {
			names[name] = page
		}
	}
	require.Greater(t, len(names), 10)
	require.NoError(t, filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for name := range names {
			if strings.Contains(string(source), "func "+name+"(") {
				delete(names, name)
			}
		}
		return err
	}))
	require.Empty(t, names, "a document names a test that does not exist")
}

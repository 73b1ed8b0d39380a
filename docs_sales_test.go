package trackdrive_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/sales"
)

func salesPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("docs/sales.md")
	require.NoError(t, err)
	return string(page)
}

// TestTheSalesPagesCodeRuns looks for each block of the page's Go code, in one piece,
// in the examples of package sales, whose output is checked.
func TestTheSalesPagesCodeRuns(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("sales/example*_test.go")
	require.NoError(t, err)
	requireInOnePiece(t, salesPage(t), files...)
}

// requireInOnePiece looks for each block of a page's Go code in one of the files. How
// its lines are indented does not matter.
func requireInOnePiece(t *testing.T, page string, files ...string) {
	t.Helper()
	var compiled strings.Builder
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		compiled.WriteString(unindented(string(source)))
	}
	blocks := blocksOf(page, "go")
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		require.Contains(t, compiled.String(), "\n"+unindented(block), "not in one piece in %v", files)
	}
}

// unindented returns a text without what begins and ends its lines.
func unindented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String()
}

func TestTheSalesPageHasEveryErrorAndEvent(t *testing.T) {
	t.Parallel()
	page := salesPage(t)
	names := exportedValues(t, "sales")
	for prefix, headers := range map[string][]string{
		"Err":   {"| result of `Auction`, `Post` | what it means | what to do |", "| other errors | what it means | what to do |"},
		"Event": {"| event | what it means | what to do |"},
	} {
		first := firstCells(t, page, headers...)
		found := 0
		for _, name := range names {
			if strings.HasPrefix(name, prefix) {
				require.Contains(t, first, name)
				found++
			}
		}
		require.GreaterOrEqual(t, found, 6, prefix)
	}
}

func TestTheSalesPageHasEveryState(t *testing.T) {
	t.Parallel()
	rows := rowsOf(t, salesPage(t), "| state | what it means | what to do |")
	require.Len(t, rows, reflect.TypeFor[sales.Counts]().NumField()-1, "Counts has all of them, and Oldest")
	for _, row := range rows {
		require.True(t, sales.State(row[0]).IsKnown(), row[0])
	}
}

func TestTheSalesPageHasEveryFieldOfTheConfiguration(t *testing.T) {
	t.Parallel()
	var fields []string
	for f := range reflect.TypeFor[sales.Config]().Fields() {
		fields = append(fields, f.Name)
	}
	var shown []string
	for _, row := range rowsOf(t, salesPage(t), "| field | default | meaning |") {
		shown = append(shown, row[0])
	}
	require.Equal(t, fields, shown)
}

// firstCells returns the first cells of all rows of the tables with these headers.
func firstCells(t *testing.T, page string, headers ...string) string {
	t.Helper()
	var cells []string
	for _, header := range headers {
		for _, row := range rowsOf(t, page, header) {
			cells = append(cells, row[0])
		}
	}
	return strings.Join(cells, "\n")
}

// exportedValues returns the names of a package's exported constants and variables.
func exportedValues(t *testing.T, folder string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	require.NoError(t, err)
	for _, name := range slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, "_test.go") }) {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		for _, d := range file.Decls {
			decl, isGroup := d.(*ast.GenDecl)
			if !isGroup {
				continue
			}
			for _, spec := range decl.Specs {
				if values, isValue := spec.(*ast.ValueSpec); isValue && values.Names[0].IsExported() {
					names = append(names, values.Names[0].Name)
				}
			}
		}
	}
	return names
}

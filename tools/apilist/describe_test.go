package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLines(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		source string
		want   []string
	}{
		"constants have their type and value, also where they are implied": {
			"type Kind int\nconst (\n\tOne Kind = iota + 1\n\tTwo\n)\nconst Name = \"acme\"",
			[]string{"const Name untyped string = \"acme\"", "const One Kind = 1", "const Two Kind = 2", "type Kind int"},
		},
		"variables have their type, also where it is inferred": {
			"type fault struct{}\nfunc (*fault) Error() string { return \"\" }\nvar ErrA error = &fault{}\nvar ErrB = &fault{}",
			[]string{"var ErrA error", "var ErrB *fault"},
		},
		"functions and methods": {
			"type T struct{}\nfunc New(a, b string, more ...int) (*T, error) { return nil, nil }\nfunc (t *T) Do() {}\nfunc (t T) Get() int { return 0 }",
			[]string{"func New(a string, b string, more ...int) (*T, error)", "method (*T) Do()", "method (T) Get() int", "type T struct"},
		},
		"fields with their tags": {
			"type Base struct{}\ntype T struct {\n\tBase\n\tA, B int `json:\"a\"`\n\tc int\n}",
			[]string{"field T.A int `json:\"a\"`", "field T.B int `json:\"a\"`", "field T.Base Base (embedded)", "type Base struct", "type T struct"},
		},
		"interfaces": {
			"type I interface {\n\tDo(n int) error\n\thidden()\n\talso()\n}",
			[]string{"method (I) Do(n int) error", "method (I) with an unexported name", "type I interface"},
		},
		"other types": {
			"type Option func(*settings)\ntype settings struct{}\ntype Text = string\ntype List[T any] []T",
			[]string{"type List[T any] []T", "type Option func(*settings)", "type Text = string"},
		},
		"nothing unexported": {
			"type t struct{ A int }\nfunc (t) Do() {}\nfunc f() {}\nconst c = 1\nvar v int",
			nil,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, "a.go", "package a\n"+tt.source, 0)
			require.NoError(t, err)
			pkg, err := new(types.Config).Check("a", fset, []*ast.File{file}, nil)
			require.NoError(t, err)
			require.Equal(t, tt.want, describePackage(pkg))
		})
	}
}

func TestListOfDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, lines ...string) {
		text := strings.Join(lines, "\n")
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("go.mod", "module example.com/a", "", "go 1.26")
	write("a.go", "package a", `import "time"`, "func Wait(d time.Duration) {}")
	write("a_test.go", "package a", "func Unseen() {}")

	lines, err := listAPI(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"func Wait(d time.Duration)"}, lines)

	write("b.go", "package a", "var broken int = true")
	_, err = listAPI(dir)
	require.ErrorContains(t, err, "b.go:2")
}

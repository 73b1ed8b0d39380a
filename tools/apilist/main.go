// Command apilist prints the exported API of the package in a directory, one
// declaration a line, sorted: what must not change by accident.
//
//	apilist DIR
package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: apilist DIR")
		os.Exit(2)
	}
	lines, err := list(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, line := range lines {
		fmt.Println(line)
	}
}

func list(dir string) ([]string, error) {
	matches, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var l lister
	for _, path := range matches {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return nil, err
		}
		for _, d := range f.Decls {
			l.declaration(d)
		}
	}
	slices.Sort(l.lines)
	return l.lines, nil
}

type lister struct{ lines []string }

func (l *lister) add(format string, args ...any) {
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *lister) declaration(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		l.function(d)
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				l.typeSpec(s)
			case *ast.ValueSpec:
				for _, name := range s.Names {
					if name.IsExported() {
						l.add("%s %s %s", d.Tok, name.Name, text(s.Type))
					}
				}
			}
		}
	}
}

func (l *lister) function(d *ast.FuncDecl) {
	signature := strings.TrimPrefix(text(d.Type), "func")
	switch {
	case !d.Name.IsExported():
	case d.Recv == nil:
		l.add("func %s%s", d.Name.Name, signature)
	default:
		receiver := text(d.Recv.List[0].Type)
		if ast.IsExported(strings.TrimPrefix(receiver, "*")) {
			l.add("method (%s) %s%s", receiver, d.Name.Name, signature)
		}
	}
}

func (l *lister) typeSpec(s *ast.TypeSpec) {
	if !s.Name.IsExported() {
		return
	}
	switch t := s.Type.(type) {
	case *ast.StructType:
		l.add("type %s struct", s.Name.Name)
		for _, f := range t.Fields.List {
			tag := ""
			if f.Tag != nil {
				tag = " " + f.Tag.Value
			}
			for _, name := range f.Names {
				if name.IsExported() {
					l.add("field %s.%s %s%s", s.Name.Name, name.Name, text(f.Type), tag)
				}
			}
		}
	case *ast.InterfaceType:
		l.add("type %s interface", s.Name.Name)
		for _, m := range t.Methods.List {
			for _, name := range m.Names {
				if name.IsExported() {
					l.add("method (%s) %s%s", s.Name.Name, name.Name, strings.TrimPrefix(text(m.Type), "func"))
				}
			}
		}
	default:
		l.add("type %s %s", s.Name.Name, text(s.Type))
	}
}

// text prints a node on one line.
func text(node ast.Expr) string {
	if node == nil {
		return ""
	}
	var b bytes.Buffer
	if err := printer.Fprint(&b, token.NewFileSet(), node); err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

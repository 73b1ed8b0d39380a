// Command doccheck fails when an exported identifier has no comment, or an
// exported function or method no runnable example. The methods of enumerations
// that give and read their names need no example.
//
//	doccheck [-examples] DIR...
package main

import (
	"flag"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	examples := flag.Bool("examples", false, "fail for missing examples, too")
	flag.Parse()
	bad := 0
	for _, dir := range flag.Args() {
		r, err := checkDir(dir)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		for _, name := range r.undocumented {
			fmt.Printf("%s: %s has no comment\n", filepath.Base(dir), name)
			bad++
		}
		fmt.Printf("%s: %d functions and methods have no example\n", filepath.Base(dir), len(r.unexampled))
		if *examples {
			for _, name := range r.unexampled {
				fmt.Printf("%s: %s has no example\n", filepath.Base(dir), name)
				bad++
			}
		}
	}
	if bad > 0 {
		os.Exit(1)
	}
}

// docReport is what a package lacks.
type docReport struct{ undocumented, unexampled []string }

func checkDir(dir string) (docReport, error) {
	fset := token.NewFileSet()
	matches, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return docReport{}, err
	}
	var files []*ast.File
	examples := map[string]bool{}
	for _, path := range matches {
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			return docReport{}, err
		}
		if !strings.HasSuffix(path, "_test.go") {
			files = append(files, f)
			continue
		}
		for _, e := range doc.Examples(f) {
			if e.Output != "" || e.EmptyOutput {
				examples[e.Name] = true
			}
		}
	}
	p, err := doc.NewFromFiles(fset, files, dir)
	if err != nil {
		return docReport{}, err
	}
	c := docChecker{examples: examples}
	c.pkg(p)
	return c.docReport, nil
}

type docChecker struct {
	docReport
	examples map[string]bool
}

func (c *docChecker) pkg(p *doc.Package) {
	if p.Doc == "" {
		c.undocumented = append(c.undocumented, "package "+p.Name)
	}
	c.values(p.Consts)
	c.values(p.Vars)
	for _, f := range p.Funcs {
		c.function("", f, false)
	}
	for _, t := range p.Types {
		if t.Doc == "" {
			c.undocumented = append(c.undocumented, t.Name)
		}
		c.fields(t)
		c.values(t.Consts)
		c.values(t.Vars)
		for _, f := range t.Funcs {
			c.function("", f, false)
		}
		isEnumeration := len(t.Consts) > 0
		for _, m := range t.Methods {
			if m.Level == 0 {
				c.function(t.Name, m, isEnumeration && isNaming[m.Name])
			}
		}
	}
}

// isNaming has the methods that give and read the name of a constant.
var isNaming = map[string]bool{"String": true, "MarshalText": true, "UnmarshalText": true}

func (c *docChecker) function(receiver string, f *doc.Func, needsNoExample bool) {
	name, example := f.Name, f.Name
	if receiver != "" {
		name, example = receiver+"."+f.Name, receiver+"_"+f.Name
	}
	if f.Doc == "" {
		c.undocumented = append(c.undocumented, name)
	}
	if !needsNoExample && !c.hasExample(example) {
		c.unexampled = append(c.unexampled, name)
	}
}

// hasExample finds an example of this name, or with a suffix in lower case.
func (c *docChecker) hasExample(name string) bool {
	for given := range c.examples {
		rest, found := strings.CutPrefix(given, name)
		if found && (rest == "" || len(rest) > 1 && rest[0] == '_' && strings.ToLower(rest[1:2]) == rest[1:2]) {
			return true
		}
	}
	return false
}

// values wants a comment for each group, or for each name in it.
func (c *docChecker) values(list []*doc.Value) {
	for _, v := range list {
		for _, spec := range v.Decl.Specs {
			s := spec.(*ast.ValueSpec)
			if v.Doc != "" || s.Doc != nil || s.Comment != nil {
				continue
			}
			for _, name := range s.Names {
				if name.IsExported() {
					c.undocumented = append(c.undocumented, name.Name)
				}
			}
		}
	}
}

// fields wants a comment for each exported field, and each method of an
// interface, but for those whose name and type say all.
func (c *docChecker) fields(t *doc.Type) {
	for _, spec := range t.Decl.Specs {
		var list *ast.FieldList
		switch s := spec.(*ast.TypeSpec).Type.(type) {
		case *ast.StructType:
			list = s.Fields
		case *ast.InterfaceType:
			list = s.Methods
		default:
			continue
		}
		for _, f := range list.List {
			if f.Doc != nil || f.Comment != nil {
				continue
			}
			for _, name := range f.Names {
				if name.IsExported() && !slices.Contains(plainFields, t.Name+"."+name.Name) {
					c.undocumented = append(c.undocumented, t.Name+"."+name.Name)
				}
			}
		}
	}
}

// plainFields are fields that their type's comment explains.
var plainFields = []string{
	"Authenticator.Authenticate", "FieldError.Message", "UpdateCallResponse.Meta", "PingResponse.Meta", "PostResponse.Meta",
	"LeadResponse.Meta", "WebhookResult.Meta",
}

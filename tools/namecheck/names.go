// The rules for names.

package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/tools/go/packages"
)

// A nameReport is what namecheck finds in packages.
type nameReport struct {
	names     int // unexported, at package level
	bareWords int
	hiding    int
	findings  []nameFinding
}

type nameFinding struct {
	place   token.Position
	message string
}

func (r *nameReport) add(other nameReport) {
	r.names += other.names
	r.bareWords += other.bareWords
	r.hiding += other.hiding
	r.findings = append(r.findings, other.findings...)
}

func (r *nameReport) sorted() []nameFinding {
	return slices.SortedFunc(slices.Values(r.findings), func(a, b nameFinding) int {
		return cmp.Or(
			strings.Compare(a.place.Filename, b.place.Filename),
			cmp.Compare(a.place.Line, b.place.Line),
			cmp.Compare(a.place.Column, b.place.Column),
		)
	})
}

func checkNames(pkg *packages.Package) nameReport {
	var r nameReport
	for _, file := range pkg.Syntax {
		if ast.IsGenerated(file) {
			continue
		}
		for node := range ast.Preorder(file) {
			// The clause "package p" declares no name.
			if ident, ok := node.(*ast.Ident); ok && ident != file.Name {
				r.checkIdent(pkg, ident)
			}
		}
	}
	return r
}

func (r *nameReport) checkIdent(pkg *packages.Package, ident *ast.Ident) {
	object, declared := pkg.TypesInfo.Defs[ident]
	if !declared {
		return
	}
	place := pkg.Fset.PositionFor(ident.Pos(), false)
	scope := pkg.Types.Scope()
	switch {
	case isPackageLevel(object, scope):
		if !isShown(object, scope) {
			r.checkWord(object, place)
		}
	case isLocal(object, scope) && scope.Lookup(ident.Name) != nil:
		r.hiding++
		r.report(place, "local %s hides the package-level %[1]s", ident.Name)
	}
}

func (r *nameReport) checkWord(object types.Object, place token.Position) {
	if object.Exported() {
		return
	}
	r.names++
	if isBareWord(object.Name()) {
		r.bareWords++
		r.report(place, "%s is a bare word; give it a name of two words", object.Name())
	}
}

func (r *nameReport) report(place token.Position, format string, args ...any) {
	r.findings = append(r.findings, nameFinding{place, fmt.Sprintf(format, args...)})
}

// isPackageLevel reports whether an object has a name in the package's scope.
func isPackageLevel(object types.Object, scope *types.Scope) bool {
	return object != nil && object.Parent() == scope
}

// isShown reports whether an unexported type is a parameter or a result of an
// exported function type. The documentation shows its name, so renaming it would
// change the API's text.
func isShown(object types.Object, scope *types.Scope) bool {
	for _, name := range scope.Names() {
		exported, isType := scope.Lookup(name).(*types.TypeName)
		if !isType || !exported.Exported() {
			continue
		}
		signature, isFunc := exported.Type().Underlying().(*types.Signature)
		if isFunc && (mentionsType(signature.Params(), object) || mentionsType(signature.Results(), object)) {
			return true
		}
	}
	return false
}

// mentionsType reports whether one of the variables is of the type that object names,
// or a pointer to it.
func mentionsType(list *types.Tuple, object types.Object) bool {
	for v := range list.Variables() {
		t := v.Type()
		if pointer, isPointer := t.(*types.Pointer); isPointer {
			t = pointer.Elem()
		}
		if named, isNamed := t.(*types.Named); isNamed && named.Obj() == object {
			return true
		}
	}
	return false
}

// isLocal reports whether an object is a variable, a parameter, a result, a
// receiver, a constant or a type in a narrower scope than the package's, where
// it can hide a name. Fields, methods and labels hide none. The compiler knows
// no object for the x of "switch x := y.(type)", but one for each of its cases.
func isLocal(object types.Object, scope *types.Scope) bool {
	switch object := object.(type) {
	case nil:
		return true
	case *types.Var:
		return !object.IsField()
	case *types.Const, *types.TypeName:
		return object.Parent() != scope
	default:
		return false
	}
}

// isBareWord reports whether an unexported name is one word of more than one
// letter. The go command gives main its name, and the language init.
func isBareWord(name string) bool {
	if name == "main" || name == "init" || len([]rune(name)) < 2 {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return r == '_' || unicode.IsUpper(r) || unicode.IsDigit(r)
	})
}

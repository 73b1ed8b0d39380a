// The lines of one package.

package main

import (
	"fmt"
	"go/types"
	"slices"
	"strings"
)

// describePackage gives a line for each exported constant, variable, function and
// type, and for the fields and methods of those types.
func describePackage(pkg *types.Package) []string {
	l := apiLister{own: pkg}
	for _, name := range pkg.Scope().Names() {
		if obj := pkg.Scope().Lookup(name); obj.Exported() {
			l.object(obj)
		}
	}
	slices.Sort(l.lines)
	return slices.Compact(l.lines)
}

type apiLister struct {
	own   *types.Package
	lines []string
}

func (l *apiLister) add(format string, args ...any) {
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *apiLister) object(obj types.Object) {
	switch obj := obj.(type) {
	case *types.Const:
		l.add("const %s %s = %s", obj.Name(), l.text(obj.Type()), obj.Val().ExactString())
	case *types.Var:
		l.add("var %s %s", obj.Name(), l.text(obj.Type()))
	case *types.Func:
		l.add("func %s%s", obj.Name(), l.signature(obj))
	case *types.TypeName:
		l.typeName(obj)
	}
}

func (l *apiLister) typeName(obj *types.TypeName) {
	named, ok := obj.Type().(*types.Named)
	if !ok || obj.IsAlias() {
		l.add("type %s = %s", obj.Name(), l.text(types.Unalias(obj.Type())))
		return
	}
	switch under := named.Underlying().(type) {
	case *types.Struct:
		l.add("type %s struct", l.text(named))
		l.fields(obj.Name(), under)
	case *types.Interface:
		l.add("type %s interface", l.text(named))
		l.interfaceMethods(obj.Name(), under)
	default:
		l.add("type %s %s", l.text(named), l.text(under))
	}
	for method := range named.Methods() {
		if method.Exported() {
			l.add("method (%s) %s%s", l.text(method.Signature().Recv().Type()), method.Name(), l.signature(method))
		}
	}
}

func (l *apiLister) fields(owner string, under *types.Struct) {
	for i := range under.NumFields() {
		field := under.Field(i)
		if !field.Exported() {
			continue
		}
		line := fmt.Sprintf("field %s.%s %s", owner, field.Name(), l.text(field.Type()))
		if field.Embedded() {
			line += " (embedded)"
		}
		if tag := under.Tag(i); tag != "" {
			line += " `" + tag + "`"
		}
		l.lines = append(l.lines, line)
	}
}

// interfaceMethods tells of unexported methods, too: with one of them, other
// packages can not implement the interface.
func (l *apiLister) interfaceMethods(owner string, under *types.Interface) {
	for method := range under.Methods() {
		if method.Exported() {
			l.add("method (%s) %s%s", owner, method.Name(), l.signature(method))
		} else {
			l.add("method (%s) with an unexported name", owner)
		}
	}
}

func (l *apiLister) signature(fn *types.Func) string {
	return strings.TrimPrefix(l.text(fn.Signature()), "func")
}

// text writes a type; those of other packages have the package's name before them.
func (l *apiLister) text(t types.Type) string {
	return types.TypeString(t, func(pkg *types.Package) string {
		if pkg == l.own {
			return ""
		}
		return pkg.Name()
	})
}

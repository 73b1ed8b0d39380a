// The files of a package, and what they use of each other.

package main

import (
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// A fileGraph knows which file of a package uses what is declared in another.
type fileGraph struct {
	name  string
	files []string // base names, sorted
	lines int
	uses  []map[int][]string // uses[a][b] are the names in file b that file a uses, sorted
}

func newFileGraph(pkg *packages.Package) *fileGraph {
	g := &fileGraph{name: pkg.Name}
	numbers := g.addFiles(pkg.Fset, pkg.Syntax)
	for ident, object := range pkg.TypesInfo.Uses {
		if !isShared(pkg.Types, object) {
			continue
		}
		from, to := numbers[pkg.Fset.File(ident.Pos())], numbers[pkg.Fset.File(object.Pos())]
		if from != to {
			g.uses[from][to] = append(g.uses[from][to], nameOf(object))
		}
	}
	for _, targets := range g.uses {
		for to, names := range targets {
			slices.Sort(names)
			targets[to] = slices.Compact(names)
		}
	}
	return g
}

// addFiles returns the number of each file.
func (g *fileGraph) addFiles(fset *token.FileSet, syntax []*ast.File) map[*token.File]int {
	var files []*token.File
	for _, file := range syntax {
		files = append(files, fset.File(file.FileStart))
	}
	slices.SortFunc(files, func(a, b *token.File) int { return strings.Compare(a.Name(), b.Name()) })
	numbers := make(map[*token.File]int)
	for number, file := range files {
		numbers[file] = number
		g.files = append(g.files, filepath.Base(file.Name()))
		g.lines += file.LineCount()
		g.uses = append(g.uses, make(map[int][]string))
	}
	return numbers
}

// isShared reports whether an object is one that files of pkg share: something
// at package level, or a method.
func isShared(pkg *types.Package, object types.Object) bool {
	return object.Pkg() == pkg && (object.Parent() == pkg.Scope() || receiverOf(object) != nil)
}

// receiverOf returns nil for everything but methods.
func receiverOf(object types.Object) *types.Var {
	if fn, ok := object.(*types.Func); ok {
		return fn.Signature().Recv()
	}
	return nil
}

// nameOf puts the type before the name of a method.
func nameOf(object types.Object) string {
	receiver := receiverOf(object)
	if receiver == nil {
		return object.Name()
	}
	owner := receiver.Type()
	if pointer, ok := owner.(*types.Pointer); ok {
		owner = pointer.Elem()
	}
	if named, ok := owner.(*types.Named); ok {
		return named.Obj().Name() + "." + object.Name()
	}
	return object.Name() // a method of an interface without a name
}

func (g *fileGraph) arrows() int {
	total := 0
	for _, targets := range g.uses {
		total += len(targets)
	}
	return total
}

// needs reports whether there is an arrow between two files.
func (g *fileGraph) needs(from, to int) bool { return len(g.uses[from][to]) > 0 }

// namesOf returns the names of files, sorted.
func (g *fileGraph) namesOf(files []int) []string {
	var names []string
	for _, file := range slices.Sorted(slices.Values(files)) {
		names = append(names, g.files[file])
	}
	return names
}

// Circles: Tarjan's strongly connected components.

package main

import (
	"cmp"
	"slices"
)

// circles returns the sets of more than one file that need each other, the
// largest first, each sorted.
func (g *fileGraph) circles() [][]int {
	f := circleFinder{graph: g, seen: make(map[int]int), low: make(map[int]int), open: make(map[int]bool)}
	for file := range g.files {
		if f.seen[file] == 0 {
			f.visit(file)
		}
	}
	slices.SortFunc(f.circles, func(a, b []int) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), slices.Compare(a, b))
	})
	return f.circles
}

type circleFinder struct {
	graph   *fileGraph
	seen    map[int]int // when a file was visited, counted from 1
	low     map[int]int // the earliest visit that a file leads back to
	stack   []int
	open    map[int]bool // whether a file is on the stack
	circles [][]int
}

func (f *circleFinder) visit(file int) {
	f.seen[file] = len(f.seen) + 1
	f.low[file] = f.seen[file]
	f.stack = append(f.stack, file)
	f.open[file] = true
	for to := range f.graph.uses[file] {
		if f.seen[to] == 0 {
			f.visit(to)
			f.low[file] = min(f.low[file], f.low[to])
		} else if f.open[to] {
			f.low[file] = min(f.low[file], f.seen[to])
		}
	}
	if f.low[file] == f.seen[file] {
		f.closeAt(file)
	}
}

// closeAt takes the component of file from the stack.
func (f *circleFinder) closeAt(file int) {
	start := slices.Index(f.stack, file)
	members := slices.Sorted(slices.Values(f.stack[start:]))
	f.stack = f.stack[:start]
	for _, member := range members {
		f.open[member] = false
	}
	if len(members) > 1 {
		f.circles = append(f.circles, members)
	}
}

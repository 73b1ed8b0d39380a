package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// graphOf makes a graph from pairs of files.
func graphOf(files int, arrows ...[2]int) *fileGraph {
	g := &fileGraph{name: "made"}
	for file := range files {
		g.files = append(g.files, strconv.Itoa(file)+".go")
		g.uses = append(g.uses, make(map[int][]string))
	}
	for _, arrow := range arrows {
		g.uses[arrow[0]][arrow[1]] = []string{"name"}
	}
	return g
}

// ringOf makes a graph in which each file needs the next one, and the last one
// the first.
func ringOf(files int) *fileGraph {
	var arrows [][2]int
	for file := range files {
		arrows = append(arrows, [2]int{file, (file + 1) % files})
	}
	return graphOf(files, arrows...)
}

// randomGraph has about one in three of all arrows.
func randomGraph(random *rand.Rand, files int) *fileGraph {
	var arrows [][2]int
	for from := range files {
		for to := range files {
			if from != to && random.IntN(3) == 0 {
				arrows = append(arrows, [2]int{from, to})
			}
		}
	}
	return graphOf(files, arrows...)
}

func TestCircles(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		graph *fileGraph
		want  [][]int
	}{
		"no files":                           {graphOf(0), nil},
		"no arrows":                          {graphOf(3), nil},
		"a chain":                            {graphOf(3, [2]int{0, 1}, [2]int{1, 2}, [2]int{0, 2}), nil},
		"two that share a user":              {graphOf(3, [2]int{2, 0}, [2]int{2, 1}, [2]int{1, 0}), nil},
		"a pair":                             {graphOf(3, [2]int{0, 2}, [2]int{2, 0}, [2]int{1, 0}), [][]int{{0, 2}}},
		"a pair that needs a file before it": {graphOf(3, [2]int{1, 2}, [2]int{2, 1}, [2]int{1, 0}), [][]int{{1, 2}}},
		"a ring":                             {ringOf(5), [][]int{{0, 1, 2, 3, 4}}},
		"two rings that share a file": {
			graphOf(5, [2]int{0, 1}, [2]int{1, 2}, [2]int{2, 0}, [2]int{2, 3}, [2]int{3, 4}, [2]int{4, 2}),
			[][]int{{0, 1, 2, 3, 4}},
		},
		"two rings with an arrow from one to the other, the larger first": {
			graphOf(5, [2]int{0, 1}, [2]int{1, 0}, [2]int{1, 2}, [2]int{2, 3}, [2]int{3, 4}, [2]int{4, 2}),
			[][]int{{2, 3, 4}, {0, 1}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, tt.graph.circles())
		})
	}
}

func TestFewestArrowsBackUp(t *testing.T) {
	t.Parallel()
	complete := func(files int) *fileGraph {
		g := graphOf(files)
		for from := range files {
			for to := range files {
				if from != to {
					g.uses[from][to] = []string{"name"}
				}
			}
		}
		return g
	}
	tests := map[string]struct {
		graph *fileGraph
		want  int
	}{
		"a chain": {graphOf(3, [2]int{2, 1}, [2]int{1, 0}), 0},
		"a ring":  {ringOf(7), 1},
		"the largest ring that is solved exactly":  {ringOf(maxExact), 1},
		"the smallest ring that is searched":       {ringOf(maxExact + 1), 1},
		"a large ring":                             {ringOf(40), 1},
		"all need each other":                      {complete(6), 15},
		"all of many need each other":              {complete(20), 190},
		"two rings that share a file":              {graphOf(5, [2]int{0, 1}, [2]int{1, 2}, [2]int{2, 0}, [2]int{2, 3}, [2]int{3, 4}, [2]int{4, 2}), 2},
		"two rings that share an arrow, to remove": {graphOf(4, [2]int{0, 1}, [2]int{1, 2}, [2]int{2, 0}, [2]int{1, 3}, [2]int{3, 0}), 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := allFiles(tt.graph)
			order := bestOrder(tt.graph, files)
			require.ElementsMatch(t, files, order)
			require.Equal(t, tt.want, upwardArrows(tt.graph, order))
		})
	}
}

func allFiles(g *fileGraph) []int {
	var files []int
	for file := range g.files {
		files = append(files, file)
	}
	return files
}

// TestTheExactOrderIsTheBestOfAll compares with all orders of few files.
func TestTheExactOrderIsTheBestOfAll(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for i := range 60 {
		g := randomGraph(random, 2+i%5)
		files := allFiles(g)
		order := exactOrder(g, files)
		require.ElementsMatch(t, files, order)
		require.Equal(t, fewestOfAll(g, nil, files), upwardArrows(g, order), "%v", g.uses)
	}
}

func fewestOfAll(g *fileGraph, order, rest []int) int {
	if len(rest) == 0 {
		return upwardArrows(g, order)
	}
	fewest := len(g.files) * len(g.files)
	for i, file := range rest {
		others := slices.Delete(slices.Clone(rest), i, i+1)
		fewest = min(fewest, fewestOfAll(g, append(slices.Clone(order), file), others))
	}
	return fewest
}

func TestTheSearchFindsTheBestOrderOfFewFiles(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	for i := range 12 {
		files := 2 + i
		t.Run(fmt.Sprintf("%d files", files), func(t *testing.T) {
			g := randomGraph(random, files)
			found := searchedOrder(g, allFiles(g))
			require.ElementsMatch(t, allFiles(g), found)
			require.Equal(t, upwardArrows(g, exactOrder(g, allFiles(g))), upwardArrows(g, found))
		})
	}
}

// TestTheSearchStartsFromAGoodOrder has graphs that are too large to be solved
// by moving single files.
func TestTheSearchStartsFromAGoodOrder(t *testing.T) {
	t.Parallel()
	shuffled := rand.New(rand.NewPCG(9, 10)).Perm(120)
	var chain [][2]int
	for i := range len(shuffled) - 1 {
		chain = append(chain, [2]int{shuffled[i], shuffled[i+1]})
	}
	ring := append(slices.Clone(chain), [2]int{shuffled[len(shuffled)-1], shuffled[0]})
	tests := map[string]struct {
		graph *fileGraph
		want  int
	}{
		"a chain": {graphOf(len(shuffled), chain...), 0},
		"a ring":  {graphOf(len(shuffled), ring...), 1},
		"a file that nobody needs goes above one that needs many": {
			graphOf(6, [2]int{5, 0}, [2]int{0, 1}, [2]int{0, 2}, [2]int{0, 3}, [2]int{0, 4}, [2]int{1, 0}, [2]int{2, 1}, [2]int{3, 1}, [2]int{4, 1}),
			1,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			order := greedyOrder(tt.graph, allFiles(tt.graph))
			require.ElementsMatch(t, allFiles(tt.graph), order)
			require.Equal(t, tt.want, upwardArrows(tt.graph, order))
		})
	}
}

func TestTheSearchAlwaysFindsTheSameOrder(t *testing.T) {
	t.Parallel()
	g := randomGraph(rand.New(rand.NewPCG(7, 8)), 25)
	require.Equal(t, searchedOrder(g, allFiles(g)), searchedOrder(g, allFiles(g)))
}

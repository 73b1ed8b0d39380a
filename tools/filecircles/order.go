// The order of files in which the fewest arrows run back up.

package main

import (
	"math/bits"
	"math/rand/v2"
	"slices"
)

// maxExact is the number of files up to which all orders are compared.
const maxExact = 16

// bestOrder puts files in an order from top to bottom in which few arrows run
// back up: the fewest for up to maxExact files, else the fewest that a search
// finds.
func bestOrder(g *fileGraph, files []int) []int {
	if len(files) <= maxExact {
		return exactOrder(g, files)
	}
	return searchedOrder(g, files)
}

// upwardArrows counts the arrows from a file to one before it.
func upwardArrows(g *fileGraph, order []int) int {
	total := 0
	for i, from := range order {
		for _, to := range order[:i] {
			if g.needs(from, to) {
				total++
			}
		}
	}
	return total
}

// exactOrder builds the order from the bottom. What a set of files costs as the
// lowest ones does not depend on those above them, so the best order of each
// set follows from those of the sets with one file less.
func exactOrder(g *fileGraph, files []int) []int {
	users := userSets(g, files)
	cost := make([]int, 1<<len(files))
	highest := make([]int, 1<<len(files)) // the file on top in the best order of a set
	for set := 1; set < len(cost); set++ {
		cost[set] = len(files) * len(files)
		for i := range files {
			below := set &^ (1 << i)
			if below == set {
				continue
			}
			if c := cost[below] + bits.OnesCount(uint(users[i]&below)); c < cost[set] {
				cost[set], highest[set] = c, i
			}
		}
	}
	var order []int
	for set := len(cost) - 1; set != 0; set &^= 1 << highest[set] {
		order = append(order, files[highest[set]])
	}
	return order
}

// userSets returns for each file the set of those that need it.
func userSets(g *fileGraph, files []int) []int {
	sets := make([]int, len(files))
	for i, file := range files {
		for j, user := range files {
			if g.needs(user, file) {
				sets[i] |= 1 << j
			}
		}
	}
	return sets
}

// searchedOrder improves an order until no move of one file makes it better,
// then moves some files at random and improves it again. The random moves are
// always the same ones, so the result is, too.
func searchedOrder(g *fileGraph, files []int) []int {
	const rounds = 2000
	random := rand.New(rand.NewPCG(1, 2))
	best := improvedOrder(g, greedyOrder(g, files))
	least := upwardArrows(g, best)
	for range rounds {
		order := slices.Clone(best)
		for range 4 {
			moveFile(order, random.IntN(len(order)), random.IntN(len(order)))
		}
		order = improvedOrder(g, order)
		if total := upwardArrows(g, order); total <= least {
			best, least = order, total
		}
	}
	return best
}

// greedyOrder takes one file after the other from those that are left. One that
// needs none of the others goes to the bottom. If there is none, the one that
// needs the most and is needed by the fewest goes to the top.
func greedyOrder(g *fileGraph, files []int) []int {
	var top, bottom []int
	left := slices.Clone(files)
	for len(left) > 0 {
		next := slices.IndexFunc(left, func(file int) bool { return !needsAny(g, file, left) })
		if next >= 0 {
			bottom = append(bottom, left[next])
		} else {
			next = highestSurplus(g, left)
			top = append(top, left[next])
		}
		left = slices.Delete(left, next, next+1)
	}
	slices.Reverse(bottom)
	return append(top, bottom...)
}

func needsAny(g *fileGraph, file int, others []int) bool {
	return slices.ContainsFunc(others, func(other int) bool { return g.needs(file, other) })
}

// highestSurplus returns the position of the file with the most arrows out, less
// those in. A file that nobody needs comes before all others.
func highestSurplus(g *fileGraph, files []int) int {
	chosen, highest := 0, -len(files)
	for i, file := range files {
		out, in := 0, 0
		for _, other := range files {
			out += oneIf(g.needs(file, other))
			in += oneIf(g.needs(other, file))
		}
		if in == 0 {
			return i
		}
		if out-in > highest {
			chosen, highest = i, out-in
		}
	}
	return chosen
}

// improvedOrder moves single files, each to where it costs the least, as long
// as that makes the order better.
func improvedOrder(g *fileGraph, order []int) []int {
	for improved := true; improved; {
		improved = false
		for _, file := range slices.Clone(order) {
			from := slices.Index(order, file)
			if to := cheapestPlace(g, order, from); to != from {
				moveFile(order, from, to)
				improved = true
			}
		}
	}
	return order
}

// moveFile moves a file within an order, and those between by one.
func moveFile(order []int, from, to int) {
	file := order[from]
	if from < to {
		copy(order[from:to], order[from+1:to+1])
	} else {
		copy(order[to+1:from+1], order[to:from])
	}
	order[to] = file
}

// cheapestPlace returns the place at which the file at from makes the fewest
// arrows run back up, or from if no other is better.
func cheapestPlace(g *fileGraph, order []int, from int) int {
	file, place, least := order[from], from, 0
	change := 0
	for i := from - 1; i >= 0; i-- { // above order[i]
		change += oneIf(g.needs(order[i], file)) - oneIf(g.needs(file, order[i]))
		if change < least {
			place, least = i, change
		}
	}
	change = 0
	for i := from + 1; i < len(order); i++ { // below order[i]
		change += oneIf(g.needs(file, order[i])) - oneIf(g.needs(order[i], file))
		if change < least {
			place, least = i, change
		}
	}
	return place
}

func oneIf(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

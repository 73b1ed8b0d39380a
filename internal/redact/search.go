package redact

// The search for all forms of all secrets at once, in a text with and without its
// escapes.

import "slices"

// maxEscapes is how many levels of nested escapes are searched.
const maxEscapes = 3

// secretSearch searches for secrets. It unescapes a text once for each order of
// kinds of escapes, not for each secret, and only while there are escapes left.
// In each of these views it finds all forms of all secrets in one pass. So its
// time is proportional to the length of the text, even if the text is made of
// near misses.
type secretSearch struct {
	forms formAutomaton
	views [maxEscapes]unescapedView // memory for the views, by depth
	spans []secretSpan
	cut   bool
}

// find returns the places of the secrets, in no order; nil if there are none. The
// list is valid until the next search.
func (s *secretSearch) find(secrets *Secrets, text string, cut bool) []secretSpan {
	s.spans, s.cut = s.spans[:0], cut
	s.look(secrets, &unescapedView{text: []byte(text)}, 0)
	if len(s.spans) == 0 {
		return nil
	}
	return s.spans
}

// look searches a view and the views below it.
func (s *secretSearch) look(secrets *Secrets, v *unescapedView, depth int) {
	s.match(secrets, v)
	if depth == maxEscapes {
		return
	}
	for _, mark := range [...]byte{'%', '\\', '&'} {
		if inner := &s.views[depth]; inner.unescape(v, mark) {
			s.look(secrets, inner, depth+1)
		}
	}
}

// match finds secrets in a view and, at a cut end, their beginnings. The
// automaton only runs where a form starts, and for as long as it is in one.
func (s *secretSearch) match(secrets *Secrets, v *unescapedView) {
	ends := s.ends(v.text)
	first := len(s.spans)
	for at := nextStart(&secrets.starts, v.text, 0); at >= 0; {
		if s.forms.isEmpty() {
			s.forms.build(secrets.list)
		}
		state, depth := int32(0), 0
		for started := at; at < len(v.text) && (depth >= halfSecret || at < started+halfSecret); {
			state = s.forms.next(state, foldPlus(v.text[at]))
			at++
			n := &s.forms.nodes[state]
			depth = int(n.depth)
			if n.match > 0 {
				s.add(first, v.source(at-int(n.match)), v.source(at))
			}
			if depth >= halfSecret && at >= ends[maxEscapes] && slices.Contains(ends[:], at) {
				s.add(first, v.source(at-depth), v.source(len(v.text)))
			}
		}
		if at == len(v.text) {
			return
		}
		at = nextStart(&secrets.starts, v.text, at-depth)
	}
}

// ends returns where a cut text may end: at its end, and before nested escapes
// that were cut. In a text that was not cut, the search reaches none of them.
func (s *secretSearch) ends(text []byte) (ends [1 + maxEscapes]int) {
	if !s.cut {
		return [1 + maxEscapes]int{-1, -1, -1, len(text) + 1}
	}
	ends[0] = len(text)
	for i := range maxEscapes {
		ends[i+1] = ends[i] - cutEscape(text[:ends[i]])
	}
	return ends
}

// add adds a span, or extends the last one of the view if both overlap.
func (s *secretSearch) add(first, start, end int) {
	for len(s.spans) > first {
		last := &s.spans[len(s.spans)-1]
		if start >= last.end {
			break
		}
		start, end = min(start, last.start), max(end, last.end)
		s.spans = s.spans[:len(s.spans)-1]
	}
	s.spans = append(s.spans, secretSpan{start, end})
}

// formAutomaton is a trie of all forms of all secrets, with a link from each node
// to the node of its longest proper suffix (Aho and Corasick, 1975).
type formAutomaton struct {
	nodes []trieNode
	first [256]int32 // the root's children
}

// trieNode stands for a beginning of one or more forms. Node 0, the root,
// stands for the empty one.
type trieNode struct {
	child, sibling int32 // the first child, and the parent's next one
	suffix         int32
	depth          int32 // the length of what the node stands for
	match          int32 // the length of the longest form that ends here; 0 if there is none
	c              byte  // its last byte
}

// nodesPerByte is how many nodes all forms of one byte of a secret need at most.
const nodesPerByte = 44

func (a *formAutomaton) isEmpty() bool { return len(a.nodes) == 0 }

// build makes the automaton for all forms of the secrets.
func (a *formAutomaton) build(secrets []string) {
	total := 0
	for _, secret := range secrets {
		total += len(secret)
	}
	a.nodes = make([]trieNode, 1, 1+nodesPerByte*total)
	var text []byte
	for _, secret := range secrets {
		for _, f := range secretForms {
			text = f.append(text[:0], secret)
			a.insert(text)
		}
	}
	a.link()
}

func (a *formAutomaton) insert(text []byte) {
	var at int32
	for _, c := range text {
		c = foldPlus(c)
		child := a.child(at, c)
		if child == 0 {
			child = int32(len(a.nodes))
			a.nodes = append(a.nodes, trieNode{c: c, depth: a.nodes[at].depth + 1})
			if at == 0 {
				a.first[c] = child
			} else {
				a.nodes[child].sibling, a.nodes[at].child = a.nodes[at].child, child
			}
		}
		at = child
	}
	a.nodes[at].match = a.nodes[at].depth
}

// link sets the links to suffixes, from the root down.
func (a *formAutomaton) link() {
	queue := make([]int32, 0, len(a.nodes))
	for _, child := range a.first {
		if child != 0 {
			queue = append(queue, child)
		}
	}
	for len(queue) > 0 {
		parent := &a.nodes[queue[0]]
		queue = queue[1:]
		for child := parent.child; child != 0; child = a.nodes[child].sibling {
			n := &a.nodes[child]
			n.suffix = a.next(parent.suffix, n.c)
			if n.match == 0 {
				n.match = a.nodes[n.suffix].match
			}
			queue = append(queue, child)
		}
	}
}

// child returns the child of at for c; 0 if there is none.
func (a *formAutomaton) child(at int32, c byte) int32 {
	if at == 0 {
		return a.first[c]
	}
	child := a.nodes[at].child
	for child != 0 && a.nodes[child].c != c {
		child = a.nodes[child].sibling
	}
	return child
}

// next returns the node of the longest suffix of what at stands for and c.
func (a *formAutomaton) next(at int32, c byte) int32 {
	for {
		if child := a.child(at, c); child != 0 || at == 0 {
			return child
		}
		at = a.nodes[at].suffix
	}
}

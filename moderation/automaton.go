package moderation

import (
	"fmt"
	"slices"
)

// Classes of folded runes. Every rune of the alphabet (the runes that occur in entries, and the ASCII letters and digits
// always) has a class of its own.
const (
	classOther uint16 = iota // ends every partial match
	classSkip                // not seen
	classWord                // like classOther, but a letter: no word border beside it
	classFirst               // 0-9, a-z, then the rest
)

// lastWord is the last class of ASCII letters and digits; classWord … lastWord are the runes that words are made of.
const lastWord = classFirst + 36 - 1

func isWord(c uint16) bool { return c-classWord <= lastWord-classWord }

// automaton is an Aho-Corasick automaton over rune classes; its trie is a double array (node n has a child by class c at
// base[n]+c if check there is n). Node 0 is the root.
type automaton struct {
	class  [foldLimit]uint16
	beyond map[rune]uint16 // classes of the alphabet's runes past foldLimit
	table  *[foldLimit]rune
	first  []int32 // child of the root by class; 0 if none
	nodes  []node
	ends   []int32 // entry numbers, grouped by node
}

type node struct {
	base, check, fail int32

	hits  int32 // nearest node on the chain self, fail, fail's fail … at which entries end; 0 if none
	block int32 // nearest node on that chain from which a block-tier entry can still complete; 0 if none

	from, to  int32 // ends[from:to] are the entries that end here
	depth     uint8 // runes from the root
	startWord bool  // first rune is ASCII letter or digit: needs a border before it
	endWord   bool  // last rune is: a hit here waits for the border after it
}

// classOf returns the class of any rune.
func (a *automaton) classOf(r rune) uint16 {
	if uint32(r) < foldLimit {
		return a.class[r]
	}
	f := foldSlow(r)
	if f == skip {
		return classSkip
	}
	if uint32(f) < foldLimit {
		return a.class[f]
	}
	return a.beyond[f]
}

// latinLetter tells the letters, folded, that make words with ASCII letters: ß, ø, đ …
func latinLetter(r rune) bool { return r >= 0xDF && r < 0x250 && r != 0xF7 }

// trieNode is a node while the trie grows; children are sorted by class.
type trieNode struct {
	classes  []uint16
	children []int32
	entries  []int32
	blockEnd bool // a block-tier entry ends here
	blockSub bool // one ends below
}

func build(entries []Entry, texts [][]rune, table *[foldLimit]rune) (*automaton, error) {
	a := &automaton{table: table, beyond: map[rune]uint16{}}
	classes, err := a.classes(texts)
	if err != nil {
		return nil, err
	}
	trie := make([]trieNode, 1, 1024)
	for i, text := range texts {
		at := int32(0)
		for _, r := range text {
			if entries[i].Tier == Block {
				trie[at].blockSub = true
			}
			c := classes[r]
			k, ok := slices.BinarySearch(trie[at].classes, c)
			if !ok {
				trie = append(trie, trieNode{})
				trie[at].classes = slices.Insert(trie[at].classes, k, c)
				trie[at].children = slices.Insert(trie[at].children, k, int32(len(trie)-1))
			}
			at = trie[at].children[k]
		}
		trie[at].entries = append(trie[at].entries, int32(i))
		trie[at].blockEnd = trie[at].blockEnd || entries[i].Tier == Block
	}
	a.place(trie, int(classFirst)+len(classes))
	return a, nil
}

// classes gives every folded rune of the alphabet a class and fills the tables that map any rune to one.
func (a *automaton) classes(texts [][]rune) (map[rune]uint16, error) {
	const last = 1<<16 - 1
	classes := make(map[rune]uint16, 4096)
	for r := '0'; r <= '9'; r++ {
		classes[r] = classFirst + uint16(len(classes))
	}
	for r := 'a'; r <= 'z'; r++ {
		classes[r] = classFirst + uint16(len(classes))
	}
	for _, text := range texts {
		for _, r := range text {
			if _, ok := classes[r]; ok {
				continue
			}
			if int(classFirst)+len(classes) > last {
				return nil, fmt.Errorf("the entries use more than %d different characters", len(classes))
			}
			classes[r] = classFirst + uint16(len(classes))
			if r >= foldLimit {
				a.beyond[r] = classes[r]
			}
		}
	}
	// The folded runes first: foldSlow of a rune past the table may lead here.
	for r := range rune(foldLimit) {
		f := a.table[r]
		c, ok := classOther, false
		if f == skip {
			a.class[r] = classSkip
			continue
		}
		if c, ok = classes[f]; !ok && latinLetter(f) {
			c = classWord
		}
		a.class[r] = c
	}
	return classes, nil
}

// place lays the trie out as a double array, breadth first, and links fail, hits and block.
func (a *automaton) place(trie []trieNode, alphabet int) {
	a.first = make([]int32, alphabet)
	// Slots used by nodes; 0 is the root's.
	used := make([]bool, 1, 2*len(trie)+alphabet)
	used[0] = true
	a.nodes = make([]node, 1, 2*len(trie)+alphabet)
	a.nodes[0].check = -1
	grow := func(n int) {
		for len(used) < n {
			used = append(used, false)
			a.nodes = append(a.nodes, node{check: -1})
		}
	}
	free := 1 // no free slot below
	slot := make([]int32, len(trie))
	queue := make([]int32, 1, len(trie)) // trie nodes whose slot is given
	for head := 0; head < len(queue); head++ {
		t := queue[head]
		tn, at := &trie[t], slot[t]
		a.link(at, tn)
		if len(tn.classes) == 0 {
			continue
		}
		for free < len(used) && used[free] {
			free++
		}
		base := max(free-int(tn.classes[0]), 0)
		for !fits(used, base, tn.classes) {
			base++
		}
		grow(base + int(tn.classes[len(tn.classes)-1]) + 1)
		a.nodes[at].base = int32(base)
		for i, c := range tn.classes {
			child := int32(base) + int32(c)
			used[child] = true
			slot[tn.children[i]] = child
			n := &a.nodes[child]
			n.check = at
			n.depth = a.nodes[at].depth + 1
			n.endWord = isWord(c)
			n.startWord = a.nodes[at].startWord
			if at == 0 {
				n.startWord = n.endWord
				a.first[c] = child
			} else {
				n.fail = a.step(a.nodes[at].fail, c)
			}
			queue = append(queue, tn.children[i])
		}
	}
	grow(len(used) + alphabet) // so that base+class is always inside
}

func fits(used []bool, base int, classes []uint16) bool {
	for _, c := range classes {
		if at := base + int(c); at < len(used) && used[at] {
			return false
		}
	}
	return true
}

// link sets what a node knows about entries. Breadth first: the fail node is linked already.
func (a *automaton) link(at int32, tn *trieNode) {
	n := &a.nodes[at]
	if at == 0 {
		return
	}
	n.from = int32(len(a.ends))
	a.ends = append(a.ends, tn.entries...)
	n.to = int32(len(a.ends))
	n.hits = a.nodes[n.fail].hits
	if n.from < n.to {
		n.hits = at
	}
	n.block = a.nodes[n.fail].block
	if tn.blockSub || tn.blockEnd && n.endWord {
		n.block = at
	}
}

// step follows class c (of the alphabet) from node n.
func (a *automaton) step(n int32, c uint16) int32 {
	for n != 0 {
		next := a.nodes[n].base + int32(c)
		if next < int32(len(a.nodes)) && a.nodes[next].check == n {
			return next
		}
		n = a.nodes[n].fail
	}
	return a.first[c]
}

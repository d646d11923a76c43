package moderation

import (
	"errors"
	"math/bits"
	"slices"
)

// trie is an Aho-Corasick automaton as a double array: the child of node n by class c is slot base(n)+c if the class kept
// there is c. No two nodes share a base, so the class alone proves the parent. Node 0 is the root, its base 0.
//
// A slot is a class, looked at for every rune, and a word, looked at when the class is right: 31 bits base, 31 bits fail, a
// bit "a pattern ends here", a bit "one ends here or on the fail chain". What only hits and window edges need lies apart.
type trie struct {
	class []uint16 // of the slot's node; longer than nodes, so that base+class is always inside
	nodes []uint64
	root  []uint32 // by class: the root's child; 0 if there is none
	cold  []uint8  // runes from the root
	flags []uint8  // what lies below a node
	marks []uint64 // for 64 nodes each: bits of those at which patterns end, then how many bits are set before
	first []uint32 // by number of the bit: the pattern that ends there, or several and where they lie in ends
	ends  []uint32 // how many, then the patterns

	separable bool // some patterns may be interrupted by separators
}

const (
	slotBits   = 31
	slotMask   = 1<<slotBits - 1
	failShift  = slotBits
	endsHere   = 1 << 62
	endsChain  = 1 << 63
	several    = 1 << 31 // of first: more than one pattern
	maxSlots   = 1 << 26 // ours: half a gigabyte
	probeLimit = 64      // places tried before later searches begin further on; bounds building time at the price of some empty slots
)

// What lies strictly below a node.
const (
	belowBlock    uint8 = 1 << iota // a pattern of a block-tier entry
	belowAny                        // of any entry that can make a finding
	belowAllow                      // an allow entry
	belowSepBlock                   // a block-tier pattern that may be interrupted by separators
	belowSepAny
)

var errTooBig = errors.New("the entries together are too long; at most some sixty million characters")

// newTrie builds the automaton of sequences of classes: seqs[p] for each pattern p of order, which is sorted here; marks[p]
// is what it counts as for the nodes above its end.
func newTrie(order []uint32, seqs [][]uint16, marks []uint8, classes int) (*trie, error) {
	slices.SortFunc(order, func(a, b uint32) int {
		if c := slices.Compare(seqs[a], seqs[b]); c != 0 {
			return c
		}
		return int(a) - int(b)
	})
	b := trieBuilder{seqs: seqs, marks: marks, order: order, classes: classes, t: &trie{}}
	if err := b.place(); err != nil {
		return nil, err
	}
	b.link()
	b.t.shortcut(classes)
	return b.t, nil
}

type trieBuilder struct {
	seqs    [][]uint16
	marks   []uint8
	order   []uint32
	classes int
	t       *trie

	nextFree []int32 // doubly linked list of free slots; nextFree[0] is the first
	prevFree []int32
	baseUsed []bool
	start    [4]int32 // by number of children: where the search for room begins
	queue    []trieRange
}

// trieRange is a node: order[lo:hi] are the patterns below it or ending at it.
type trieRange struct {
	lo, hi int32
	slot   int32
	parent int32
	depth  uint8
}

// grow makes room for slots below n.
func (b *trieBuilder) grow(n int) {
	old := len(b.t.nodes)
	if n <= old {
		return
	}
	n = max(n, old+old/4, b.classes+1024)
	b.t.class = append(b.t.class, make([]uint16, n-old)...)
	b.t.nodes = append(b.t.nodes, make([]uint64, n-old)...)
	b.t.cold = append(b.t.cold, make([]uint8, n-old)...)
	b.t.flags = append(b.t.flags, make([]uint8, n-old)...)
	b.baseUsed = append(b.baseUsed, make([]bool, n-old)...)
	b.nextFree = append(b.nextFree, make([]int32, n-old)...)
	b.prevFree = append(b.prevFree, make([]int32, n-old)...)
	if old == 0 {
		b.nextFree[0], b.prevFree[0] = 0, 0
		old = 1
	}
	for i := old; i < n; i++ { // append i to the ring of free slots, of which 0 is the head
		last := b.prevFree[0]
		b.nextFree[last], b.prevFree[i] = int32(i), last
		b.nextFree[i], b.prevFree[0] = 0, int32(i)
	}
}

func (b *trieBuilder) free(slot int32) bool {
	return slot > 0 && int(slot) < len(b.prevFree) && b.prevFree[slot] >= 0
}

// take removes a slot from the free ring.
func (b *trieBuilder) take(slot int32) {
	p, n := b.prevFree[slot], b.nextFree[slot]
	b.nextFree[p], b.prevFree[n] = n, p
	b.prevFree[slot] = -1
}

func (b *trieBuilder) place() error {
	b.grow(1)
	b.queue = append(b.queue, trieRange{lo: 0, hi: int32(len(b.order))})
	top := int32(0) // highest slot in use
	var classes []uint16
	var starts []int32
	for q := 0; q < len(b.queue); q++ {
		n := b.queue[q]
		lo := n.lo
		for lo < n.hi && len(b.seqs[b.order[lo]]) == int(n.depth) {
			lo++
		}
		classes, starts = classes[:0], starts[:0]
		for i := lo; i < n.hi; i++ {
			if c := b.seqs[b.order[i]][n.depth]; len(classes) == 0 || classes[len(classes)-1] != c {
				classes, starts = append(classes, c), append(starts, i)
			}
		}
		if len(classes) == 0 {
			continue
		}
		base := int32(0)
		if q > 0 {
			base = b.room(classes)
		}
		if int(base)+b.classes >= maxSlots {
			return errTooBig
		}
		b.baseUsed[base] = true
		b.t.nodes[n.slot] |= uint64(base)
		for i, c := range classes {
			slot := base + int32(c)
			b.take(slot)
			top = max(top, slot)
			b.t.class[slot] = c
			b.t.cold[slot] = n.depth + 1
			hi := n.hi
			if i+1 < len(starts) {
				hi = starts[i+1]
			}
			b.queue = append(b.queue, trieRange{starts[i], hi, slot, n.slot, n.depth + 1})
		}
	}
	// Leaves point at an empty stretch behind everything, so that no class is found there.
	size := int(top) + 1 + b.classes
	b.grow(size)
	b.t.class = slices.Clip(b.t.class[:size])
	b.t.nodes = slices.Clip(b.t.nodes[:top+1])
	b.t.cold = slices.Clip(b.t.cold[:top+1])
	b.t.flags = slices.Clip(b.t.flags[:top+1])
	for _, n := range b.queue[1:] {
		if b.t.nodes[n.slot]&slotMask == 0 {
			b.t.nodes[n.slot] |= uint64(top + 1)
		}
	}
	if size >= maxSlots {
		return errTooBig
	}
	return nil
}

// room finds a base for children of the classes: the first that fits, looking from where the last long search for as many
// children ended.
func (b *trieBuilder) room(classes []uint16) int32 {
	first, last := int32(classes[0]), int32(classes[len(classes)-1])
	start := &b.start[min(len(classes), len(b.start))-1]
	at := *start
	for at != 0 && !b.free(at) {
		at = b.nextFree[at] // a taken slot keeps its link, which leads on
	}
	if *start = at; at == 0 {
		at = b.nextFree[0]
	}
	for probes := 1; ; probes++ {
		if at == 0 { // nothing fits: the new room does
			old := int32(len(b.t.nodes))
			b.grow(int(old) + b.classes)
			at = old
		}
		base := at - first
		if base > 0 && !b.usedBase(base) {
			b.grow(int(base) + int(last) + 1)
			if b.fits(base, classes) {
				if probes > probeLimit {
					*start = at
				}
				return base
			}
		}
		at = b.nextFree[at]
	}
}

func (b *trieBuilder) usedBase(base int32) bool {
	return int(base) < len(b.baseUsed) && b.baseUsed[base]
}

func (b *trieBuilder) fits(base int32, classes []uint16) bool {
	for _, c := range classes[1:] {
		if !b.free(base + int32(c)) {
			return false
		}
	}
	return true
}

// link sets fails, ends and flags, breadth first and back.
func (b *trieBuilder) link() {
	t := b.t
	t.marks = make([]uint64, (len(t.cold)+63)/64*2)
	for _, n := range b.queue[1:] {
		if n.parent != 0 {
			c := t.class[n.slot]
			f := t.step(t.failOf(uint32(n.parent)), c)
			t.nodes[n.slot] |= uint64(f) << failShift
			t.nodes[n.slot] |= t.nodes[f] & endsChain
		}
		if len(b.seqs[b.order[n.lo]]) == int(n.depth) {
			t.nodes[n.slot] |= endsHere | endsChain
			t.marks[n.slot>>6*2] |= 1 << (n.slot & 63)
		}
	}
	total := uint64(0)
	for i := 0; i < len(t.marks); i += 2 {
		t.marks[i+1] = total
		total += uint64(bits.OnesCount64(t.marks[i]))
	}
	t.first = make([]uint32, total)
	counts := make([]trieRange, total)
	for _, n := range b.queue[1:] {
		if t.nodes[n.slot]&endsHere != 0 {
			counts[t.rankOf(uint32(n.slot))] = n
		}
	}
	for i, n := range counts {
		hi := n.lo
		for hi < n.hi && len(b.seqs[b.order[hi]]) == int(n.depth) {
			hi++
		}
		if hi-n.lo == 1 {
			t.first[i] = b.order[n.lo]
			continue
		}
		t.first[i] = several | uint32(len(t.ends))
		t.ends = append(append(t.ends, uint32(hi-n.lo)), b.order[n.lo:hi]...)
	}
	for q := len(b.queue) - 1; q > 0; q-- {
		n := b.queue[q]
		below := t.flags[n.slot]
		if t.nodes[n.slot]&endsHere != 0 {
			for _, p := range t.endsAt(uint32(n.slot)) {
				below |= b.marks[p]
			}
		}
		t.flags[n.parent] |= below
	}
}

// shortcut fills root.
func (t *trie) shortcut(classes int) {
	t.root = make([]uint32, classes)
	for c := range t.root {
		if (c >= int(classFirst) || c == int(classSpace)) && t.class[c] == uint16(c) {
			t.root[c] = uint32(c)
		}
	}
}

func (t *trie) failOf(n uint32) uint32 { return uint32(t.nodes[n]>>failShift) & slotMask }

// step follows class c from node n.
func (t *trie) step(n uint32, c uint16) uint32 {
	for {
		v := t.nodes[n]
		next := uint32(v&slotMask) + uint32(c)
		if t.class[next] == c {
			return next
		}
		if n == 0 {
			return 0
		}
		n = uint32(v>>failShift) & slotMask
	}
}

// child follows class c from node n without falling back; 0 if there is none.
func (t *trie) child(n uint32, c uint16) uint32 {
	next := uint32(t.nodes[n]&slotMask) + uint32(c)
	if t.class[next] == c {
		return next
	}
	return 0
}

func (t *trie) rankOf(n uint32) uint32 {
	mark := t.marks[n>>6*2:][:2]
	return uint32(mark[1]) + uint32(bits.OnesCount64(mark[0]&(1<<(n&63)-1)))
}

// endsAt are the patterns that end at node n, which must have some.
func (t *trie) endsAt(n uint32) []uint32 {
	r := t.rankOf(n)
	p := t.first[r]
	if p&several == 0 {
		return t.first[r : r+1]
	}
	at := p &^ several
	return t.ends[at+1 : at+1+t.ends[at]]
}

func (t *trie) depth(n uint32) int { return int(t.cold[n]) }

// deepest is the longest suffix on the chain of n below which one of the flags lies; 0 if none.
func (t *trie) deepest(n uint32, flags uint8) uint32 {
	for n != 0 && t.flags[n]&flags == 0 {
		n = t.failOf(n)
	}
	return n
}

// bytes is the size of the arrays.
func (t *trie) bytes() int {
	return 2*len(t.class) + 8*len(t.nodes) + len(t.cold) + len(t.flags) + 8*len(t.marks) + 4*(len(t.first)+len(t.ends))
}

package gateway

import (
	"hash/maphash"
	"sync"

	"github.com/hegui/hegui/moderation"
)

// memory is what screening has said of texts lately, so that the turns of a conversation that clients send again and again
// are judged once. Keys are hashes under seeds of this process, made of the text and all that its verdict depends on:
// service, place and the hash of lexicon or detector. So nothing crosses services, and what changes is judged anew. It holds
// no text. Safe for concurrent use.
type memory struct {
	seeds  [2]maphash.Seed
	shards [16]memoryShard
}

// memoryShard keeps two generations: what is asked for moves to the newer one, and the older is dropped when that is full.
type memoryShard struct {
	mu       sync.Mutex
	now, old map[memoryKey][]moderation.Finding
}

type memoryKey [3]uint64

const (
	// generationSize bounds the texts in one generation of a shard; the whole takes some tens of megabytes at most. Ours.
	generationSize = 1 << 13
	// remembered is the shortest text worth remembering, in bytes; shorter ones are scanned as quickly.
	remembered = 64
	// mostRemembered bounds the findings kept of one text; a text with more is judged again.
	mostRemembered = 32
)

func newMemory() *memory {
	return &memory{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

// on is what verdicts depend on but for the text, as a number.
func (m *memory) on(what string) uint64 { return maphash.String(m.seeds[0], what) }

// key is the place of a text under what its verdict depends on.
func (m *memory) key(on uint64, text []byte) memoryKey {
	return memoryKey{on, maphash.Bytes(m.seeds[0], text), maphash.Bytes(m.seeds[1], text)}
}

func (m *memory) shard(k memoryKey) *memoryShard { return &m.shards[k[1]%uint64(len(m.shards))] }

// recall tells what was found, and whether the text is remembered at all.
func (m *memory) recall(k memoryKey) ([]moderation.Finding, bool) {
	s := m.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if found, ok := s.now[k]; ok {
		return found, true
	}
	found, ok := s.old[k]
	if ok {
		s.put(k, found)
	}
	return found, ok
}

// keep remembers findings, which must not be changed afterwards.
func (m *memory) keep(k memoryKey, found []moderation.Finding) {
	if len(found) > mostRemembered {
		return
	}
	s := m.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(k, found)
}

func (s *memoryShard) put(k memoryKey, found []moderation.Finding) {
	if len(s.now) >= generationSize || s.now == nil {
		s.old, s.now = s.now, make(map[memoryKey][]moderation.Finding, generationSize/8)
	}
	s.now[k] = found
}

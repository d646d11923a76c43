package detector

import (
	"container/list"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hegui/hegui/moderation"
)

// CacheLife is how long a verdict is kept: a model behind an address may be exchanged without our learning of it.
const CacheLife = time.Hour

// Cache keeps definite verdicts, by a keyed hash of all that they depend on: text, context, artefact, service and scene. The
// key lives and dies with the process and the hashes tell nothing of the texts. Verdicts never cross services: whether a
// text was seen before would tell one service about another's users. Safe for concurrent use.
type Cache struct {
	key  []byte
	room int
	now  func() time.Time

	mu     sync.Mutex
	byKey  map[verdictKey]*list.Element
	recent list.List // of *kept, the latest used first
}

type verdictKey [sha256.Size]byte

type kept struct {
	key   verdictKey
	j     moderation.Judgement
	until time.Time
}

// NewCache makes one with room for so many verdicts; 0 keeps none.
func NewCache(room int) (*Cache, error) {
	c := &Cache{key: make([]byte, 32), room: room, now: time.Now, byKey: map[verdictKey]*list.Element{}}
	if _, err := rand.Read(c.key); err != nil {
		return nil, fmt.Errorf("detector: cache: %w", err)
	}
	return c, nil
}

// keyOf hashes a question. Every part goes in with its length, so that no two questions make the same bytes.
func (c *Cache) keyOf(artefact string, q moderation.Query) verdictKey {
	h := hmac.New(sha256.New, c.key)
	var n [8]byte
	for _, part := range [][]byte{[]byte(artefact), []byte(q.Scene.Service), []byte(q.Scene.Direction), []byte(q.Scene.Channel), []byte(q.Scene.User), q.Context, q.Text} {
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write(part)
	}
	return verdictKey(h.Sum(nil))
}

func (c *Cache) get(k verdictKey) (moderation.Judgement, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[k]
	if !ok {
		return moderation.Judgement{}, false
	}
	v := e.Value.(*kept)
	if c.now().After(v.until) {
		c.drop(e)
		return moderation.Judgement{}, false
	}
	c.recent.MoveToFront(e)
	j := v.j
	j.Findings = slices.Clone(j.Findings)
	return j, true
}

// put keeps a definite verdict; any other is forgotten at once.
func (c *Cache) put(k verdictKey, j moderation.Judgement) {
	if c.room <= 0 || j.Outcome != moderation.Clear && j.Outcome != moderation.Found || j.Reason != "" {
		return
	}
	j.Findings = slices.Clone(j.Findings)
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[k]; ok {
		c.drop(e)
	}
	c.byKey[k] = c.recent.PushFront(&kept{k, j, c.now().Add(CacheLife)})
	for c.recent.Len() > c.room {
		c.drop(c.recent.Back())
	}
}

func (c *Cache) drop(e *list.Element) {
	c.recent.Remove(e)
	delete(c.byKey, e.Value.(*kept).key)
}

// Len is how many verdicts are kept.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.recent.Len()
}

package gateway

import (
	"container/list"
	"sync"
)

// What is kept in memory of texts under way, so that the next slice need not read those before it. Ours.
const (
	maxLive      = 8192
	maxLiveBytes = 256 << 20
)

// screens keeps one request at a time on each text, and the judgements under way that were used last. It only saves work: a
// judgement that was dropped is made anew from the slices. Safe for concurrent use.
type screens struct {
	mu    sync.Mutex
	all   map[string]*live
	idle  *list.List // of *live with a judgement and nobody at work, the one used last in front
	bytes int        // of those
	most  int
	size  int
}

// live is one text. Whoever took it owns it until it is given back.
type live struct {
	id    string
	own   sync.Mutex
	users int // under screens.mu
	place *list.Element
	cost  int
	w     *watching
}

func newScreens(most, size int) *screens {
	return &screens{all: map[string]*live{}, idle: list.New(), most: most, size: size}
}

// take waits until nobody else works on the text.
func (s *screens) take(id string) *live {
	s.mu.Lock()
	e := s.all[id]
	if e == nil {
		e = &live{id: id}
		s.all[id] = e
	}
	e.users++
	if e.place != nil {
		s.idle.Remove(e.place)
		e.place = nil
		s.bytes -= e.cost
	}
	s.mu.Unlock()
	e.own.Lock()
	return e
}

// give lets the next one work on it, or keeps the judgement for later while there is room.
func (s *screens) give(e *live) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.own.Unlock()
	e.users--
	if e.users > 0 {
		return
	}
	if e.w == nil {
		delete(s.all, e.id)
		return
	}
	e.cost = liveCost + cap(e.w.x.visible) + cap(e.w.unsaid) + cap(e.w.c.withheld) + len(e.w.c.findings)*findingCost
	if len(e.w.c.asked) > 0 { // with detectors the whole text is kept
		e.cost += e.w.c.checked.Out
	}
	s.bytes += e.cost
	e.place = s.idle.PushFront(e)
	for s.idle.Len() > s.most || s.bytes > s.size {
		last := s.idle.Remove(s.idle.Back()).(*live)
		s.bytes -= last.cost
		last.place = nil
		last.drop()
		delete(s.all, last.id)
	}
}

// drop forgets the judgement; the next slice makes it anew.
func (e *live) drop() {
	if e.w != nil {
		e.w.cancel()
		e.w = nil
	}
}

// What a judgement costs beside its text, about.
const (
	liveCost    = 8 << 10
	findingCost = 256
)

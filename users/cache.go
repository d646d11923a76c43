package users

import "sync"

// cache holds the users asked for lately, at most 2 × half of them: when the newer half is full it becomes the older one,
// and what is asked for again moves over. Safe for concurrent use.
type cache struct {
	half int

	mu         sync.RWMutex
	newer, old generation
	revision   int64
}

type nameKey struct{ service, name string }

type generation struct {
	byName    map[nameKey]*User
	bySubject map[string]*User
}

func newGeneration() generation {
	return generation{byName: map[nameKey]*User{}, bySubject: map[string]*User{}}
}

func newCache(half int, revision int64) *cache {
	return &cache{half: half, revision: revision, newer: newGeneration(), old: newGeneration()}
}

func (c *cache) find(service, name string) (User, bool) {
	k := nameKey{service, name}
	c.mu.RLock()
	u, ok := c.newer.byName[k]
	if ok {
		c.mu.RUnlock()
		return *u, true
	}
	u, ok = c.old.byName[k]
	c.mu.RUnlock()
	if !ok {
		return User{}, false
	}
	return c.promote(u.Subject)
}

func (c *cache) get(subject string) (User, bool) {
	c.mu.RLock()
	u, ok := c.newer.bySubject[subject]
	if ok {
		c.mu.RUnlock()
		return *u, true
	}
	_, ok = c.old.bySubject[subject]
	c.mu.RUnlock()
	if !ok {
		return User{}, false
	}
	return c.promote(subject)
}

// promote moves a user from the older half to the newer one, unless it has been dropped or replaced meanwhile.
func (c *cache) promote(subject string) (User, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if u, ok := c.newer.bySubject[subject]; ok {
		return *u, true
	}
	u, ok := c.old.bySubject[subject]
	if !ok {
		return User{}, false
	}
	c.add(u)
	return *u, true
}

// caughtUp is the revision up to which no change of a held user is missing. Take it before reading what put stores.
func (c *cache) caughtUp() int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.revision
}

// put stores what the database said about a user, read when the cache had caught up to asOf. When it has moved on since,
// a change may have been applied that the reader did not see, and nothing is stored; nor over something newer.
func (c *cache) put(u User, asOf int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.revision == asOf {
		c.replace(u)
	}
}

// apply brings held users up to date with all changes up to a revision, in one step.
func (c *cache) apply(changed []User, upTo int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, u := range changed {
		if c.newer.bySubject[u.Subject] != nil || c.old.bySubject[u.Subject] != nil {
			c.replace(u)
		}
	}
	c.revision = max(c.revision, upTo)
}

// replace needs the lock.
func (c *cache) replace(u User) {
	for _, g := range []generation{c.newer, c.old} {
		if have, ok := g.bySubject[u.Subject]; ok {
			if have.revision > u.revision {
				return
			}
			delete(g.bySubject, u.Subject)
			delete(g.byName, nameKey{have.Service, have.Name})
		}
	}
	c.add(&u)
}

// add needs the lock.
func (c *cache) add(u *User) {
	if len(c.newer.bySubject) >= c.half {
		c.old, c.newer = c.newer, newGeneration()
	}
	c.newer.bySubject[u.Subject] = u
	if u.Name != "" {
		c.newer.byName[nameKey{u.Service, u.Name}] = u
	}
}

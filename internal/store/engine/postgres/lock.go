// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"bytes"
	"hash/fnv"
	"slices"

	"github.com/gustcloud/gust/internal/store"
)

// A commit holds advisory locks on what it read and writes until it is durable. There are four kinds:
//
//	root     shared by every commit; exclusive: no other one commits
//	domain   of the keys that share their first domainBytes bytes: what one resource owns. Shared by who reads or writes
//	         single keys of it; exclusive for who reads or deletes a range of it
//	key      shared by readers, exclusive for the writer
//	append   of a prefix: exclusive for who appends to it, so that its numbers follow its commits; shared by who found
//	         a key absent that an append might make
//
// A lock is a 64-bit number made by hashing. Two things with one number only wait for each other needlessly.
const (
	kindRoot   = 'r'
	kindDomain = 'd'
	kindKey    = 'k'
	kindAppend = 'a'
)

const (
	domainBytes = 9 // a prefix of prefixes.go and an 8-byte resource id
	// A transaction that needs more of either locks domains, or the root. With the root they are fewer than 64, for which
	// PostgreSQL has room for each connection (max_locks_per_transaction).
	maxKeyLocks = 44
	maxDomains  = 16
	numberBytes = 8 // of an Append
)

// lockSet collects locks: number -> exclusive.
type lockSet map[int64]bool

func (l *lockSet) add(id int64, exclusive bool) {
	if *l == nil {
		*l = lockSet{}
	}
	(*l)[id] = (*l)[id] || exclusive
}

// params are the arguments of takeLocks. All transactions take theirs in one order, so none waits in a circle.
func (l lockSet) params() (ids, modes []byte) {
	order := make([]int64, 0, len(l))
	for id := range l {
		order = append(order, id)
	}
	slices.Sort(order)
	exclusive := make([]bool, len(order))
	for i, id := range order {
		exclusive[i] = l[id]
	}
	return int8s(order), bools(exclusive)
}

func (s *Store) lockID(kind byte, name string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte{
		byte(s.seed), byte(s.seed >> 8), byte(s.seed >> 16), byte(s.seed >> 24),
		byte(s.seed >> 32), byte(s.seed >> 40), byte(s.seed >> 48), byte(s.seed >> 56), kind,
	})
	_, _ = h.Write([]byte(name)) // never fails
	return int64(h.Sum64())
}

func (s *Store) rootLock() int64 { return s.lockID(kindRoot, "") }

// needs is what a transaction has to lock, before it is clear how finely.
type needs struct {
	keys    map[string]bool // key -> exclusive
	appends map[string]bool // prefix -> exclusive
	domains map[string]bool // domain -> exclusive
	root    bool            // exclusive
}

// locks returns what t has to lock for its commit.
func (s *Store) locks(t *tx) lockSet { return s.lockSet(needsOf(t)) }

// reservation is what a transaction that conflicted locks before it runs again.
type reservation struct {
	ids []int64
	all bool // it needs all commits to wait
}

// reservation returns the locks on what t read and wrote, as exclusive ones: whoever else comes for them queues, and
// finds the latest state when its turn comes.
func (s *Store) reservation(t *tx) (r reservation) {
	n := needsOf(t)
	if r.all = n.root || len(n.keys) > maxKeyLocks || len(n.domains) > maxDomains; r.all {
		return r
	}
	for k := range n.keys {
		r.ids = append(r.ids, s.lockID(kindKey, k))
	}
	for d, exclusive := range n.domains {
		if exclusive {
			r.ids = append(r.ids, s.lockID(kindDomain, d))
		}
	}
	slices.Sort(r.ids)
	return r
}

func needsOf(t *tx) needs {
	n := needs{keys: map[string]bool{}, appends: map[string]bool{}, domains: map[string]bool{}}
	for k, x := range t.points {
		n.point(k, false)
		if x == 0 && len(k) > numberBytes {
			n.appends[k[:len(k)-numberBytes]] = false
		}
	}
	for _, r := range t.ranges {
		n.span(r.Range)
	}
	for _, r := range t.Writes.Ranges {
		n.span(r)
	}
	for k := range t.Writes.Points {
		n.point(k, true)
	}
	for _, a := range t.Writes.Appends {
		n.appends[string(a.Prefix)] = true
		n.root = n.root || len(a.Prefix) < domainBytes // the number decides on the domain
		n.domain(string(a.Prefix), false)
	}
	return n
}

func (n *needs) point(key string, exclusive bool) {
	n.keys[key] = n.keys[key] || exclusive
	n.domain(key, false)
}

// domain needs the domain of key, if it is in one.
func (n *needs) domain(key string, exclusive bool) {
	if d := domainOf(key); d != "" {
		n.domains[d] = n.domains[d] || exclusive
	}
}

// span needs a whole domain, or, for a range that is not inside one, the root. Shorter keys than a domain are in none:
// a range that holds one is not inside a domain either.
func (n *needs) span(r store.Range) {
	if len(r.Lo) < domainBytes {
		n.root = true
		return
	}
	d := r.Lo[:domainBytes]
	if end := store.PrefixEnd(d); end != nil && bytes.Compare(r.Hi, end) > 0 {
		n.root = true
		return
	}
	n.domains[string(d)] = true
}

// lockSet chooses how finely to lock.
func (s *Store) lockSet(n needs) lockSet {
	l := lockSet{}
	if len(n.keys)+len(n.appends) > maxKeyLocks {
		for k := range n.keys {
			n.root = n.root || len(k) < domainBytes
			n.domain(k, true)
		}
		for p := range n.appends {
			n.domain(p, true) // the keys' domains and the root stand for those in none
		}
		n.keys, n.appends = nil, nil
	}
	if len(n.domains) > maxDomains {
		n.root = true
	}
	l.add(s.rootLock(), n.root)
	if n.root {
		return l // nobody else has any
	}
	for d, exclusive := range n.domains {
		l.add(s.lockID(kindDomain, d), exclusive)
	}
	for k, exclusive := range n.keys {
		if !n.domains[domainOf(k)] {
			l.add(s.lockID(kindKey, k), exclusive)
		}
	}
	for p, exclusive := range n.appends {
		if !n.domains[domainOf(p)] {
			l.add(s.lockID(kindAppend, p), exclusive)
		}
	}
	return l
}

// domainOf is "" for a key that is in no domain.
func domainOf(key string) string {
	if len(key) < domainBytes {
		return ""
	}
	return key[:domainBytes]
}

// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	api "github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/store"
)

// target names a stream.
type target struct {
	scope         reqctx.Scope
	group, stream string
}

// found is where a target's events lie.
type found struct{ group, stream uint64 }

// targetCache remembers where streams lie. An entry may be stale: a transaction that uses one reads the stream's record.
type targetCache struct {
	mu sync.Mutex
	m  map[target]found
}

const maxCached = 20_000 // streams; beyond it the cache starts again

func (c *targetCache) get(t target) (found, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.m[t]
	return f, ok
}

func (c *targetCache) put(t target, f found) {
	t.group, t.stream = strings.Clone(t.group), strings.Clone(t.stream)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil || len(c.m) >= maxCached {
		c.m = map[target]found{}
	}
	c.m[t] = f
}

// growth counts the bytes that were appended since the janitor last wrote them down. A crash forgets them: AWS gives
// storedBytes hours later and without a promise.
type growth struct {
	mu sync.Mutex
	m  map[uint64]int64 // group id -> bytes
}

func (g *growth) add(group uint64, n int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.m == nil {
		g.m = map[uint64]int64{}
	}
	g.m[group] += n
}

func (g *growth) take() map[uint64]int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.m
	g.m = nil
	return m
}

func (g *growth) of(group uint64) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.m[group]
}

// Append implements api.Appender.
func (s *Service) Append(ctx context.Context, scope reqctx.Scope, group, stream string, entries []api.Entry) error {
	if !slices.IsSortedFunc(entries, byTime) { // blocks rely on it
		entries = slices.Clone(entries)
		slices.SortStableFunc(entries, byTime)
	}
	t := target{scope: scope, group: group, stream: stream}
	if err := s.append(ctx, t, entries, true); err != nil {
		return fmt.Errorf("append to log stream %s of %s: %w", stream, group, err)
	}
	return nil
}

func byTime(a, b api.Entry) int { return cmp.Compare(a.Time.UnixMilli(), b.Time.UnixMilli()) }

// append stores entries, which are in order of time: one transaction, unless they are more than appendBytes.
func (s *Service) append(ctx context.Context, t target, entries []api.Entry, create bool) error {
	blocks := encodeBlocks(entries)
	for {
		n, size := 0, 0
		for n < len(blocks) && (n == 0 || size+len(blocks[n].data) <= appendBytes) {
			size += len(blocks[n].data) + 128 // keys
			n++
		}
		if err := s.appendBlocks(ctx, t, blocks[:n], create); err != nil {
			return err
		}
		if blocks = blocks[n:]; len(blocks) == 0 {
			return nil
		}
	}
}

func (s *Service) appendBlocks(ctx context.Context, t target, blocks []encodedBlock, create bool) error {
	number, total := s.next(), int64(0)
	for _, b := range blocks {
		total += int64(b.bytes)
	}
	return s.Store.Update(ctx, func(tx store.Tx) error {
		f, known, err := s.locateCached(tx, t)
		if err == nil && !known {
			f, err = s.locate(tx, t, create, number)
		}
		if err != nil {
			return err
		}
		at := position{number: number, stream: f.stream}
		for i := range blocks {
			if i > 0 { // a block may begin in the millisecond in which the one before it ends
				at.number = s.next()
			}
			at.time = blocks[i].time
			blocks[i].write(tx, f.group, at)
		}
		tx.OnCommit(func() {
			s.growth.add(f.group, total)
			if !known {
				s.targets.put(t, f)
			}
		})
		return nil
	})
}

// locateCached finds t through the cache. Reading the stream's record makes the transaction conflict with its deletion
// and with nothing else: no append writes that record.
func (s *Service) locateCached(tx store.Tx, t target) (found, bool, error) {
	f, ok := s.targets.get(t)
	if !ok {
		return f, false, nil
	}
	st, there, err := streams.Get(tx, streamKey(f.group, t.stream))
	return f, there && st.ID == f.stream, err
}

// locate finds t by its names, and makes the group and the stream if create says so.
func (s *Service) locate(tx store.Tx, t target, create bool, id uint64) (found, error) {
	key := groupKey(t.scope, t.group)
	g, there, err := groups.Get(tx, key)
	switch {
	case err != nil:
		return found{}, err
	case !there && !create:
		return found{}, noGroup()
	case !there:
		g = group{Name: strings.Clone(t.group), Created: s.Clock.Now().UnixMilli()}
		if err := g.create(tx, key); err != nil {
			return found{}, err
		}
	}
	st, there, err := streams.Get(tx, streamKey(g.ID, t.stream))
	switch {
	case err != nil:
		return found{}, err
	case !there && !create:
		return found{}, noStream()
	case !there:
		st = stream{ID: id, Name: strings.Clone(t.stream), Created: s.Clock.Now().UnixMilli()}
		if err := putStream(tx, g.ID, st); err != nil {
			return found{}, err
		}
	}
	return found{group: g.ID, stream: st.ID}, nil
}

func putStream(tx store.Tx, group uint64, st stream) error {
	tx.Set(nameKey(group, st.ID), []byte(st.Name))
	return streams.Put(tx, streamKey(group, st.Name), st)
}

// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/gustcloud/gust/internal/store"
)

const (
	flushInterval = time.Minute      // of the machine's time
	sweepInterval = 10 * time.Minute // of service time
)

// janitorLoop writes down the bytes that groups hold, ends deletions of streams, and deletes what retention ends.
func (s *Service) janitorLoop(ctx context.Context) error {
	flush := s.Clock.Machine().NewTimer(flushInterval)
	defer flush.Stop()
	sweep := s.Clock.NewTimer(s.Clock.Now())
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			s.tryFlush(context.WithoutCancel(ctx)) // what cannot be written is counted again after a start
			return nil
		case <-flush.C:
			s.tryFlush(ctx)
			flush.Reset(flushInterval)
		case <-sweep.C:
			if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
				s.Log.ErrorContext(ctx, "sweep of expired log events", "error", err)
			}
			sweep.Reset(s.Clock.Now().Add(sweepInterval))
		}
	}
}

func (s *Service) tryFlush(ctx context.Context) {
	if err := s.flush(ctx); err != nil && ctx.Err() == nil {
		s.Log.ErrorContext(ctx, "write down the size of log groups", "error", err)
	}
}

// flush adds what was appended to the stored sizes.
func (s *Service) flush(ctx context.Context) error {
	var failed error
	for group, n := range s.growth.take() {
		if err := s.Store.Update(ctx, func(tx store.Tx) error { return addBytes(tx, group, n) }); err != nil {
			s.growth.add(group, n)
			failed = err
		}
	}
	return failed
}

func bytesKey(group uint64) []byte { return sub(group, subBytes) }

func storedBytes(r store.Reader, group uint64) (int64, error) {
	b, err := r.Get(bytesKey(group))
	if err != nil || len(b) != 8 {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

// addBytes changes the stored size; a crash forgets growth, so it may not go below zero. A group without a size is deleted.
func addBytes(tx store.Tx, group uint64, n int64) error {
	b, err := tx.Get(bytesKey(group))
	if err != nil || len(b) != 8 {
		return err
	}
	old := int64(binary.BigEndian.Uint64(b))
	tx.Set(bytesKey(group), binary.BigEndian.AppendUint64(nil, uint64(max(0, old+n))))
	return nil
}

// sweep goes through all groups of all tenants.
func (s *Service) sweep(ctx context.Context) error {
	if err := s.flush(ctx); err != nil { // what is deleted was counted before
		return err
	}
	all, err := s.allGroups(ctx)
	if err != nil {
		return err
	}
	for _, g := range all {
		if err := s.sweepGroup(ctx, g); err != nil {
			return fmt.Errorf("log group %s: %w", g.Name, err)
		}
	}
	return nil
}

func (s *Service) allGroups(ctx context.Context) ([]group, error) {
	var all []group
	err := s.Store.View(ctx, func(r store.Reader) error {
		all = nil
		for it, err := range r.Scan(store.PrefixRange([]byte{store.PrefixName}), store.ScanOptions{}) {
			if err != nil {
				return err
			}
			if !isGroupKey(it.Key) {
				continue
			}
			g, err := groups.Decode(it.Value)
			if err != nil {
				return err
			}
			all = append(all, g)
		}
		return nil
	})
	return all, err
}

// isGroupKey tells a group's name key from another service's: account, region, service, kind, name.
func isGroupKey(key []byte) bool {
	rest := key[1:]
	var part [4]string
	for i := range part {
		var err error
		if part[i], rest, err = store.CutString(rest); err != nil {
			return false
		}
	}
	return part[2] == service && part[3] == kindGroup
}

func (s *Service) sweepGroup(ctx context.Context, g group) error {
	deleted, err := s.deletedStreams(ctx, g.ID)
	if err != nil {
		return err
	}
	for _, id := range deleted {
		if err := s.purge(ctx, found{group: g.ID, stream: id}); err != nil {
			return err
		}
	}
	if g.Retention == 0 {
		return nil
	}
	end := cutoff(s.Clock.Now(), g.Retention) - blockSpan // a block stays until its last event is expired
	return s.expire(ctx, g.ID, position{time: uint64(max(0, end))})
}

// deletedStreams returns the streams whose deletion has not ended.
func (s *Service) deletedStreams(ctx context.Context, group uint64) (ids []uint64, err error) {
	prefix := sub(group, subDeleted)
	err = s.Store.View(ctx, func(r store.Reader) error {
		ids = nil
		for it, err := range r.Scan(store.PrefixRange(prefix), store.ScanOptions{KeysOnly: true}) {
			if err != nil {
				return err
			}
			id, _, err := store.CutUint64(it.Key[len(prefix):])
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	return ids, err
}

// expire deletes the blocks of a group that stand before end, in bounded transactions. It reads what it deletes only.
func (s *Service) expire(ctx context.Context, group uint64, end position) error {
	rng := store.Range{Lo: blockKey(group, position{}), Hi: blockKey(group, end)}
	for more := true; more; {
		err := s.Store.Update(ctx, func(tx store.Tx) error {
			chunks, index, err := firstBlocks(tx, group, rng)
			if err != nil || len(chunks) == 0 {
				more = false
				return err
			}
			more = len(index) == expiredAtOnce
			values, err := tx.GetMany(index)
			if err != nil {
				return err
			}
			total := int64(0)
			for i, v := range values {
				if v == nil {
					continue // the block's stream was deleted: purge counts it
				}
				x, err := parseIndexValue(v)
				if err != nil {
					return fmt.Errorf("%w: index entry %x", err, index[i])
				}
				total += x.bytes
				tx.Delete(index[i])
			}
			for _, k := range chunks {
				tx.Delete(k)
			}
			return addBytes(tx, group, -total)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// firstBlocks returns the keys of the chunks of the first blocks in rng, and the keys of the blocks' index entries.
func firstBlocks(tx store.Tx, group uint64, rng store.Range) (chunks, index [][]byte, err error) {
	for it, err := range tx.Scan(rng, store.ScanOptions{KeysOnly: true}) {
		if err != nil {
			return nil, nil, err
		}
		at, chunk, err := parseChunkKey(group, it.Key)
		if err != nil {
			return nil, nil, err
		}
		if chunk == 0 {
			if len(index) == expiredAtOnce { // never a part of a block
				break
			}
			index = append(index, indexKey(group, at))
		}
		chunks = append(chunks, bytes.Clone(it.Key))
	}
	return chunks, index, nil
}

// purge deletes the events of a stream that was deleted.
func (s *Service) purge(ctx context.Context, f found) error {
	if err := s.flush(ctx); err != nil { // what is deleted was counted before
		return err
	}
	return s.deleteBlocks(ctx, f.group, indexRange(f.group, f.stream), deletedKey(f.group, f.stream))
}

// deleteBlocks deletes the blocks whose index entries lie in rng, in bounded transactions, and at last the marker.
func (s *Service) deleteBlocks(ctx context.Context, group uint64, rng store.Range, marker []byte) error {
	for more := true; more; {
		err := s.Store.Update(ctx, func(tx store.Tx) error {
			n, total := 0, int64(0)
			for it, err := range tx.Scan(rng, store.ScanOptions{Limit: expiredAtOnce}) {
				if err != nil {
					return err
				}
				x, err := parseIndex(group, it)
				if err != nil {
					return err
				}
				for i := range x.chunks {
					tx.Delete(chunkKey(group, x.at, i))
				}
				tx.Delete(indexKey(group, x.at))
				n, total = n+1, total+x.bytes
			}
			if more = n == expiredAtOnce; !more && marker != nil {
				tx.Delete(marker)
			}
			if n == 0 {
				return nil
			}
			return addBytes(tx, group, -total)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

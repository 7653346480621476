// SPDX-License-Identifier: Apache-2.0

package pebble

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gustcloud/gust/internal/store"
)

// TestBackupHoldsWhatWasAcknowledged: under load, every key that was acknowledged before the backup is in it, pairs that
// one transaction wrote are there together or not at all, and the order of appends goes on.
func TestBackupHoldsWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, Options{Dir: filepath.Join(dir, "kv")})
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	ctx, stop := context.WithCancel(t.Context())
	started := make(chan struct{}, 4)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				k := fmt.Sprintf("w%d-%06d", w, i)
				if err := s.Update(t.Context(), func(tx store.Tx) error {
					tx.Set([]byte("a-"+k), make([]byte, 1<<10))
					tx.Set([]byte("b-"+k), nil)
					tx.Append([]byte("log-"), []byte(k))
					return nil
				}); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acknowledged[k] = true
				mu.Unlock()
				if i == 50 {
					started <- struct{}{}
				}
			}
		})
	}
	for range 4 {
		<-started
	}
	mu.Lock()
	before := make(map[string]bool, len(acknowledged))
	for k := range acknowledged {
		before[k] = true
	}
	mu.Unlock()
	to := filepath.Join(dir, "backup")
	err := s.Backup(t.Context(), to)
	stop()
	wg.Wait()
	if err = errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	readBackup(t, to, before)
}

func readBackup(t *testing.T, dir string, want map[string]bool) {
	t.Helper()
	s := mustOpen(t, Options{Dir: dir})
	found := map[string]int{}
	var last []byte
	if err := s.View(t.Context(), func(r store.Reader) error {
		for it, err := range r.Scan(store.Range{Lo: []byte("a"), Hi: []byte("z")}, store.ScanOptions{}) {
			if err != nil {
				return err
			}
			k := string(it.Key)
			if k[:2] == "lo" {
				last = append(last[:0], it.Key...)
				k = "--" + string(it.Value)
			}
			found[k[2:]]++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for k := range want {
		if found[k] == 0 {
			t.Errorf("%s was acknowledged and is not in the backup", k)
		}
	}
	for k, n := range found {
		if n != 3 {
			t.Errorf("%s: %d of 3 keys of one transaction", k, n)
		}
	}
	if err := s.Update(t.Context(), func(tx store.Tx) error { tx.Append([]byte("log-"), []byte("later")); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.View(t.Context(), func(r store.Reader) error {
		for it, err := range r.Scan(store.PrefixRange([]byte("log-")), store.ScanOptions{Reverse: true, Limit: 1}) {
			if err != nil {
				return err
			}
			if string(it.Value) != "later" || string(it.Key) <= string(last) {
				t.Errorf("the last append is %q at %x, after %x", it.Value, it.Key, last)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestBackupOfAnEphemeralStoreIsRefused(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Options{Ephemeral: true})
	if err := s.Backup(t.Context(), filepath.Join(t.TempDir(), "b")); !errors.Is(err, ErrEphemeral) {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

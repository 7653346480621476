// SPDX-License-Identifier: Apache-2.0

package pebble

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/enginetest"
	"github.com/gustcloud/gust/internal/store/log"
	"github.com/gustcloud/gust/internal/store/queue"
	"github.com/gustcloud/gust/internal/store/timer"
)

// layersReport is what was found after power cuts.
type layersReport struct {
	mu         sync.Mutex
	acks       int64
	lost, half int // acknowledged and not so; applied by halves, or explained by nothing
	told       []string
}

func (r *layersReport) tell(count *int, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if *count++; len(r.told) < 20 {
		r.told = append(r.told, fmt.Sprintf(format, args...))
	}
}

func (r *layersReport) wasLost(format string, args ...any) { r.tell(&r.lost, format, args...) }
func (r *layersReport) wasHalf(format string, args ...any) { r.tell(&r.half, format, args...) }

// cutLayers loads every layer at once on a file system that forgets what was not synced, cuts the power, opens what is
// left, holds it against what was acknowledged, and goes on with that: rounds times, or until something was lost. Meanwhile
// functions are run again, hints are lost and outcomes are unknown at random.
func cutLayers(t *testing.T, seed uint64, rounds int, noSync bool) *layersReport {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	disk, book, report, epoch := vfs.NewCrashableMem(), newLedger(), &layersReport{}, uint64(0)
	for round := 1; round <= rounds && report.lost == 0; round++ {
		s := mustOpen(t, Options{Dir: "/data/store", FS: disk, noSync: noSync})
		l := &layers{
			ledger: book, round: round, epoch: epoch, seed: random.Uint64(), fault: report.wasHalf, time: s.time,
			s: enginetest.Check(s, enginetest.Faults{Rerun: 0.1, DropHint: 0.1, Unknown: 0.02, Seed: random.Uint64()}),
		}
		ctx, cancel := context.WithCancel(t.Context())
		stopped, enough := make(chan struct{}), book.wait(int64(100+random.IntN(400)))
		go func() { defer close(stopped); l.run(ctx) }()
		<-enough
		a := book.now()
		after := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: random.IntN(100), RNG: random})
		b := book.now()
		cancel()
		<-stopped
		if err := s.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
		disk = after
		s = mustOpen(t, Options{Dir: "/data/store", FS: disk, noSync: noSync})
		epoch = max(epoch, book.highest("epoch", a))
		if err := s.View(t.Context(), func(rd store.Reader) error { return verifyLayers(rd, book, a, b, report) }); err != nil {
			t.Fatalf("verify: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	report.acks = book.acks
	t.Logf("seed %d: %d acknowledged, %d lost, %d by halves", seed, report.acks, report.lost, report.half)
	return report
}

// verifyLayers looks at all that is stored.
func verifyLayers(rd store.Reader, book *ledger, a, b int64, r *layersReport) error {
	there := map[string]bool{}
	if err := verifyQueues(rd, there, r); err != nil {
		return err
	}
	if err := verifyTimers(rd, there, r); err != nil {
		return err
	}
	if err := verifyLog(rd, book, a, r); err != nil {
		return err
	}
	if err := verifyLeases(rd, book, a, r); err != nil {
		return err
	}
	if err := scanNames(rd, putPrefix, func(name string, _ []byte) {
		if f := book.things[name]; !there[name] && (f == nil || f.ending == 0 || f.ending > b) {
			r.wasHalf("the change of %s was made, and its message is not there", name)
		}
	}); err != nil {
		return err
	}
	book.settle(there, a, b,
		func(name, what string) { r.wasLost("%s %s", name, what) },
		func(name, what string) { r.wasHalf("%s %s", name, what) })
	return nil
}

// scanNames gives what stands behind a prefix.
func scanNames(rd store.Reader, prefix []byte, fn func(name string, value []byte)) error {
	for it, err := range rd.Scan(store.PrefixRange(prefix), store.ScanOptions{}) {
		if err != nil {
			return err
		}
		fn(string(it.Key[len(prefix):]), it.Value)
	}
	return nil
}

func verifyQueues(rd store.Reader, there map[string]bool, r *layersReport) error {
	plain, dead, fifo := openLayers(nil, nil)
	puts := map[string]bool{}
	if err := scanNames(rd, putPrefix, func(name string, _ []byte) { puts[name] = true }); err != nil {
		return err
	}
	last := map[string]int{}
	for _, q := range []*queue.Queue{plain, dead, fifo} {
		err := q.Check(rd, func(m queue.Received) {
			name, whole := named(m.Body)
			switch {
			case !whole:
				r.wasHalf("%q of %d bytes is not whole", name, len(m.Body))
			case there[name]:
				r.wasHalf("%s is there twice", name)
			case strings.HasPrefix(name, "p") && !puts[name]:
				r.wasHalf("%s was put by a change that was not made", name)
			}
			there[name] = true
			if m.Group != "" {
				n, err := strconv.Atoi(name[strings.Index(name, ".")+1:])
				if err != nil || n <= last[m.Group] {
					r.wasHalf("group %s has %s behind number %d", m.Group, name, last[m.Group])
				}
				last[m.Group] = n
			}
		})
		if err != nil {
			r.wasHalf("%v", err)
		}
	}
	return nil
}

func verifyTimers(rd store.Reader, there map[string]bool, r *layersReport) error {
	if err := timers.Check(rd, func(t timer.Timer) { there[t.ID] = true }); err != nil {
		return err
	}
	fired := map[string]int{}
	if err := scanNames(rd, firedPrefix, func(_ string, id []byte) { fired[string(id)]++ }); err != nil {
		return err
	}
	known := map[string]bool{}
	err := scanNames(rd, statePrefix, func(id string, state []byte) {
		known[id] = true
		times := 0
		if string(state) == "fired" {
			times = 1
		}
		if there[id] != (string(state) == "set") || fired[id] != times {
			r.wasHalf("timer %s is %s; set %v, fired %d times", id, state, there[id], fired[id])
		}
	})
	for id := range fired {
		if !known[id] {
			r.wasHalf("timer %s has fired and has no state", id)
		}
	}
	return err
}

func verifyLog(rd store.Reader, book *ledger, a int64, r *layersReport) error {
	list, err := records.Read(rd, 0, log.Limits{})
	if err != nil {
		return err
	}
	if trimmed := book.highest("trimmed", a); len(list) > 0 && list[0].Sequence < trimmed {
		r.wasLost("the log begins at %d and was trimmed up to %d", list[0].Sequence, trimmed)
	}
	last := map[string]uint64{}
	for _, rec := range list {
		id, whole := named(rec.Data)
		w, digits, _ := strings.Cut(id, ".")
		n, err := strconv.ParseUint(digits, 10, 64)
		if !whole || err != nil || last[w] != 0 && n != last[w]+1 {
			r.wasHalf("record %q of %d bytes, whole %v, is behind number %d", id, len(rec.Data), whole, last[w])
		}
		last[w] = n
	}
	for w := range layerWorkers {
		name := strconv.Itoa(w)
		key := append(bytes.Clone(countPrefix), name...)
		v, err := rd.Get(key)
		if err != nil {
			return err
		}
		count := uint64(0)
		if v != nil {
			if count, _, err = store.CutUint64(v); err != nil {
				return err
			}
		}
		if told := book.highest(string(key), a); count < told {
			r.wasLost("writer %s has appended %d records, %d were acknowledged", name, count, told)
		}
		if n, ok := last[name]; ok && n != count {
			r.wasHalf("the last record of writer %s is %d, it has counted %d", name, n, count)
		}
	}
	return nil
}

// verifyLeases: work was done under epochs that grow, and none that was acknowledged is forgotten.
func verifyLeases(rd store.Reader, book *ledger, a int64, r *layersReport) error {
	last := uint64(0)
	err := scanNames(rd, workPrefix, func(_ string, value []byte) {
		epoch, _, err := store.CutUint64(value)
		if err != nil || epoch < last {
			r.wasHalf("work of epoch %d after epoch %d", epoch, last)
		}
		last = epoch
	})
	if told := book.highest("work", a); last < told {
		r.wasLost("work of epoch %d was acknowledged, the last one there is of %d", told, last)
	}
	return err
}

// cuts is how many power cuts a test makes: `make test-crash` sets more.
func cuts(t *testing.T, otherwise int) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("GUST_CUTS"))
	if err != nil {
		return otherwise
	}
	return n
}

func TestPowerCutOfEveryLayerLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	r := cutLayers(t, rand.Uint64(), cuts(t, 10), false)
	if r.lost+r.half > 0 {
		t.Errorf("lost or applied by halves:\n%s", strings.Join(r.told, "\n"))
	}
}

// TestPowerCutOfEveryLayerWithoutSyncIsSeen: the test above can fail.
func TestPowerCutOfEveryLayerWithoutSyncIsSeen(t *testing.T) {
	t.Parallel()
	r := cutLayers(t, rand.Uint64(), cuts(t, 10), true)
	if r.lost == 0 {
		t.Error("no loss was seen although nothing was synced")
	}
	if r.half > 0 {
		t.Errorf("even without sync a transaction is whole:\n%s", strings.Join(r.told, "\n"))
	}
}

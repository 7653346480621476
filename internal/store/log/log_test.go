// SPDX-License-Identifier: Apache-2.0

package log_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/enginetest"
	"github.com/gustcloud/gust/internal/store/log"
	"github.com/gustcloud/gust/internal/store/storetest"
)

var (
	epoch = time.UnixMilli(1_700_000_000_000).UTC()
	under = log.Of([]byte("x-log-"))
)

func mustAppend(t *testing.T, s store.Store, l log.Log, at time.Time, data ...[]byte) {
	t.Helper()
	if err := s.Update(t.Context(), func(tx store.Tx) error {
		var err error
		for _, d := range data {
			err = errors.Join(err, l.Append(tx, at, d))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func view[T any](t *testing.T, s store.Store, fn func(store.Reader) (T, error)) T {
	t.Helper()
	var out T
	if err := s.View(t.Context(), func(r store.Reader) (err error) {
		out, err = fn(r)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func mustRead(t *testing.T, s store.Store, l log.Log, from uint64, limits log.Limits) []log.Record {
	t.Helper()
	return view(t, s, func(r store.Reader) ([]log.Record, error) { return l.Read(r, from, limits) })
}

func TestRecordsComeBackInOrderAndWhole(t *testing.T) {
	s := storetest.New(t)
	sizes := []int{0, 1, store.MaxValue - 10, store.MaxValue - 9, store.MaxValue, 3 * store.MaxValue, log.MaxData}
	var want [][]byte
	for i, n := range sizes {
		d := bytes.Repeat([]byte{byte('a' + i)}, n)
		want = append(want, d)
		mustAppend(t, s, under, epoch.Add(time.Duration(i)*time.Millisecond), d)
	}
	mustAppend(t, s, log.Of([]byte("x-loh-")), epoch, []byte("a neighbour's"))
	got := mustRead(t, s, under, 0, log.Limits{})
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i, rec := range got {
		if !bytes.Equal(rec.Data, want[i]) || !rec.Time.Equal(epoch.Add(time.Duration(i)*time.Millisecond)) {
			t.Errorf("record %d: %d bytes at %v, want %d bytes", i, len(rec.Data), rec.Time, len(want[i]))
		}
		if i > 0 && rec.Sequence <= got[i-1].Sequence {
			t.Errorf("record %d has sequence %d after %d", i, rec.Sequence, got[i-1].Sequence)
		}
		rest := mustRead(t, s, under, rec.Sequence+1, log.Limits{})
		if len(rest) != len(want)-i-1 {
			t.Errorf("after record %d: %d records, want %d", i, len(rest), len(want)-i-1)
		}
	}
}

func TestReadHeedsItsLimits(t *testing.T) {
	s := storetest.New(t)
	for range 5 {
		mustAppend(t, s, under, epoch, make([]byte, 100))
	}
	for _, tt := range []struct {
		limits log.Limits
		want   int
	}{
		{log.Limits{}, 5},
		{log.Limits{Records: 2}, 2},
		{log.Limits{Bytes: 250}, 2},
		{log.Limits{Bytes: 200}, 2},
		{log.Limits{Bytes: 1}, 1}, // the first comes whatever its size
		{log.Limits{Records: 4, Bytes: 1000}, 4},
	} {
		if got := mustRead(t, s, under, 0, tt.limits); len(got) != tt.want {
			t.Errorf("%+v: %d records, want %d", tt.limits, len(got), tt.want)
		}
	}
}

func TestTooLargeARecordIsRefused(t *testing.T) {
	s := storetest.New(t)
	err := s.Update(t.Context(), func(tx store.Tx) error { return under.Append(tx, epoch, make([]byte, log.MaxData+1)) })
	if !errors.Is(err, log.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

// TestAtAndTrimAgreeWithAModel: times that are out of order by up to store.MaxDuration, records of one part and of many.
func TestAtAndTrimAgreeWithAModel(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	s := storetest.New(t)
	now := epoch
	for range 120 {
		now = now.Add(time.Duration(random.IntN(3000)) * time.Millisecond)
		late := time.Duration(random.Int64N(int64(store.MaxDuration)))
		size := random.IntN(20)
		if random.IntN(20) == 0 {
			size = 2*store.MaxValue + size
		}
		mustAppend(t, s, under, now.Add(-late).Truncate(time.Millisecond), make([]byte, size))
	}
	model := mustRead(t, s, under, 0, log.Limits{})
	for i := range 60 {
		at := epoch.Add(time.Duration(random.Int64N(int64(now.Sub(epoch)+10*time.Second))) - 2*time.Second)
		want := len(model)
		for j, rec := range model {
			if !rec.Time.Before(at) {
				want = j
				break
			}
		}
		from := view(t, s, func(r store.Reader) (uint64, error) { return under.At(r, at) })
		if got := mustRead(t, s, under, from, log.Limits{}); len(got) != len(model)-want {
			t.Fatalf("from %v: %d records, want %d", at, len(got), len(model)-want)
		}
		if i%20 != 19 {
			continue
		}
		var any bool
		if err := s.Update(t.Context(), func(tx store.Tx) (err error) {
			any, err = under.Trim(tx, at)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if any != (want > 0) {
			t.Errorf("trim before %v: %v, want %v", at, any, want > 0)
		}
		model = model[want:]
		if got := mustRead(t, s, under, 0, log.Limits{}); len(got) != len(model) {
			t.Fatalf("after the trim before %v: %d records, want %d", at, len(got), len(model))
		}
	}
}

// TestReadersMissNothing: a reader that goes on after what it has read sees every record of concurrent writers once, and
// each writer's in their order.
func TestReadersMissNothing(t *testing.T) {
	const writers, each = 8, 40
	s := storetest.New(t)
	hint, stop := s.Watch(under.Topic())
	defer stop()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := s.Update(t.Context(), func(tx store.Tx) error {
					return under.Append(tx, s.Now(), binary.BigEndian.AppendUint32([]byte{byte(w)}, uint32(i)))
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	next := map[byte]uint32{}
	from, seen := uint64(0), 0
	for seen < writers*each && !t.Failed() {
		select {
		case <-hint:
		case <-time.After(time.Millisecond): // hints may be lost
		}
		for _, rec := range mustRead(t, s, under, from, log.Limits{Records: 7}) {
			w, i := rec.Data[0], binary.BigEndian.Uint32(rec.Data[1:])
			if i != next[w] {
				t.Errorf("writer %d: record %d, want %d", w, i, next[w])
			}
			next[w]++
			from, seen = rec.Sequence+1, seen+1
		}
	}
	wg.Wait()
}

func TestEndIsBehindTheLast(t *testing.T) {
	s := storetest.New(t)
	if n := view(t, s, under.End); n != 0 {
		t.Errorf("an empty log ends at %d", n)
	}
	mustAppend(t, s, under, epoch, make([]byte, 2*store.MaxValue), []byte("b"))
	end := view(t, s, under.End)
	if got := mustRead(t, s, under, end, log.Limits{}); len(got) != 0 {
		t.Errorf("%d records at the end", len(got))
	}
	mustAppend(t, s, under, epoch, []byte("c"))
	if got := mustRead(t, s, under, end, log.Limits{}); len(got) != 1 || string(got[0].Data) != "c" {
		t.Errorf("after the end: %v", got)
	}
}

func TestDamagedRecordsAreSaidToBe(t *testing.T) {
	whole := func(tx store.Tx) { _ = under.Append(tx, epoch, make([]byte, 3*store.MaxValue)) } // four parts
	remove := func(tx store.Tx, parts ...int) error {
		i := 0
		for it, err := range tx.Scan(under.Range(), store.ScanOptions{}) {
			if err != nil {
				return err
			}
			if slices.Contains(parts, i) {
				tx.Delete(it.Key)
			}
			i++
		}
		return nil
	}
	for name, damage := range map[string]func(store.Tx) error{
		"not a record":            func(tx store.Tx) error { tx.Append([]byte("x-log-"), []byte{0}); return nil },
		"the middle of a record":  func(tx store.Tx) error { return remove(tx, 2) },
		"the end of a record":     func(tx store.Tx) error { return remove(tx, 3) },
		"the first of the second": func(tx store.Tx) error { return remove(tx, 4) },
	} {
		t.Run(name, func(t *testing.T) {
			s := storetest.New(t)
			for _, fn := range []func(store.Tx) error{
				func(tx store.Tx) error { whole(tx); whole(tx); return nil }, damage,
			} {
				if err := s.Update(t.Context(), fn); err != nil {
					t.Fatal(err)
				}
			}
			err := s.View(t.Context(), func(r store.Reader) error {
				_, err := under.Read(r, 0, log.Limits{})
				return err
			})
			var corrupt *store.RecordError
			if !errors.As(err, &corrupt) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestUnknownOutcomesOfAppends: who counts in the transaction of the append, and asks again, appends everything once and in
// order, while old records are trimmed.
func TestUnknownOutcomesOfAppends(t *testing.T) {
	const writers, each = 3, 20
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	s := enginetest.Check(storetest.New(t), enginetest.Faults{Unknown: 0.3, Seed: seed})
	var wg sync.WaitGroup
	for w := range writers {
		key := []byte{'x', '-', 'n', byte(w)}
		wg.Go(func() {
			for done := 0; done < each; {
				err := s.Update(t.Context(), func(tx store.Tx) error {
					v, err := tx.Get(key)
					if err != nil {
						return err
					}
					if done = len(v); done == each {
						return nil
					}
					tx.Set(key, make([]byte, done+1))
					data := make([]byte, 2+done%3/2*2*store.MaxValue) // every third in parts
					data[0], data[1] = byte(w), byte(done)
					return under.Append(tx, s.Now(), data)
				})
				if err != nil && !errors.Is(err, store.ErrUnknownOutcome) {
					t.Error(err)
					return
				}
				if w == 0 && done == each/2 {
					if err := s.Update(t.Context(), func(tx store.Tx) error {
						_, err := under.Trim(tx, s.Now())
						return err
					}); err != nil && !errors.Is(err, store.ErrUnknownOutcome) {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	last := map[byte]int{}
	for _, rec := range mustRead(t, s, under, 0, log.Limits{}) {
		w, i := rec.Data[0], int(rec.Data[1])
		if before, ok := last[w]; ok && i != before+1 || len(rec.Data) != 2+i%3/2*2*store.MaxValue {
			t.Errorf("record %d of writer %d has %d bytes and comes after %d", i, w, len(rec.Data), before)
		}
		last[w] = i
	}
	for w, i := range last {
		if i != each-1 {
			t.Errorf("the last record of writer %d is %d", w, i)
		}
	}
}

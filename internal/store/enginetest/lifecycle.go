// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gustcloud/gust/internal/store"
)

func testFailure(f *fixture) {
	t := f.t
	f.mustSet(t, "a", "b")
	sentinel := errors.New("sentinel")
	err := f.Update(t.Context(), func(tx store.Tx) error {
		tx.Set([]byte("a"), []byte("x"))
		tx.DeleteRange(store.Range{})
		tx.Append([]byte("p"), nil)
		return sentinel
	})
	if !errors.Is(err, sentinel) {
		t.Errorf("Update = %v, want the function's error", err)
	}
	if err := f.View(t.Context(), func(store.Reader) error { return sentinel }); !errors.Is(err, sentinel) {
		t.Errorf("View = %v, want the function's error", err)
	}
	if got := f.keys(t, ""); got != "a b" || f.get(t, "a") != "a" {
		t.Errorf("a failed transaction left keys %q", got)
	}
}

func testPanic(f *fixture) {
	t := f.t
	f.mustSet(t, "a", "b")
	calls := map[string]func(){
		"update": func() {
			_ = f.Update(t.Context(), func(tx store.Tx) error {
				_, _ = tx.Get([]byte("a"))
				tx.Set([]byte("a"), []byte("x"))
				panic("on purpose")
			})
		},
		"scan of a view": func() {
			_ = f.View(t.Context(), func(r store.Reader) error {
				for _, err := range r.Scan(store.Range{}, store.ScanOptions{}) {
					must(t, err)
					panic("on purpose")
				}
				return nil
			})
		},
	}
	for name, call := range calls {
		func() {
			defer func() {
				if recover() != "on purpose" {
					t.Errorf("%s: the panic did not reach the caller", name)
				}
			}()
			call()
		}()
	}
	if got := f.get(t, "a"); got != "a" {
		t.Errorf("a = %q after a panic", got)
	}
	f.mustSet(t, "c")
	if err := f.Close(); err != nil { // an open iterator or snapshot shows here
		t.Errorf("close: %v", err)
	}
}

func testUseAfterReturn(f *fixture) {
	t := f.t
	var kept store.Tx
	var reader, hints store.Reader
	f.mustUpdate(t, func(tx store.Tx) { kept, hints = tx, tx.Snapshot() })
	must(t, f.View(t.Context(), func(r store.Reader) error { reader = r; return nil }))
	for name, r := range map[string]store.Reader{"tx": kept, "reader": reader, "snapshot": hints} {
		if _, err := r.Get([]byte("a")); !errors.Is(err, store.ErrDone) {
			t.Errorf("%s: Get = %v, want ErrDone", name, err)
		}
		for _, err := range r.Scan(store.Range{}, store.ScanOptions{}) {
			if !errors.Is(err, store.ErrDone) {
				t.Errorf("%s: Scan = %v, want ErrDone", name, err)
			}
		}
	}
	kept.Set([]byte("late"), nil)
	f.mustSet(t, "b")
	if got := f.keys(t, ""); got != "b" {
		t.Errorf("keys %q", got)
	}
}

func testSticky(f *fixture) {
	t := f.t
	tooLong := make([]byte, store.MaxKey+1)
	tooLong[0] = 'k'
	var second error
	err := f.Update(t.Context(), func(tx store.Tx) error {
		tx.Set([]byte("a"), []byte("1"))
		tx.Set(tooLong, nil) // the error is ignored here
		_, second = tx.Get([]byte("a"))
		tx.Set([]byte("b"), []byte("1"))
		return nil
	})
	if !errors.Is(err, store.ErrTooLarge) || !errors.Is(second, store.ErrTooLarge) {
		t.Errorf("Update = %v, Get after the error = %v, want ErrTooLarge", err, second)
	}
	err = f.Update(t.Context(), func(tx store.Tx) error {
		tx.Set([]byte("a"), []byte("1"))
		for _, err := range tx.Scan(store.Range{Lo: append(tooLong, 0)}, store.ScanOptions{}) {
			_ = err // ignored here
		}
		return nil
	})
	if !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("Update = %v after a failed Scan, want ErrTooLarge", err)
	}
	if got := f.keys(t, ""); got != "" {
		t.Errorf("a transaction with an error wrote %q", got)
	}
}

func testDuration(f *fixture) {
	t := f.t
	err := f.Update(t.Context(), func(tx store.Tx) error {
		tx.Set([]byte("a"), nil)
		f.clock.Move(store.MaxDuration + time.Millisecond)
		return nil
	})
	if !errors.Is(err, store.ErrTooLong) {
		t.Errorf("Update = %v, want ErrTooLong", err)
	}
	err = f.View(t.Context(), func(r store.Reader) error {
		f.clock.Move(store.MaxDuration + time.Millisecond)
		_, err := r.Get([]byte("a"))
		return err
	})
	if !errors.Is(err, store.ErrTooLong) {
		t.Errorf("View = %v, want ErrTooLong", err)
	}
	f.mustUpdate(t, func(tx store.Tx) {
		f.clock.Move(store.MaxDuration - time.Millisecond)
		tx.Set([]byte("b"), nil)
	})
	if got := f.keys(t, ""); got != "b" {
		t.Errorf("keys %q, want b", got)
	}
}

func testCancelled(f *fixture) {
	t := f.t
	ctx, cancel := context.WithCancel(t.Context())
	err := f.Update(ctx, func(tx store.Tx) error {
		tx.Set([]byte("a"), nil)
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled inside: %v", err)
	}
	ran := false
	err = f.Update(ctx, func(store.Tx) error { ran = true; return nil })
	if verr := f.View(ctx, func(store.Reader) error { ran = true; return nil }); !errors.Is(err, context.Canceled) ||
		!errors.Is(verr, context.Canceled) || ran {
		t.Errorf("cancelled before: Update %v, View %v, ran %v", err, verr, ran)
	}
	f.mustSet(t, "x", "y")
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	err = f.View(ctx, func(r store.Reader) error {
		for _, err := range r.Scan(store.Range{}, store.ScanOptions{}) {
			if err != nil {
				return err
			}
			cancel()
		}
		return errors.New("the scan went on")
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled in a scan: %v", err)
	}
	if got := f.keys(t, ""); got != "x y" {
		t.Errorf("keys %q", got)
	}
}

func testOnCommit(f *fixture) {
	t := f.t
	var order []string
	runs := 0
	f.mustUpdate(t, func(tx store.Tx) {
		runs++
		_, _ = tx.Get([]byte("a"))
		if runs == 1 {
			must(t, beside(func() error {
				return f.Update(t.Context(), func(tx store.Tx) error { tx.Set([]byte("a"), []byte("other")); return nil })
			}))
		}
		tx.Set([]byte("a"), []byte("mine"))
		tx.OnCommit(func() { order = append(order, "first "+f.get(t, "a")) })
		tx.OnCommit(func() { order = append(order, "second") })
	})
	if runs != 2 || len(order) != 2 || order[0] != "first mine" || order[1] != "second" {
		t.Errorf("%d runs, hooks %q", runs, order)
	}
	ran := false
	_ = f.Update(t.Context(), func(tx store.Tx) error {
		tx.OnCommit(func() { ran = true })
		return errors.New("no")
	})
	if ran {
		t.Error("the hook of a failed transaction ran")
	}
	f.mustUpdate(t, func(tx store.Tx) { tx.OnCommit(func() { ran = true }) })
	if !ran {
		t.Error("the hook of a transaction without writes did not run")
	}
}

func testWatch(f *fixture) {
	t := f.t
	hint, stop := f.Watch([]byte("topic"))
	other, stopOther := f.Watch([]byte("other"))
	defer stopOther()
	hinted := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	_ = f.Update(t.Context(), func(tx store.Tx) error {
		tx.Notify([]byte("topic"))
		return errors.New("no")
	})
	if hinted(hint) {
		t.Error("a failed transaction gave a hint")
	}
	for range 3 {
		f.mustUpdate(t, func(tx store.Tx) {
			tx.Set([]byte("a"), nil)
			tx.Notify([]byte("topic"))
			tx.Notify([]byte("topic"))
		})
	}
	if _, open := <-hint; !open {
		t.Error("the channel was closed")
	}
	if hinted(other) {
		t.Error("a hint reached another topic")
	}
	stop()
	f.mustUpdate(t, func(tx store.Tx) { tx.Notify([]byte("topic")) })
	if hinted(hint) {
		t.Error("a hint came after stop")
	}
}

func testTime(f *fixture) {
	t := f.t
	start := f.Now()
	if got := start.Sub(f.clock.Now()); got != 0 {
		t.Errorf("Now is %v from the clock", got)
	}
	last := start
	for _, d := range []time.Duration{time.Second, -time.Hour, time.Minute, 0, -time.Minute, 90 * time.Minute, time.Nanosecond} {
		f.clock.Move(d)
		now := f.Now()
		if now.Before(last) {
			t.Errorf("after a move of %v the time went back by %v", d, last.Sub(now))
		}
		last = now
	}
	if last.Sub(f.clock.Now()) != 0 {
		t.Errorf("the time does not follow the clock again: it is %v off", last.Sub(f.clock.Now()))
	}
}

func testAllocateID(f *fixture) {
	t := f.t
	var mu sync.Mutex
	seen := map[uint64]bool{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 25 {
				var id uint64
				must(t, f.Update(t.Context(), func(tx store.Tx) (err error) {
					id, err = store.AllocateID(tx)
					return err
				}))
				mu.Lock()
				if id == 0 || seen[id] {
					t.Errorf("id %d was given out twice, or is zero", id)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func testClose(f *fixture) {
	t := f.t
	inside, leave := make(chan struct{}), make(chan struct{})
	result := make(chan error, 1)
	go func() {
		result <- f.Update(t.Context(), func(tx store.Tx) error {
			tx.Set([]byte("a"), nil)
			close(inside)
			<-leave
			return nil
		})
	}()
	<-inside
	closed := make(chan error, 1)
	go func() { closed <- f.Close() }()
	for f.View(t.Context(), func(store.Reader) error { return nil }) == nil { // until Close has begun
	}
	close(leave)
	if err := errors.Join(<-result, <-closed); err != nil {
		t.Errorf("a transaction that ran at Close: %v", err)
	}
	for name, err := range map[string]error{
		"Update": f.Update(t.Context(), func(store.Tx) error { return nil }),
		"View":   f.View(t.Context(), func(store.Reader) error { return nil }),
		"Close":  f.Close(),
	} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s after Close = %v, want ErrClosed", name, err)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package output

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	logsapi "github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/reqctx"
)

// sink is a log service that can fail and be held up.
type sink struct {
	mu       sync.Mutex
	fail     int // that many Appends fail
	calls    int
	messages []string
	block    chan struct{} // not nil: Append waits for it
}

func (s *sink) Append(_ context.Context, _ reqctx.Scope, _, _ string, entries []logsapi.Entry) error {
	if s.block != nil {
		<-s.block
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.calls <= s.fail {
		return errors.New("not now")
	}
	for i, e := range entries {
		if i > 0 && e.Time.Before(entries[i-1].Time) {
			return errors.New("entries are not in order of time")
		}
		s.messages = append(s.messages, e.Message)
	}
	return nil
}

func (s *sink) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.messages...)
}

func mustStream(t *testing.T, s *sink) (*Stream, func()) {
	t.Helper()
	w := NewWriter(Deps{Logs: s, Clock: clock.System{}, Log: slog.New(slog.DiscardHandler)})
	st, err := w.Open(reqctx.Scope{}, "/aws/lambda/f", "stream")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = w.Run(ctx) }()
	finish := sync.OnceFunc(func() {
		st.Close()
		cancel()
		<-done
	})
	t.Cleanup(finish)
	return st, finish
}

func mustWrite(t *testing.T, st *Stream, s string) {
	t.Helper()
	if _, err := st.File().WriteString(s); err != nil {
		t.Fatal(err)
	}
}

func TestPlatformLinesComeAfterAllOutputBeforeThem(t *testing.T) {
	s := &sink{}
	st, finish := mustStream(t, s)
	var want []string
	for range 200 {
		mustWrite(t, st, "a line\nand an unfinished one")
		st.Lines("END\n")
		want = append(want, "a line\n", "and an unfinished one", "END\n")
	}
	finish()
	if got := s.got(); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %q", got[:min(len(got), 12)])
	}
}

func TestTailIsTheLastFourKilobytesOfTheInvocation(t *testing.T) {
	st, _ := mustStream(t, &sink{})
	mustWrite(t, st, "before\n")
	st.Begin(true)
	st.Lines("START\n")
	mustWrite(t, st, strings.Repeat("x", 30_000)+"\n")
	st.Lines("END\n")
	tail := string(st.Tail())
	if len(tail) != TailSize || !strings.HasSuffix(tail, "xxx\nEND\n") {
		t.Errorf("%d bytes, ends with %q", len(tail), tail[max(0, len(tail)-20):])
	}
	st.Begin(true)
	st.Lines("START\n")
	if got := string(st.Tail()); got != "START\n" {
		t.Errorf("the next invocation's tail: %q", got)
	}
	st.Begin(false)
	st.Lines("START\n")
	if got := st.Tail(); got != nil {
		t.Errorf("a tail that nobody asked for: %q", got)
	}
}

func TestSlowLogServiceHoldsTheFunctionAndNotThePlatform(t *testing.T) {
	s := &sink{block: make(chan struct{})}
	st, finish := mustStream(t, s)
	const chunks = 80
	chunk := strings.Repeat("y", 99_999) + "\n"
	written := make(chan int, chunks)
	go func() {
		for i := range chunks { // 8 MB, far over what may be pending
			if _, err := st.File().WriteString(chunk); err != nil {
				return
			}
			written <- i
		}
		close(written)
	}()
	<-written
	for range 1000 {
		st.Lines("a line of the platform\n") // must not block
	}
	st.mu.Lock()
	pending := st.bytes
	st.mu.Unlock()
	if pending > pendingHard+syncBudget {
		t.Errorf("%d bytes are pending", pending)
	}
	close(s.block)
	for range written { // the function can go on
	}
	finish()
	total := 0
	for _, m := range s.got() {
		total += strings.Count(m, "y")
	}
	if total != chunks*99_999 {
		t.Errorf("%d bytes of the function's output arrived, want %d", total, chunks*99_999)
	}
}

func TestFailedAppendIsTriedAgainThenCounted(t *testing.T) {
	for _, tc := range []struct {
		name            string
		fail            int
		events, dropped int64
	}{
		{"works in the end", maxAttempts - 1, 1, 0},
		{"given up", maxAttempts, 0, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &sink{fail: tc.fail}
				w := NewWriter(Deps{Logs: s, Clock: clock.System{}, Log: slog.New(slog.DiscardHandler)})
				st := &Stream{writer: w, room: make(chan struct{}, 1), closed: true} // without a pipe: its reader would hold the bubble
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() { defer close(done); _ = w.Run(ctx) }()
				st.Lines("one\n")
				time.Sleep(time.Minute)
				synctest.Wait()
				if c := w.Counters(); c.Events != tc.events || c.Dropped != tc.dropped {
					t.Errorf("counters %+v", c)
				}
				cancel()
				<-done
			})
		})
	}
}

func TestEventsAreHandedOverWithin200Milliseconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		w := NewWriter(Deps{Logs: s, Clock: clock.System{}, Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = w.Run(ctx) }()
		streams := make([]*Stream, 20)
		for i := range streams {
			streams[i] = &Stream{writer: w, room: make(chan struct{}, 1), closed: true}
			streams[i].Lines("one\n", "two\n")
		}
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		if n := len(s.got()); n != 40 || s.calls != 20 {
			t.Errorf("%d events in %d Appends", n, s.calls)
		}
		cancel()
		<-done
	})
}

func TestSlotHoldsItsPlace(t *testing.T) {
	s := &sink{}
	st, finish := mustStream(t, s)
	mustWrite(t, st, "one\n")
	first := st.Reserve()
	mustWrite(t, st, "two\n")
	second := st.Reserve()
	st.Begin(true)
	st.Lines("three\n")
	second.Fill("END 2\n", "REPORT 2\n")
	first.Fill("END 1\n", "REPORT 1\n")
	if got := string(st.Tail()); got != "three\n" {
		t.Errorf("tail %q", got)
	}
	finish()
	want := "one\n|END 1\n|REPORT 1\n|two\n|END 2\n|REPORT 2\n|three\n"
	if got := strings.Join(s.got(), "|"); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if st.bytes != 0 {
		t.Errorf("%d bytes are still counted", st.bytes)
	}
}

func TestUnfilledSlotHoldsBackWhatFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		w := NewWriter(Deps{Logs: s, Clock: clock.System{}, Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = w.Run(ctx) }()
		st := &Stream{writer: w, room: make(chan struct{}, 1), closed: true}
		st.Lines("one\n")
		slot := st.Reserve()
		st.Lines("three\n")
		time.Sleep(time.Second)
		synctest.Wait()
		if got := strings.Join(s.got(), ""); got != "one\n" {
			t.Errorf("before: %q", got)
		}
		slot.Fill("two\n")
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		if got := strings.Join(s.got(), ""); got != "one\ntwo\nthree\n" {
			t.Errorf("after: %q", got)
		}
		cancel()
		<-done
	})
}

func TestPipeCanBeOpenedByName(t *testing.T) {
	st, _ := mustStream(t, &sink{})
	fi, err := st.File().Stat()
	if err != nil {
		t.Fatal(err)
	}
	if got := fi.Mode().Perm(); got != 0o622 { // others write, as to /dev/stdout; nobody reads
		t.Errorf("mode %o", got)
	}
}

// TestEmptyLinesDoNotCostThePlatformItsLines: each costs far more memory than the byte it takes in the pipe.
func TestEmptyLinesDoNotCostThePlatformItsLines(t *testing.T) {
	s := &sink{block: make(chan struct{})}
	st, finish := mustStream(t, s)
	written := make(chan struct{})
	go func() {
		defer close(written)
		for range 16 {
			if _, err := st.File().WriteString(strings.Repeat("\n", 1<<16)); err != nil {
				return
			}
		}
	}()
	for full := false; !full; {
		st.mu.Lock()
		full = st.bytes >= pendingSoft
		st.mu.Unlock()
	}
	for range 100 {
		st.Begin(true)
		st.Lines("START\n", "END\n")
		if got := string(st.Tail()); !strings.HasSuffix(got, "END\n") {
			t.Errorf("tail %q", got)
			break
		}
	}
	st.mu.Lock()
	pending := st.bytes
	st.mu.Unlock()
	if pending > pendingMost {
		t.Errorf("%d bytes are pending", pending)
	}
	if n := st.writer.Counters().Dropped; n != 0 {
		t.Errorf("%d lines of the platform are lost", n)
	}
	close(s.block)
	<-written
	finish()
}

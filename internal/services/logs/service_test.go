// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	api "github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/engine/pebble"
)

var scope = reqctx.Scope{Account: "123456789012", Region: "eu-central-1"}

type fixture struct{ *Service }

func newFixture(t testing.TB) *fixture {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	c := clock.NewService(clock.System{})
	st, err := pebble.Open(pebble.Options{Ephemeral: true, Clock: c.Machine(), Time: c, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return &fixture{New(Deps{Store: st, Clock: c, Log: log})}
}

// advance moves service time forwards.
func (f *fixture) advance(t testing.TB, d time.Duration) {
	t.Helper()
	a, err := f.Clock.Plan(d, 1)
	if err != nil {
		t.Fatal(err)
	}
	f.Clock.Set(a)
}

func scoped(ctx context.Context) context.Context {
	return reqctx.With(ctx, reqctx.Request{Scope: scope, ID: "req-1"})
}

// make creates a group with streams.
func (f *fixture) make(ctx context.Context, t testing.TB, group string, streams ...string) {
	t.Helper()
	if _, err := f.CreateLogGroup(ctx, &api.CreateLogGroupRequest{LogGroupName: group}); err != nil {
		t.Fatal(err)
	}
	for _, name := range streams {
		if _, err := f.CreateLogStream(ctx, &api.CreateLogStreamRequest{LogGroupName: group, LogStreamName: name}); err != nil {
			t.Fatal(err)
		}
	}
}

// add appends messages to a stream, one millisecond apart from at on.
func (f *fixture) add(ctx context.Context, t testing.TB, group, stream string, at time.Time, messages ...string) {
	t.Helper()
	var entries []api.Entry
	for i, m := range messages {
		entries = append(entries, api.Entry{Time: at.Add(time.Duration(i) * time.Millisecond), Message: m})
	}
	if err := f.Append(ctx, scope, group, stream, entries); err != nil {
		t.Fatal(err)
	}
}

// filtered reads a whole group, limit events at a time.
func (f *fixture) filtered(ctx context.Context, t testing.TB, in api.FilterLogEventsRequest) []string {
	t.Helper()
	var out []string
	for {
		r, err := f.FilterLogEvents(ctx, &in)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range r.Events {
			out = append(out, *e.Message)
		}
		if r.NextToken == nil {
			return out
		}
		in.NextToken = r.NextToken
	}
}

// keys counts what lies under all log groups.
func (f *fixture) keys(ctx context.Context, t testing.TB, rng store.Range) int {
	t.Helper()
	n := 0
	if err := f.Store.View(ctx, func(r store.Reader) error {
		n = 0
		for _, err := range r.Scan(rng, store.ScanOptions{KeysOnly: true}) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func text(err error) string {
	var invalid *api.InvalidParameterException
	var absent *api.ResourceNotFoundException
	var exists *api.ResourceAlreadyExistsException
	switch {
	case errors.As(err, &invalid):
		return "invalid: " + invalid.Message
	case errors.As(err, &absent):
		return "absent: " + absent.Message
	case errors.As(err, &exists):
		return "exists: " + exists.Message
	}
	return fmt.Sprint(err)
}

// TestEveryPageHoldsEachEventOnce writes random batches into several streams and reads them in pages of random sizes.
func TestEveryPageHoldsEachEventOnce(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	rnd := rand.New(rand.NewPCG(1, 2))
	start := time.UnixMilli(f.Clock.Now().Add(-time.Hour).UnixMilli())
	type written struct {
		at      int64
		number  int
		message string
	}
	perStream := map[string][]written{}
	var all []written
	for n := range 120 {
		name := fmt.Sprintf("s%d", rnd.IntN(5))
		at := start.Add(time.Duration(rnd.IntN(20_000)) * time.Millisecond)
		var entries []api.Entry
		for i := range 1 + rnd.IntN(12) {
			m := fmt.Sprintf("%d/%d", n, i)
			if rnd.IntN(40) == 0 {
				m += strings.Repeat("x", 70_000+rnd.IntN(190_000))
			}
			entries = append(entries, api.Entry{Time: at, Message: m})
			w := written{at: at.UnixMilli(), number: len(all), message: m}
			all, perStream[name] = append(all, w), append(perStream[name], w)
			at = at.Add(time.Duration(rnd.IntN(3)*rnd.IntN(700)) * time.Millisecond)
		}
		if err := f.Append(ctx, scope, "g", name, entries); err != nil {
			t.Fatal(err)
		}
	}
	inOrder := func(ws []written) []string {
		ws = slices.Clone(ws)
		slices.SortFunc(ws, func(a, b written) int {
			if a.at != b.at {
				return int(a.at - b.at)
			}
			return a.number - b.number
		})
		var out []string
		for _, w := range ws {
			out = append(out, w.message)
		}
		return out
	}
	for range 6 {
		limit := int32(1 + rnd.IntN(60))
		in := api.FilterLogEventsRequest{LogGroupName: new("g"), Limit: &limit}
		same(t, "group", f.filtered(ctx, t, in), inOrder(all))
		in.StartFromHead = new(false)
		back := f.filtered(ctx, t, in)
		slices.Reverse(back)
		same(t, "group backwards", back, inOrder(all))
		in.StartFromHead, in.LogStreamNames = nil, []string{"s0", "s3", "s0"}
		same(t, "two streams", f.filtered(ctx, t, in), inOrder(mergeNumbers(perStream["s0"], perStream["s3"])))
		for name, ws := range perStream {
			same(t, name, f.walk(ctx, t, name, limit, true), inOrder(ws))
			same(t, name+" backwards", f.walk(ctx, t, name, limit, false), inOrder(ws))
		}
	}
}

func mergeNumbers[T any](a, b []T) []T { return append(slices.Clone(a), b...) }

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d events, want %d", what, len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%s: event %d is %.20q, want %.20q", what, i, got[i], want[i])
		}
	}
}

// walk reads a stream of group g until its token comes back, and returns its events in order of time.
func (f *fixture) walk(ctx context.Context, t *testing.T, stream string, limit int32, forward bool) []string {
	t.Helper()
	in := api.GetLogEventsRequest{LogGroupName: new("g"), LogStreamName: stream, Limit: &limit, StartFromHead: &forward}
	var out []string
	for {
		r, err := f.GetLogEvents(ctx, &in)
		if err != nil {
			t.Fatal(err)
		}
		var part []string
		for _, e := range r.Events {
			part = append(part, *e.Message)
		}
		next := r.NextForwardToken
		if forward {
			out = append(out, part...)
		} else {
			out, next = append(part, out...), r.NextBackwardToken
		}
		if in.NextToken != nil && *in.NextToken == *next {
			if len(r.Events) != 0 {
				t.Fatalf("the token of the end came with %d events", len(r.Events))
			}
			return out
		}
		in.NextToken = next
	}
}

func TestAppendFromManyFunctions(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	const writers, batches = 16, 12
	var all sync.WaitGroup
	failed := make(chan error, writers)
	for w := range writers {
		all.Go(func() {
			for b := range batches {
				e := []api.Entry{{Time: f.Clock.Now(), Message: fmt.Sprintf("%d/%d a", w, b)}, {Time: f.Clock.Now(), Message: fmt.Sprintf("%d/%d b", w, b)}}
				// Two writers share each stream: half of them find it made by the other.
				if err := f.Append(ctx, scope, "g", fmt.Sprintf("s%d", w/2), e); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(failed)
	for err := range failed {
		t.Fatal(err)
	}
	got := f.filtered(ctx, t, api.FilterLogEventsRequest{LogGroupName: new("g"), Limit: new(int32(7))})
	slices.Sort(got)
	if unique := slices.Compact(slices.Clone(got)); len(got) != writers*batches*2 || len(unique) != len(got) {
		t.Errorf("%d events, %d different, want %d", len(got), len(unique), writers*batches*2)
	}
	streams, err := f.DescribeLogStreams(ctx, &api.DescribeLogStreamsRequest{LogGroupName: new("g")})
	if err != nil || len(streams.LogStreams) != writers/2 {
		t.Errorf("streams: %d, %v", len(streams.LogStreams), err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package output

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	logsapi "github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/reqctx"
)

// appendFunc is a log service.
type appendFunc func(stream string, entries []logsapi.Entry)

func (f appendFunc) Append(_ context.Context, _ reqctx.Scope, _, stream string, entries []logsapi.Entry) error {
	f(stream, entries)
	return nil
}

func TestFunctionThatWritesWithoutEndDoesNotHoldTheLogsOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var flood, quiet *Stream
		var stopped atomic.Bool
		var flooded, arrived atomic.Int64
		w := NewWriter(Deps{Clock: clock.System{}, Log: slog.New(slog.DiscardHandler), Logs: appendFunc(
			func(stream string, entries []logsapi.Entry) {
				if stream == "quiet" {
					arrived.Add(int64(len(entries)))
					return
				}
				flooded.Add(int64(len(entries)))
				time.Sleep(time.Millisecond)
				if !stopped.Load() {
					flood.Lines(slices.Repeat([]string{"\n"}, len(entries))...) // meanwhile the function has written again
				}
			})})
		flood = &Stream{writer: w, name: "flood", room: make(chan struct{}, 1), closed: true}
		quiet = &Stream{writer: w, name: "quiet", room: make(chan struct{}, 1), closed: true}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = w.Run(ctx) }()
		flood.Lines(slices.Repeat([]string{"\n"}, 2*batchEvents)...)
		time.Sleep(time.Second)
		quiet.Lines("one\n")
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		if arrived.Load() != 1 {
			t.Error("the other function's line has not arrived")
		}
		if flooded.Load() < 50*batchEvents {
			t.Errorf("only %d events of the busy function arrived", flooded.Load())
		}
		stopped.Store(true)
		time.Sleep(time.Second)
		cancel()
		<-done
	})
}

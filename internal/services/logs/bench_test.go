// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	api "github.com/gustcloud/gust/internal/awsapi/logs"
)

// BenchmarkAppend writes what an invocation writes, from many functions at once; the engine does not sync.
func BenchmarkAppend(b *testing.B) {
	f, ctx := newFixture(b), scoped(b.Context())
	const events = 4
	var writers atomic.Int64
	b.SetParallelism(16)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		stream := fmt.Sprintf("2026/11/25/[$LATEST]%032x", writers.Add(1))
		message := strings.Repeat("m", 90)
		for pb.Next() {
			now := f.Clock.Now()
			entries := make([]api.Entry, events)
			for i := range entries {
				entries[i] = api.Entry{Time: now, Message: message}
			}
			if err := f.Append(ctx, scope, "/aws/lambda/f", stream, entries); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N*events)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkFilter reads a group of 100,000 events for a term that stands in none.
func BenchmarkFilter(b *testing.B) {
	f, ctx := newFixture(b), scoped(b.Context())
	const events = 100_000
	start := f.Clock.Now()
	messages := make([]string, 100)
	for i := range messages {
		messages[i] = strings.Repeat("m", 90)
	}
	for i := range events / len(messages) {
		f.add(ctx, b, "g", fmt.Sprint(i%20), start, messages...)
	}
	for b.Loop() {
		if found := f.filtered(ctx, b, api.FilterLogEventsRequest{LogGroupName: new("g"), FilterPattern: new("ERROR")}); len(found) != 0 {
			b.Fatal(found)
		}
	}
	b.ReportMetric(float64(b.N*events)/b.Elapsed().Seconds(), "events/s")
}

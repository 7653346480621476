// SPDX-License-Identifier: Apache-2.0

package obs_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/gustcloud/gust/internal/base/obs"
	"github.com/gustcloud/gust/internal/base/reqctx"
)

func TestLoggerAddsTheRequestID(t *testing.T) {
	in := func(ctx context.Context) context.Context { return reqctx.With(ctx, reqctx.Request{ID: "r-1"}) }
	tests := []struct {
		name, format string
		log          func(context.Context, *slog.Logger)
		want, not    string
	}{
		{"text, in a request", "text", func(ctx context.Context, l *slog.Logger) { l.InfoContext(in(ctx), "hello", "a", 1) }, "msg=hello a=1 request_id=r-1", "never"},
		{"json, in a request", "json", func(ctx context.Context, l *slog.Logger) { l.InfoContext(in(ctx), "hello") }, `"msg":"hello","request_id":"r-1"`, "never"},
		{"derived logger", "text", func(ctx context.Context, l *slog.Logger) { l.With("service", "sts").InfoContext(in(ctx), "hello") }, "service=sts request_id=r-1", "never"},
		{"outside a request", "text", func(ctx context.Context, l *slog.Logger) { l.InfoContext(ctx, "hello") }, "msg=hello", "request_id"},
		{"below the level", "text", func(ctx context.Context, l *slog.Logger) { l.DebugContext(in(ctx), "hello") }, "", "hello"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			l, err := obs.NewLogger(&b, tt.format, slog.LevelInfo)
			if err != nil {
				t.Fatal(err)
			}
			tt.log(t.Context(), l)
			if got := b.String(); !strings.Contains(got, tt.want) || strings.Contains(got, tt.not) {
				t.Errorf("line %q: want %q and not %q", got, tt.want, tt.not)
			}
		})
	}
	if _, err := obs.NewLogger(&strings.Builder{}, "xml", slog.LevelInfo); err == nil {
		t.Error("format xml was accepted")
	}
}

func TestMetricsAreGathered(t *testing.T) {
	m := obs.NewMetrics()
	m.Counter("gust_test_total", "A test.", "service").WithLabelValues("sts").Add(2)
	m.Count("gust_test_other_total", "A test.", func() int64 { return 7 })
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		got[f.GetName()] = f.GetMetric()[0].GetCounter().GetValue() + f.GetMetric()[0].GetGauge().GetValue()
	}
	if got["gust_test_total"] != 2 || got["gust_test_other_total"] != 7 || got["go_goroutines"] < 1 {
		t.Errorf("gathered %v", got)
	}
}

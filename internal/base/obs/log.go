// SPDX-License-Identifier: Apache-2.0

// Package obs makes the server observable: the logger that everything receives in its Deps, which adds the request id
// to every line of a request, and the registry of metrics. It exposes nothing by itself: /_gust/metrics is
// internal/admin's.
package obs

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/gustcloud/gust/internal/base/reqctx"
)

// Formats of log lines.
const (
	FormatText = "text"
	FormatJSON = "json"
)

// NewLogger returns a logger that writes lines of at least level to w. Lines logged with a request's context carry its
// request_id.
func NewLogger(w io.Writer, format string, level slog.Leveler) (*slog.Logger, error) {
	o := &slog.HandlerOptions{Level: level}
	switch format {
	case FormatText:
		return slog.New(WithRequestID(slog.NewTextHandler(w, o))), nil
	case FormatJSON:
		return slog.New(WithRequestID(slog.NewJSONHandler(w, o))), nil
	}
	return nil, fmt.Errorf("log format %q: want %q or %q", format, FormatText, FormatJSON)
}

// WithRequestID returns a handler that adds request_id to the lines of a request and hands them to next.
func WithRequestID(next slog.Handler) slog.Handler { return requestID{next} }

type requestID struct{ next slog.Handler }

func (h requestID) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

func (h requestID) Handle(ctx context.Context, r slog.Record) error {
	if id := reqctx.From(ctx).ID; id != "" {
		r.AddAttrs(slog.String("request_id", id))
	}
	return h.next.Handle(ctx, r)
}

func (h requestID) WithAttrs(a []slog.Attr) slog.Handler { return requestID{h.next.WithAttrs(a)} }

// WithGroup keeps request_id inside the group, where slog puts every attribute of a record.
func (h requestID) WithGroup(name string) slog.Handler { return requestID{h.next.WithGroup(name)} }

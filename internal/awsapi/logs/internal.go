// SPDX-License-Identifier: Apache-2.0

// Package logs also holds, by hand, what planes of Gust ask of log groups beside the operations that AWS has: Appender.
package logs

import (
	"context"
	"time"

	"github.com/gustcloud/gust/internal/base/reqctx"
)

// Appender is the platform's own way into log groups, beside PutLogEvents: functions write through it.
type Appender interface {
	// Append adds entries to a stream and makes the group and the stream when they are absent. It is durable when it
	// returns. Entries are in order of time; messages are at most 262,118 bytes (the caller splits longer ones).
	Append(ctx context.Context, s reqctx.Scope, group, stream string, entries []Entry) error
}

// Entry is one log event.
type Entry struct {
	Time    time.Time // millisecond precision is kept
	Message string
}

// SPDX-License-Identifier: Apache-2.0

// Package logs implements Amazon CloudWatch Logs: log groups, streams, events, retention, and the Appender through which
// functions write. It has no metric filters, subscriptions and queries.
//
// Read keys.go (what is stored), then append.go and cursor.go. Contract: awsapi/logs. Differences from AWS: README.md.
package logs

import (
	"context"
	"log/slog"
	"sync/atomic"

	api "github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
)

// Deps is everything the service needs. All fields are required; nothing is global.
type Deps struct {
	Store store.Store
	Clock *clock.Service // that of the store; the times of events are the machine's
	Log   *slog.Logger
}

// Service implements api.API and api.Appender. It is safe for concurrent use.
type Service struct {
	Deps
	last    atomic.Uint64 // the last number that next gave
	targets targetCache
	growth  growth
}

var (
	_ api.API      = (*Service)(nil)
	_ api.Appender = (*Service)(nil)
)

// New returns a service; it does no I/O and starts no goroutine.
func New(d Deps) *Service { return &Service{Deps: d} }

// Run deletes expired events, ends interrupted deletions of streams and keeps the stored bytes. It returns when ctx ends.
func (s *Service) Run(ctx context.Context) error { return s.janitorLoop(ctx) }

// next returns a number that is greater than all before it in this process and is the time in nanoseconds at once: the
// order of batches, the time of their ingestion and the ids of streams. It needs no read, so nothing conflicts.
func (s *Service) next() uint64 {
	now := uint64(max(1, s.Store.Now().UnixNano()))
	for {
		last := s.last.Load()
		n := max(last+1, now)
		if s.last.CompareAndSwap(last, n) {
			return n
		}
	}
}

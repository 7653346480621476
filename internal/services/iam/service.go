// SPDX-License-Identifier: Apache-2.0

// Package iam implements the roles, users and access keys of AWS Identity and Access Management, and finds the access
// keys that requests are signed with (access.Keys). It decides nothing: policies are checked for their syntax only.
//
// Read keys.go (what is stored), then role.go, user.go, accesskey.go, keycache.go. Contract: awsapi/iam. Differences from AWS: README.md.
package iam

import (
	"context"
	"log/slog"

	api "github.com/gustcloud/gust/internal/awsapi/iam"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/store"
)

// Deps is everything the service needs. All fields are required; nothing is global.
type Deps struct {
	Store store.Store
	Clock clock.Clock
	IDs   ids.Source
	Log   *slog.Logger
}

// Service implements api.API. It is safe for concurrent use.
type Service struct {
	Deps
	cache keyCache
}

var _ api.API = (*Service)(nil)

// New returns a service; it does no I/O and starts no goroutine.
func New(d Deps) *Service { return &Service{Deps: d} }

// Run writes down when access keys were used last, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	for s.Clock.Sleep(ctx, usesEvery) == nil {
		s.noteUses(ctx)
	}
	s.noteUses(context.WithoutCancel(ctx))
	return nil
}

func (s *Service) noteUses(ctx context.Context) {
	if err := s.writeUses(ctx); err != nil {
		s.Log.WarnContext(ctx, "the last uses of access keys were not written", "error", err)
	}
}

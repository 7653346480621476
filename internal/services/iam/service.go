// SPDX-License-Identifier: Apache-2.0

// Package iam implements the roles of AWS Identity and Access Management: stored and read back. It decides nothing:
// development mode accepts every caller, and a policy is checked for its syntax only.
//
// Read keys.go (what is stored), then role.go. Contract: awsapi/iam. Differences from AWS: README.md.
package iam

import (
	"context"

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
}

// Service implements api.API. It is safe for concurrent use.
type Service struct{ Deps }

var _ api.API = (*Service)(nil)

// New returns a service; it does no I/O and starts no goroutine.
func New(d Deps) *Service { return &Service{Deps: d} }

// Run returns when ctx ends; the service has no background work.
func (s *Service) Run(ctx context.Context) error { <-ctx.Done(); return nil }

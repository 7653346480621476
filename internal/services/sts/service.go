// SPDX-License-Identifier: Apache-2.0

// Package sts implements the AWS Security Token Service: who the caller is, and temporary credentials of roles. Credentials
// are not stored: access.Sessions makes and resolves them.
//
// Read keys.go (quotas), then session.go. Contract: awsapi/sts. Differences from AWS: README.md.
package sts

import (
	"context"

	"github.com/gustcloud/gust/internal/access"
	iamapi "github.com/gustcloud/gust/internal/awsapi/iam"
	api "github.com/gustcloud/gust/internal/awsapi/sts"
	"github.com/gustcloud/gust/internal/base/clock"
)

// Deps is everything the service needs. All fields are required; nothing is global.
type Deps struct {
	Sessions *access.Sessions
	IAM      iamapi.API // for the id of a role
	Clock    clock.Clock
}

// Service implements api.API. It is safe for concurrent use.
type Service struct{ Deps }

var _ api.API = (*Service)(nil)

// New returns a service; it does no I/O and starts no goroutine.
func New(d Deps) *Service { return &Service{Deps: d} }

// Run returns when ctx ends; the service has no background work.
func (s *Service) Run(ctx context.Context) error { <-ctx.Done(); return nil }

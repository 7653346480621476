// SPDX-License-Identifier: Apache-2.0

// Package lambda implements the AWS Lambda control plane and the Invoker, the only way anything calls a function. It
// runs no code: execution environments are behind invoke.Environments.
//
// Read keys.go (what is stored), then function.go and invoke.go. Contract: awsapi/lambda. Differences from AWS: README.md.
package lambda

import (
	"context"
	"log/slog"
	"sync"

	api "github.com/gustcloud/gust/internal/awsapi/lambda"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/blob"
)

// Deps is everything the service needs. All fields are required; nothing is global.
type Deps struct {
	Store        store.Store
	Blobs        blob.Blobs // deployment packages, named by their SHA-256
	Environments invoke.Environments
	Clock        clock.Clock
	IDs          ids.Source
	Log          *slog.Logger
	Architecture string // of this host, as Lambda names it: "x86_64" or "arm64"
	// CodeLink returns an URL on host, the name that the caller used for this server, at which a package of the account can
	// be fetched for a while.
	CodeLink func(host, account string, code blob.Ref) string
}

// Service implements api.API; Invoker gives its invoke.Invoker. It is safe for concurrent use.
type Service struct {
	Deps
	versions versionCache
	deploy   chan deployment // new revisions whose code is to be prepared, in order
}

var (
	_ api.API        = (*Service)(nil)
	_ invoke.Invoker = invoker{}
)

// New returns a service; it does no I/O and starts no goroutine.
func New(d Deps) *Service {
	return &Service{Deps: d, deploy: make(chan deployment, 1024)}
}

// Run activates new revisions of functions and removes packages that no function names. It returns when ctx ends.
func (s *Service) Run(ctx context.Context) error {
	var loops sync.WaitGroup
	loops.Go(func() { s.sweepLoop(ctx) })
	defer loops.Wait()
	return s.deployLoop(ctx)
}

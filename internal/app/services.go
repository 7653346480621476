// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"log/slog"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/wire"
)

// Service is one registry entry.
type Service struct {
	API wire.Service                    // schema table bound to the service: what the front door dispatches to
	Run func(ctx context.Context) error // background work; blocks until ctx ends
}

// parts is what services are made of.
type parts struct {
	store    store.Store
	sessions *access.Sessions
	clock    clock.Clock
	ids      ids.Source
	log      *slog.Logger
	caller   wire.Caller // calls in-process, through authorization, metering and audit
}

// services is the registry: one entry for each AWS service, and the map of who calls whom.
func services(parts) []Service {
	return nil
}

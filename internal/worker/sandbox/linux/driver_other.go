// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package linux

import (
	"context"
	"errors"
	"log/slog"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/worker/sandbox"
)

// Deps is what the driver needs on Linux.
type Deps struct {
	Executable string
	Init       []byte
	RunDir     string
	IDs        ids.Source
	Log        *slog.Logger
	Clock      clock.Clock
}

// New says that there is no such driver on this system.
func New(context.Context, Deps) (sandbox.Driver, error) {
	return nil, errors.New("the linux driver needs Linux: choose --driver process, which runs functions without any isolation")
}

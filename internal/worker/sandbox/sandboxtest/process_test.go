// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sandboxtest_test

import (
	"testing"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/worker/sandbox"
	"github.com/gustcloud/gust/internal/worker/sandbox/process"
	"github.com/gustcloud/gust/internal/worker/sandbox/sandboxtest"
)

// The driver without isolation passes too: there each attempt to get out succeeds, so the suite can fail.
func TestProcessDriverPassesTheSuite(t *testing.T) {
	sandboxtest.Run(t, func(t *testing.T) sandbox.Driver {
		t.Helper()
		return process.New(process.Deps{Dir: t.TempDir(), IDs: ids.System(), Clock: clock.System{}})
	}, sandboxtest.Features{TakeTmp: true})
}

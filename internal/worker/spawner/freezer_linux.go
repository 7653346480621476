// SPDX-License-Identifier: Apache-2.0

package spawner

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
)

// Freezer stops and continues every process of a sandbox, its PID 1 too. The server uses the control file that the
// spawner opened for it: thawing is on the path of an invocation, and whoever thaws waits for a freeze that is under way.
type Freezer struct {
	file *os.File
	freezer
}

// Freeze returns when every process has stopped. When it fails the request still stands, until Thaw.
func (f *Freezer) Freeze(ctx context.Context, c clock.Clock) error {
	if _, err := f.file.WriteAt([]byte(f.freezer.Freeze), 0); err != nil {
		return fmt.Errorf("ask for it: %w", err)
	}
	// The kernel tells of a change of cgroup.events once in 10 ms only, so this looks by itself. An idle function
	// with a dozen threads stops within 0.2 ms: the first looks, 15 us each, follow at once, as a sleep lasts at least 1 ms.
	const eager = 25
	for looks := 0; ; looks++ {
		state, err := os.ReadFile(f.State)
		if err != nil {
			return fmt.Errorf("read the state: %w", err)
		}
		if strings.Contains(string(state), f.Frozen) {
			return nil
		}
		if looks < eager {
			runtime.Gosched()
			continue
		}
		if err := c.Sleep(ctx, time.Millisecond); err != nil {
			return fmt.Errorf("wait: %w", err)
		}
	}
}

// Thaw returns when the kernel has accepted it.
func (f *Freezer) Thaw() error {
	_, err := f.file.WriteAt([]byte(f.freezer.Thaw), 0)
	return err
}

// Close releases the control file; it does not thaw.
func (f *Freezer) Close() error { return f.file.Close() }

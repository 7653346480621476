// SPDX-License-Identifier: Apache-2.0

// Package process is the sandbox driver without isolation: functions run as ordinary processes of the server's user and
// can see and do whatever it can. It exists for hosts that are not Linux and for tests, and is used only when the
// operator asks for it by name. It enforces no limit; Freeze, Kill and Stats work on process groups, so a process that
// leaves its group escapes them. Read this file first, then sandbox.go.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/worker/sandbox"
)

// Deps is what the driver needs. All fields are required.
type Deps struct {
	Dir   string // existing directory for the sandboxes' trees
	IDs   ids.Source
	Clock clock.Clock
}

// Driver implements sandbox.Driver.
type Driver struct {
	deps Deps

	mu     sync.Mutex
	open   map[string]*box
	closed bool
}

var _ sandbox.Driver = (*Driver)(nil)

// New returns a driver; it does no I/O.
func New(d Deps) *Driver { return &Driver{deps: d, open: make(map[string]*box)} }

// Name returns "process".
func (d *Driver) Name() string { return "process" }

// Limits returns that there are none.
func (d *Driver) Limits() sandbox.Limits {
	return sandbox.Limits{
		Freeze:  true,
		TmpKind: "dir",
		Missing: []string{
			"isolation: the process driver runs functions as ordinary processes; use the linux driver",
			"memory, CPU and process limits: the process driver sets none; use the linux driver",
			"/tmp quota: the process driver uses a plain directory; use the linux driver",
		},
	}
}

// Prepare makes a directory tree: <id>/{tmp,run} and, on Claim, links task, runtime and opt.
func (d *Driver) Prepare(ctx context.Context, t sandbox.Template) (sandbox.Sandbox, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b := &box{driver: d, id: d.deps.IDs.Hex(8), template: t}
	b.root = filepath.Join(d.deps.Dir, b.id)
	for _, dir := range []string{"tmp", "run"} {
		if err := os.MkdirAll(filepath.Join(b.root, dir), 0o700); err != nil {
			return nil, fmt.Errorf("prepare sandbox: %w", err)
		}
	}
	b.tmp = &tmpDir{path: filepath.Join(b.root, "tmp")}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, errors.Join(sandbox.ErrClosed, os.RemoveAll(b.root))
	}
	d.open[b.id] = b
	return b, nil
}

// Close closes every sandbox that is still open.
func (d *Driver) Close() error {
	d.mu.Lock()
	d.closed = true
	open := make([]*box, 0, len(d.open))
	for _, b := range d.open {
		open = append(open, b)
	}
	d.mu.Unlock()
	var errs []error
	for _, b := range open {
		errs = append(errs, b.Close())
	}
	return errors.Join(errs...)
}

func (d *Driver) forget(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.open, id)
}

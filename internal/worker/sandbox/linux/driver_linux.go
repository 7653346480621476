// SPDX-License-Identifier: Apache-2.0

package linux

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/worker/sandbox"
	"github.com/gustcloud/gust/internal/worker/spawner"
)

// Deps is what the driver needs.
type Deps struct {
	Executable string // program that calls spawner.Main for "spawner"; "" for this one
	Init       []byte // gust-init; nil for the embedded one
	RunDir     string // directory of this server alone, on the data disk: it holds the /tmp images
	IDs        ids.Source
	Log        *slog.Logger
	Clock      clock.Clock // nil for the machine's
}

// Driver implements sandbox.Driver.
type Driver struct {
	ids    ids.Source
	log    *slog.Logger
	clock  clock.Clock
	client *spawner.Client
	limits sandbox.Limits
	work   sync.WaitGroup // watch

	mu     sync.Mutex
	open   map[string]*box
	closed bool
}

var _ sandbox.Driver = (*Driver)(nil)

// New starts the spawner and waits until it is ready. The context bounds only the call.
func New(ctx context.Context, d Deps) (*Driver, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("the linux driver needs root for user id ranges, control groups and mounts: start gust as " +
			"root, or choose --driver process, which runs functions without any isolation")
	}
	if d.Executable == "" {
		d.Executable = "/proc/self/exe"
	}
	if d.Clock == nil {
		d.Clock = clock.System{}
	}
	if d.Init == nil {
		var err error
		if d.Init, err = spawner.EmbeddedInit(); err != nil {
			return nil, err
		}
	}
	client, err := spawner.Start(spawner.Options{Executable: d.Executable, Init: d.Init, RunDir: d.RunDir, Log: d.Log})
	if err != nil {
		return nil, err
	}
	limits, err := client.Hello(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the linux driver: %w", err), client.Close())
	}
	dr := &Driver{ids: d.IDs, log: d.Log, clock: d.Clock, client: client, limits: limits, open: map[string]*box{}}
	dr.work.Go(dr.watch)
	return dr, nil
}

// watch waits for the end of the spawner. The kernel ends the sandboxes with it; should one be left, it ends when its
// socket closes.
func (d *Driver) watch() {
	<-d.client.Done()
	boxes, closed := d.boxes()
	if !closed {
		d.log.Error("the spawner has gone: every sandbox ended and no function can start")
	}
	for _, b := range boxes {
		b.abandon()
	}
}

func (d *Driver) boxes() (list []*box, closed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	list = make([]*box, 0, len(d.open))
	for _, b := range d.open {
		list = append(list, b)
	}
	return list, d.closed
}

// Name returns "linux".
func (d *Driver) Name() string { return "linux" }

// Limits returns what the spawner found on this host.
func (d *Driver) Limits() sandbox.Limits { return d.limits }

// Done is closed when the spawner has gone; every sandbox went with it and the driver makes no new ones.
func (d *Driver) Done() <-chan struct{} { return d.client.Done() }

// Prepare makes a parked sandbox.
func (d *Driver) Prepare(ctx context.Context, t sandbox.Template) (sandbox.Sandbox, error) {
	id := d.ids.Hex(8)
	p, err := d.client.Prepare(ctx, id, t)
	if err != nil {
		return nil, fmt.Errorf("prepare sandbox %s: %w", id, err)
	}
	b := newBox(d, id, t, p)
	d.mu.Lock()
	closed := d.closed
	if !closed {
		d.open[id] = b
	}
	d.mu.Unlock()
	if closed {
		return nil, errors.Join(sandbox.ErrClosed, b.Close())
	}
	return b, nil
}

func (d *Driver) forget(b *box) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.open, b.id)
}

// Close ends every sandbox and the spawner.
func (d *Driver) Close() error {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	err := d.client.Close() // ends all sandboxes at once; their Close then only releases what this process holds
	d.work.Wait()
	boxes, _ := d.boxes()
	for _, b := range boxes {
		err = errors.Join(err, b.Close())
	}
	return err
}

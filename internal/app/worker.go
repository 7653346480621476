// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/gustcloud/gust/internal/access"
	logsapi "github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/base/obs"
	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/worker/code"
	"github.com/gustcloud/gust/internal/worker/lifecycle"
	"github.com/gustcloud/gust/internal/worker/pool"
	"github.com/gustcloud/gust/internal/worker/runtimes"
	"github.com/gustcloud/gust/internal/worker/sandbox"
	"github.com/gustcloud/gust/internal/worker/sandbox/linux"
	"github.com/gustcloud/gust/internal/worker/sandbox/process"
)

// worker is the execution plane of this node.
type worker struct {
	config  Config
	data    *dataDir
	clock   clock.Clock
	ids     ids.Source
	log     *slog.Logger
	metrics *obs.Metrics
	driver  sandbox.Driver
	door    *http.Server // the AWS API for processes inside sandboxes; one server for the listeners of all
}

// openWorker starts the sandbox driver.
func openWorker(ctx context.Context, w worker) (*worker, error) {
	dir := filepath.Join(w.data.path, "run")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make %s: %w", dir, err)
	}
	switch w.config.Driver {
	case "process":
		w.log.WarnContext(ctx, "functions run WITHOUT ISOLATION (--driver process): they can do whatever this user can")
		w.driver = process.New(process.Deps{Dir: dir, IDs: w.ids, Clock: w.clock})
	default:
		d, err := linux.New(ctx, linux.Deps{RunDir: dir, IDs: w.ids, Log: w.log})
		if err != nil {
			return nil, &setupError{err, `"gust doctor" shows what this host lacks and how to get it.`}
		}
		w.driver = d
	}
	for _, missing := range w.driver.Limits().Missing {
		w.log.WarnContext(ctx, "a limit of functions does not hold on this host", "limit", missing)
	}
	return &w, nil
}

// pool makes the environments of this node. credentials gives those of an execution role.
func (w *worker) pool(output logsapi.Appender,
	credentials func(ctx context.Context, roleARN, session string) (access.Credentials, error),
) *pool.Pool {
	packs := runtimes.New(runtimes.Deps{
		Dir: filepath.Join(w.data.path, "runtimes"), Homes: homes(), Path: os.Getenv("PATH"), Log: w.log,
	})
	parked := w.config.PoolSize
	if parked == 0 {
		parked = -1 // none: 0 is the pool's default
	}
	p := pool.New(pool.Deps{
		Driver:   w.driver,
		Runtimes: pool.Packs(packs, w.driver.Limits().Isolation),
		Code: packages{code.New(code.Deps{
			Dir: filepath.Join(w.data.path, "code"), Log: w.log, Epoch: code.BootID(w.ids.UUID()),
		})},
		Credentials: func(ctx context.Context, role, session string) (lifecycle.Credentials, error) {
			c, err := credentials(ctx, role, session)
			return lifecycle.Credentials{
				AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken, Expires: c.Expires,
			}, err
		},
		Logs: output, APIDoor: w.serveInside, Clock: w.clock, IDs: w.ids, Log: w.log,
		Limits: pool.Limits{Parked: parked, Idle: w.config.IdleTimeout},
	})
	measure(w.metrics, p)
	return p
}

// serveInside serves the AWS API on a listener inside a sandbox until the listener is closed.
func (w *worker) serveInside(l net.Listener) {
	if err := w.door.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		w.log.Warn("the AWS API inside a sandbox ended", "error", err)
	}
}

// close ends every sandbox; the pool has returned.
func (w *worker) close() error { return w.driver.Close() }

// failed returns a channel that is closed when no sandbox can be made any more; nil for drivers that cannot fail so.
func (w *worker) failed() <-chan struct{} {
	if d, ok := w.driver.(interface{ Done() <-chan struct{} }); ok {
		return d.Done()
	}
	return nil
}

// measure exposes the pool's counters.
func measure(m *obs.Metrics, p *pool.Pool) {
	for _, c := range []struct {
		name, help string
		read       func(pool.Counters) int64
	}{
		{"environments_cold", "Invocations that made an execution environment.", func(c pool.Counters) int64 { return c.Cold }},
		{"environments_warm", "Invocations that took an idle execution environment.", func(c pool.Counters) int64 { return c.Warm }},
		{"environments_refused", "Invocations that found no room.", func(c pool.Counters) int64 { return c.Refused }},
		{"environments_evicted", "Idle environments closed for age or room.", func(c pool.Counters) int64 { return c.Evicted }},
		{"sandboxes_parked_hits", "Sandboxes that were ready when needed.", func(c pool.Counters) int64 { return c.ParkedHits }},
		{"sandboxes_parked_misses", "Sandboxes made on the spot.", func(c pool.Counters) int64 { return c.ParkedMisses }},
	} {
		m.Count("gust_"+c.name+"_total", c.help, func() int64 { return c.read(p.Counters()) })
	}
}

// packages is the pool's view of the code cache.
type packages struct{ cache *code.Cache }

var _ pool.Code = packages{}

func (p packages) Dir(ctx context.Context, sha256 string, open func(context.Context) (invoke.CodeReader, error)) (
	dir string, release func(), err error,
) {
	pkg, err := p.cache.Acquire(ctx, sha256, open)
	if err != nil {
		return "", nil, err
	}
	return pkg.Dir, pkg.Release, nil
}

func (packages) Check(_ context.Context, zip io.ReaderAt, size int64) error {
	return code.Check(zip, size)
}

func (p packages) Retire(sha256 string) { p.cache.Retire(sha256) }

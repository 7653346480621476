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
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gustcloud/gust/internal/admin"
	"github.com/gustcloud/gust/internal/awsapi"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/base/obs"
	"github.com/gustcloud/gust/internal/frontdoor"
	"github.com/gustcloud/gust/internal/services/iam"
	"github.com/gustcloud/gust/internal/store/blob"
	"github.com/gustcloud/gust/internal/wire"
)

// drainTime is how long running requests may go on after a signal: the longest function timeout would be 15 minutes, but
// supervisors kill much earlier (systemd after 90 s, Docker after 10 s).
const drainTime = 8 * time.Second

// run is the life of a server: open, serve until ctx ends or a part fails, drain, close in the reverse order. out takes
// what is printed for the operator only: new root credentials.
func run(ctx context.Context, c Config, version string, out, logTo io.Writer) (err error) {
	log, err := obs.NewLogger(logTo, c.LogFormat, c.level())
	if err != nil {
		return err
	}
	s := &server{log: log, out: out, ballast: make([]byte, ballastSize)}
	defer func() { err = errors.Join(err, s.close()) }()
	defer runtime.KeepAlive(s.ballast)
	if err := s.open(ctx, c, version); err != nil {
		return err
	}
	return s.serve(ctx)
}

// server is everything that is open or running.
type server struct {
	log      *slog.Logger
	out      io.Writer
	data     *dataDir
	listener net.Listener
	worker   *worker
	registry []Service
	door     *frontdoor.Door
	admin    admin.Deps
	draining atomic.Bool
	ballast  []byte
	closers  []func() error // in the order of opening
}

// ballastSize is counted by the garbage collector as a part of the heap, in bytes. The live heap of a server at rest is 2 MB,
// so that without it a collection would come every 4 MB, each 600 API calls. Its pages are never touched: they take no
// memory. What it costs is that up to twice its size of garbage waits for a collection.
const ballastSize = 16 << 20

// open opens everything, what may be refused first: another server's data directory, a port in use, damaged data.
func (s *server) open(ctx context.Context, c Config, version string) (err error) {
	if s.data, err = openData(c); err != nil {
		return err
	}
	s.closers = append(s.closers, s.data.close)
	if s.listener, err = listen(ctx, c.Listen); err != nil {
		return err
	}
	s.closers = append(s.closers, func() error { _ = s.listener.Close(); return nil }) // closed already when all went well
	clk, source, metrics := clock.System{}, ids.System(), obs.NewMetrics()
	serviceTime := clock.NewService(clk)
	st, err := openStore(ctx, c, s.data, serviceTime, s.log)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, st.Close)
	move, err := s.moves(ctx, c, st, serviceTime)
	if err != nil {
		return err
	}
	sessions, err := openSessions(ctx, st, source)
	if err != nil {
		return err
	}
	blobs, err := blob.Open(blob.Options{Dir: filepath.Join(s.data.path, "blobs"), Random: source.Random})
	if err != nil {
		return err
	}
	s.worker, err = openWorker(ctx, worker{config: c, data: s.data, clock: clk, ids: source, log: s.log, metrics: metrics})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, s.worker.close)

	gate := frontdoor.NewGate(frontdoor.AllowAll{}, s.log, metrics)
	caller := frontdoor.NewCaller(gate, clk, source.UUID)
	keys := iam.New(iam.Deps{Store: st, Clock: clk, IDs: source, Log: s.log.With("service", "iam")})
	authenticator, err := s.authenticator(ctx, c, keys, sessions)
	if err != nil {
		return err
	}
	s.registry = services(parts{
		store: st, blobs: blobs, sessions: sessions, clock: clk, time: serviceTime, ids: source, log: s.log,
		caller: caller, worker: s.worker, iam: keys,
	})
	apis := make([]wire.Service, 0, len(s.registry))
	names := make([]string, 0, len(s.registry))
	for _, r := range s.registry {
		if r.API.Schema != nil {
			apis, names = append(apis, r.API), append(names, r.Name)
		}
	}
	caller.Bind(apis)
	s.door = frontdoor.New(frontdoor.Deps{
		Services: apis, Known: awsapi.Known(), Gate: gate,
		Guard:         frontdoor.Guard{Domains: append(c.Domain, insideDomain), Origins: c.AllowOrigin},
		Authenticator: authenticator, Clock: clk, NewID: source.UUID, Log: s.log,
	})
	s.worker.door = frontdoor.NewServer(s.door, s.log)
	s.admin = admin.Deps{
		Version: version, Services: names, Draining: s.draining.Load, Metrics: metrics, Log: s.log,
		Links: sessions, Blobs: blobs, Clock: clk, Backup: backup{s.data, st, blobs}.to,
		Time: serviceTime, Move: move,
	}
	s.log.InfoContext(ctx, "starting", "version", version,
		"endpoint", "http://"+s.listener.Addr().String(), "data", s.data.path)
	return nil
}

// insideDomain holds the names of the API for processes inside sandboxes: aws.gust.internal, and what clients make of it
// when they put a host prefix before it (sync-aws.gust.internal).
const insideDomain = "gust.internal"

// close releases what open took, the last first.
func (s *server) close() error {
	var err error
	for i := len(s.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, s.closers[i]())
	}
	return err
}

// serve runs the doors and the services' background work until ctx ends or one of them fails.
func (s *server) serve(ctx context.Context) error {
	// Requests and background work end after the doors have drained, not with the signal.
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	failed := make(chan error, len(s.registry)+3) // one from each goroutine below
	var running sync.WaitGroup
	spawn := func(name string, f func(context.Context) error) {
		running.Go(func() {
			if err := f(work); err != nil && work.Err() == nil {
				failed <- fmt.Errorf("%s: %w", name, err)
			}
		})
	}
	for _, r := range s.registry {
		if r.Run != nil {
			spawn(r.Name, r.Run)
		}
	}
	spawn("sandboxes", s.watchWorker)
	api := frontdoor.NewServer(s.handler(), s.log)
	api.BaseContext = func(net.Listener) context.Context { return work }
	s.worker.door.BaseContext = api.BaseContext
	servers := []*http.Server{api}
	spawn("API", func(context.Context) error {
		return ignoreClosed(api.Serve(frontdoor.Limit(s.listener, frontdoor.MaxConnections)))
	})
	if l := s.socket(ctx); l != nil {
		operator := frontdoor.NewServer(admin.SocketHandler(s.admin), s.log)
		servers = append(servers, operator)
		spawn("socket", func(context.Context) error { return ignoreClosed(operator.Serve(l)) })
	}
	s.log.InfoContext(ctx, "Ready.") // at the end of its line: tools wait for it

	var err error
	select {
	case <-ctx.Done():
		s.log.InfoContext(ctx, "stopping")
	case err = <-failed:
		s.log.ErrorContext(ctx, "stopping: a part of the server failed", "error", err)
	}
	s.drain(work, servers)
	cancel(errStopping)
	running.Wait()
	return errors.Join(err, s.worker.door.Close())
}

// watchWorker fails when the sandbox driver does.
func (s *server) watchWorker(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.worker.failed():
		return errors.New("the spawner ended; its reason stands in the log")
	}
}

var errStopping = errors.New("the server is stopping")

// drain lets running requests end, for drainTime at most, then breaks them off.
func (s *server) drain(ctx context.Context, servers []*http.Server) {
	s.draining.Store(true)
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	for _, h := range servers {
		if err := h.Shutdown(ctx); err != nil {
			s.log.WarnContext(ctx, "requests were broken off", "error", err)
			_ = h.Close()
		}
	}
}

// handler divides the API listener between the operator's paths and the AWS API. The door guards itself.
func (s *server) handler() http.Handler {
	operator := admin.Handler(s.admin)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !admin.Owns(r.URL.Path) || !s.door.Guard.Operator(r) {
			s.door.ServeHTTP(w, r)
			return
		}
		if err := s.door.Guard.Check(r); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		operator.ServeHTTP(w, r)
	})
}

// socket opens the operator's unix socket; without it the server works all the same.
func (s *server) socket(ctx context.Context) net.Listener {
	name := filepath.Join(s.data.path, "gust.sock")
	// What is there is of a server that was killed: the lock is ours.
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.log.WarnContext(ctx, "no operator's socket", "error", err)
		return nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", name)
	if err != nil {
		s.log.WarnContext(ctx, "no operator's socket", "error", err)
		return nil
	}
	if err := os.Chmod(name, 0o600); err != nil {
		s.log.WarnContext(ctx, "no operator's socket", "error", err)
		_ = l.Close()
		return nil
	}
	return l
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// listen opens the API's listener and says what can be done where it cannot be opened.
func listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, &setupError{
			fmt.Errorf("the address %s is in use by another program", address),
			"Stop it (find it with: ss -ltnp), or choose another address with --listen 127.0.0.1:PORT.",
		}
	case errors.Is(err, syscall.EACCES):
		return nil, &setupError{
			fmt.Errorf("listen on %s: %w", address, err),
			"Ports below 1024 need root; choose another with --listen 127.0.0.1:PORT.",
		}
	case err != nil:
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return l, nil
}

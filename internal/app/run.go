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
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/admin"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/base/obs"
	"github.com/gustcloud/gust/internal/frontdoor"
	"github.com/gustcloud/gust/internal/wire"
)

// drainTime is how long running requests may go on after a signal: the longest function timeout would be 15 minutes, but
// supervisors kill much earlier (systemd after 90 s, Docker after 10 s).
const drainTime = 8 * time.Second

// run is the life of a server: open, serve until ctx ends or a part fails, drain, close in the reverse order.
func run(ctx context.Context, c Config, version string, logTo io.Writer) (err error) {
	log, err := obs.NewLogger(logTo, c.LogFormat, c.level())
	if err != nil {
		return err
	}
	var closers []func() error
	defer func() {
		for i := len(closers) - 1; i >= 0; i-- {
			err = errors.Join(err, closers[i]())
		}
	}()
	data, err := openData(c)
	if err != nil {
		return err
	}
	closers = append(closers, data.close)
	listener, err := listen(ctx, c.Listen)
	if err != nil {
		return err
	}
	closers = append(closers, func() error { _ = listener.Close(); return nil }) // closed by the server already when all goes well
	clk, source := clock.System{}, ids.System()
	st, err := openStore(data, clk, log)
	if err != nil {
		return err
	}
	closers = append(closers, st.Close)
	sessions, err := openSessions(ctx, st, source)
	if err != nil {
		return err
	}

	metrics := obs.NewMetrics()
	gate := frontdoor.NewGate(frontdoor.AllowAll{}, log, metrics)
	caller := frontdoor.NewCaller(gate, clk.Now, source.UUID)
	registry := services(parts{store: st, sessions: sessions, clock: clk, ids: source, log: log, caller: caller})
	apis := make([]wire.Service, len(registry))
	names := make([]string, len(registry))
	for i, s := range registry {
		apis[i], names[i] = s.API, s.API.Name()
	}
	caller.Bind(apis)
	s := &server{log: log, listener: listener, data: data, registry: registry}
	s.door = frontdoor.New(frontdoor.Deps{
		Services: apis, Gate: gate, Guard: frontdoor.Guard{Domains: c.Domain, Origins: c.AllowOrigin},
		Authenticator: access.Development{Sessions: sessions}, Clock: clk, NewID: source.UUID, Log: log,
	})
	s.admin = admin.Deps{Version: version, Services: names, Draining: s.draining.Load, Metrics: metrics, Log: log}
	log.InfoContext(ctx, "starting", "version", version, "endpoint", "http://"+listener.Addr().String(), "data", data.path)
	return s.serve(ctx)
}

// server is what runs once everything is open.
type server struct {
	log      *slog.Logger
	listener net.Listener
	data     *dataDir
	registry []Service
	door     *frontdoor.Door
	admin    admin.Deps
	draining atomic.Bool
}

// serve runs the doors and the services' background work until ctx ends or one of them fails.
func (s *server) serve(ctx context.Context) error {
	// Requests and background work end after the doors have drained, not with the signal.
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	failed := make(chan error, len(s.registry)+2) // one from each goroutine below
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
			spawn(r.API.Name(), r.Run)
		}
	}
	api := frontdoor.NewServer(s.handler(), s.log)
	api.BaseContext = func(net.Listener) context.Context { return work }
	servers := []*http.Server{api}
	spawn("API", func(context.Context) error { return ignoreClosed(api.Serve(s.listener)) })
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
	return err
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
		if !admin.Owns(r.URL.Path) {
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
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) { // of a server that was killed; the lock is ours
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
		return nil, &setupError{fmt.Errorf("listen on %s: %w", address, err), "Ports below 1024 need root; choose another with --listen 127.0.0.1:PORT."}
	case err != nil:
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return l, nil
}

// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	logsapi "github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/worker/lifecycle"
	"github.com/gustcloud/gust/internal/worker/sandbox"
)

// fakeEnv is an environment whose states the tests see and set.
type fakeEnv struct {
	id string

	mu      sync.Mutex
	state   lifecycle.State
	settles time.Time // when the runtime asks for its next event
	expires time.Time
	freezes int
	thaws   int
	tail    time.Duration // from the response to the next event
}

func (e *fakeEnv) Invoke(context.Context, invoke.Event) (*invoke.Result, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.state == lifecycle.Frozen {
		return nil, errors.New("invoked while frozen")
	}
	e.state = lifecycle.Settling
	e.settles = time.Now().Add(e.tail)
	return &invoke.Result{Payload: []byte(e.id)}, nil
}

func (e *fakeEnv) ID() string { return e.id }

func (e *fakeEnv) MemoryMB() int { return 128 }

func (e *fakeEnv) State() lifecycle.State {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state
}

func (e *fakeEnv) Expires() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.expires
}

func (e *fakeEnv) Settle(d time.Duration) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.state != lifecycle.Settling {
		return true
	}
	wait := time.Until(e.settles)
	time.Sleep(max(0, min(wait, d))) // the bubble's clock
	if wait > d {
		return false
	}
	e.state = lifecycle.Ready
	return true
}

func (e *fakeEnv) Freeze(context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state = lifecycle.Frozen
	e.freezes++
	return nil
}

func (e *fakeEnv) Thaw(context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.state == lifecycle.Frozen {
		e.state = lifecycle.Ready
		e.thaws++
	}
	return nil
}

func (e *fakeEnv) counts() (freezes, thaws int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.freezes, e.thaws
}

func (e *fakeEnv) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state = lifecycle.Dead
}

type fakeRuntimes struct{ err error }

func (r fakeRuntimes) Launch(context.Context, *invoke.Version) (lifecycle.Launch, error) {
	return lifecycle.Launch{}, r.err
}

type fakeCode struct{ err error }

func (c fakeCode) Dir(context.Context, string, func(context.Context) (invoke.CodeReader, error)) (string, func(), error) {
	return "", func() {}, c.err
}

func (c fakeCode) Retire(string) {}

func (c fakeCode) Check(context.Context, io.ReaderAt, int64) error { return c.err }

// fakeDriver makes nothing.
type fakeDriver struct{}

func (fakeDriver) Name() string { return "fake" }

func (fakeDriver) Limits() sandbox.Limits { return sandbox.Limits{Freeze: true} }

func (fakeDriver) Close() error { return nil }

func (fakeDriver) Prepare(context.Context, sandbox.Template) (sandbox.Sandbox, error) {
	return nil, errors.ErrUnsupported
}

type noLogs struct{}

func (noLogs) Append(context.Context, reqctx.Scope, string, string, []logsapi.Entry) error {
	return nil
}

// harness runs a pool of fake environments in a synctest bubble.
type harness struct {
	*Pool
	mu   sync.Mutex
	envs []*fakeEnv
	make func(*fakeEnv)
	stop func()
}

func newHarness(t *testing.T, l Limits) *harness {
	t.Helper()
	l.Parked = -1
	h := &harness{}
	h.Pool = New(Deps{
		Driver: fakeDriver{}, Runtimes: fakeRuntimes{}, Code: fakeCode{}, Logs: noLogs{},
		Clock: clock.System{}, IDs: ids.System(), Log: slog.New(slog.DiscardHandler), Limits: l,
	})
	h.open = func(c lifecycle.Config) (environment, error) {
		e := &fakeEnv{id: c.ID}
		if h.make != nil {
			h.make(e)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.envs = append(h.envs, e)
		return e, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	h.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	return h
}

func version(name, revision string) *invoke.Version {
	return &invoke.Version{FunctionARN: name, Version: "$LATEST", Revision: revision}
}

// hold takes an environment and keeps it until release is called; it returns its id.
func (h *harness) hold(t *testing.T, v *invoke.Version) (id string, release func()) {
	t.Helper()
	got, end, gone := make(chan string), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		if err := h.Try(t.Context(), v, func(e invoke.Environment) error {
			res, err := e.Invoke(t.Context(), invoke.Event{})
			if err != nil {
				t.Error(err)
				close(got)
				return err
			}
			got <- string(res.Payload)
			<-end
			return nil
		}); err != nil {
			t.Error(err)
		}
	}()
	id = <-got
	return id, func() { close(end); <-gone }
}

func (h *harness) once(t *testing.T, v *invoke.Version) string {
	t.Helper()
	id, release := h.hold(t, v)
	release()
	return id
}

// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	logsapi "github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/worker/lifecycle"
	"github.com/gustcloud/gust/internal/worker/lifecycle/bootstraptest"
	"github.com/gustcloud/gust/internal/worker/pool"
	"github.com/gustcloud/gust/internal/worker/sandbox/process"
)

var bootstrap bootstraptest.Builder

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "gust-bootstrap")
	if err != nil {
		panic(err)
	}
	bootstrap.Dir = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

type launcher struct{}

func (launcher) Launch(_ context.Context, v *invoke.Version) (lifecycle.Launch, error) {
	return bootstraptest.Launch(v), nil
}

type oneDir string

func (d oneDir) Dir(context.Context, string, func(context.Context) (invoke.CodeReader, error)) (string, func(), error) {
	return string(d), func() {}, nil
}

func (oneDir) Retire(string) {}

func (oneDir) Check(context.Context, io.ReaderAt, int64) error { return nil }

// memoryLogs counts and keeps what the log service would store.
type memoryLogs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *memoryLogs) Append(_ context.Context, _ reqctx.Scope, _, _ string, entries []logsapi.Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range entries {
		l.text.WriteString(e.Message)
	}
	return nil
}

func mustPool(t testing.TB, limits pool.Limits) (p *pool.Pool, logs *memoryLogs, stop func()) {
	t.Helper()
	driver := process.New(process.Deps{Dir: t.TempDir(), IDs: ids.System(), Clock: clock.System{}})
	logs = &memoryLogs{}
	p = pool.New(pool.Deps{
		Driver: driver, Runtimes: launcher{}, Code: oneDir(bootstrap.CodeDir(t)), Logs: logs,
		Credentials: func(context.Context, string, string) (lifecycle.Credentials, error) {
			return lifecycle.Credentials{}, nil
		},
		Clock: clock.System{}, IDs: ids.System(), Log: slog.New(slog.DiscardHandler), Limits: limits,
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := driver.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return p, logs, stop
}

func function() *invoke.Version {
	return &invoke.Version{
		Scope: reqctx.Scope{Account: "123456789012", Region: "us-east-1"}, FunctionARN: "arn:aws:lambda:us-east-1:123456789012:function:f",
		Name: "f", Version: "$LATEST", Revision: "1", Runtime: "provided.al2023", Handler: "h", MemoryMB: 128,
		Timeout: 10 * time.Second, EphemeralMB: 512, LogGroup: "/aws/lambda/f",
	}
}

func call(t testing.TB, p *pool.Pool, v *invoke.Version, id string, payload []byte) *invoke.Result {
	t.Helper()
	var res *invoke.Result
	err := p.Try(t.Context(), v, func(e invoke.Environment) (err error) {
		res, err = e.Invoke(t.Context(), invoke.Event{RequestID: id, Payload: payload})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestManyCallersOfOneFunction(t *testing.T) {
	p, logs, stop := mustPool(t, pool.Limits{Environments: 4})
	v := function()
	const callers, each = 8, 20
	var wg sync.WaitGroup
	var mu sync.Mutex
	pids := map[int]int{}
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				res := call(t, p, v, strings.Repeat("i", c+1)+"-"+strings.Repeat("j", i+1), []byte(`{"print":"out\n"}`))
				var a struct{ PID int }
				if err := json.Unmarshal(res.Payload, &a); err != nil || res.FunctionError != "" {
					t.Errorf("%s %s", res.FunctionError, res.Payload)
				}
				mu.Lock()
				pids[a.PID]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(pids) > 4 {
		t.Errorf("%d processes, want at most 4", len(pids))
	}
	stop()
	for _, want := range []string{"START RequestId: ", "out\n", "END RequestId: ", "REPORT RequestId: "} {
		if n := strings.Count(logs.text.String(), want); n != callers*each {
			t.Errorf("%q is %d times in the log, want %d", want, n, callers*each)
		}
	}
}

func TestShutdownEndsABusyInvocation(t *testing.T) {
	p, _, stop := mustPool(t, pool.Limits{})
	got := make(chan error, 1)
	started := make(chan struct{})
	go func() {
		got <- p.Try(t.Context(), function(), func(e invoke.Environment) error {
			close(started)
			_, err := e.Invoke(t.Context(), invoke.Event{RequestID: "id", Payload: bootstraptest.Event{Hang: true}.Marshal()})
			return err
		})
	}()
	<-started
	stop()
	if err := <-got; !errors.Is(err, lifecycle.ErrDead) {
		var busy *invoke.BusyError
		if !errors.As(err, &busy) {
			t.Errorf("got %v", err)
		}
	}
}

// BenchmarkWarmInvoke is one caller and one environment, without the HTTP door: pool, lifecycle, Runtime API over TCP,
// a Go bootstrap on net/http.
func BenchmarkWarmInvoke(b *testing.B) {
	p, _, _ := mustPool(b, pool.Limits{})
	v := function()
	call(b, p, v, "cold", []byte("{}"))
	b.ReportAllocs()
	for b.Loop() {
		call(b, p, v, "id", []byte("{}"))
	}
}

// SPDX-License-Identifier: Apache-2.0

package lifecycle_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
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
	"github.com/gustcloud/gust/internal/worker/output"
	"github.com/gustcloud/gust/internal/worker/sandbox"
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

// logSink records what the log service would store.
type logSink struct {
	mu     sync.Mutex
	stream string
	lines  []string
}

func (l *logSink) Append(_ context.Context, _ reqctx.Scope, group, stream string, entries []logsapi.Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stream = group + " " + stream
	for _, e := range entries {
		l.lines = append(l.lines, e.Message)
	}
	return nil
}

func (l *logSink) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "")
}

type bench struct {
	env    *lifecycle.Environment
	logs   *logSink
	places []*limited
	doors  chan net.Addr // of each API door
	finish func() string // closes the environment and returns its whole log
}

// limited is a sandbox whose CPU share can change: it records the shares.
type limited struct {
	sandbox.Sandbox
	shares []float64
}

func (l *limited) Claim(ctx context.Context, c sandbox.Claim) error {
	l.shares = append(l.shares, c.CPU)
	return l.Sandbox.Claim(ctx, c)
}

func (l *limited) SetCPU(_ context.Context, cores float64) error {
	l.shares = append(l.shares, cores)
	return nil
}

type option func(*invoke.Version, *lifecycle.Config)

func mustEnvironment(t testing.TB, opts ...option) *bench {
	t.Helper()
	driver := process.New(process.Deps{Dir: t.TempDir(), IDs: ids.System(), Clock: clock.System{}})
	t.Cleanup(func() {
		if err := driver.Close(); err != nil {
			t.Error(err)
		}
	})
	sink := &logSink{}
	writer := output.NewWriter(output.Deps{Logs: sink, Clock: clock.System{}, Log: slog.New(slog.DiscardHandler)})
	v := &invoke.Version{
		Scope: reqctx.Scope{Account: "123456789012", Region: "eu-west-1"}, FunctionARN: "arn:aws:lambda:eu-west-1:123456789012:function:f",
		Name: "f", Version: "$LATEST", Revision: "r1", Runtime: "provided.al2023", Handler: "h", MemoryMB: 128,
		Timeout: 5 * time.Second, EphemeralMB: 512, LogGroup: "/aws/lambda/f",
	}
	cfg := lifecycle.Config{
		ID: strings.Repeat("0a", 16), Version: v, Launch: bootstraptest.Launch(v), CodeDir: bootstrap.CodeDir(t),
		InitLimit: 5 * time.Second, InitType: "on-demand",
	}
	for _, o := range opts {
		o(v, &cfg)
	}
	b := &bench{logs: sink, doors: make(chan net.Addr, 16)}
	env, err := lifecycle.New(lifecycle.Deps{
		Clock: clock.System{}, Log: slog.New(slog.DiscardHandler), Output: writer,
		Place: func(ctx context.Context, tmpl sandbox.Template) (*lifecycle.Place, error) {
			p, err := mustPlace(ctx, driver, tmpl)
			if err == nil {
				l := &limited{Sandbox: p.Sandbox}
				p.Sandbox, b.places = l, append(b.places, l)
			}
			return p, err
		},
		APIDoor: func(l net.Listener) {
			b.doors <- l.Addr()
			if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("the door's listener: %v", err)
			}
		},
		Credentials: func(context.Context, string, string) (lifecycle.Credentials, error) {
			return lifecycle.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret", SessionToken: "token"}, nil
		},
	}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	writing.Go(func() { _ = writer.Run(ctx) })
	finish := func() string {
		env.Close()
		stop()
		writing.Wait()
		return sink.text()
	}
	t.Cleanup(func() { finish() })
	b.env, b.finish = env, finish
	return b
}

func mustPlace(ctx context.Context, d sandbox.Driver, tmpl sandbox.Template) (*lifecycle.Place, error) {
	sb, err := d.Prepare(ctx, tmpl)
	if err != nil {
		return nil, err
	}
	p := &lifecycle.Place{Sandbox: sb}
	if p.Runtime, err = sb.Listen(ctx, "tcp", lifecycle.RuntimeAddress); err != nil {
		return nil, err
	}
	if p.Socket, err = sb.Listen(ctx, "unix", lifecycle.RuntimeSocket); err != nil {
		return nil, err
	}
	p.API, err = sb.Listen(ctx, "tcp", lifecycle.APIAddress)
	return p, err
}

func timeout(d time.Duration) option {
	return func(v *invoke.Version, _ *lifecycle.Config) { v.Timeout = d }
}

func bootInit(what string) option {
	return func(v *invoke.Version, c *lifecycle.Config) { c.Launch = bootstraptest.Launch(v, "BOOT_INIT="+what) }
}

func initLimit(d time.Duration) option {
	return func(_ *invoke.Version, c *lifecycle.Config) { c.InitLimit = d }
}

func (b *bench) invoke(t testing.TB, id string, e bootstraptest.Event) *invoke.Result {
	t.Helper()
	if !b.env.Settle(time.Minute) {
		t.Fatal("the environment did not settle")
	}
	res, err := b.env.Invoke(t.Context(), invoke.Event{RequestID: id, Payload: e.Marshal(), LogTail: true})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// answer decodes the bootstrap's result.
func answer(t testing.TB, r *invoke.Result) (a struct {
	N   int
	PID int
	Tmp string
	Env string
},
) {
	t.Helper()
	if r.FunctionError != "" {
		t.Fatalf("function error %s: %s", r.FunctionError, r.Payload)
	}
	if err := json.Unmarshal(r.Payload, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

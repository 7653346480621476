// SPDX-License-Identifier: Apache-2.0

package lambda

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	api "github.com/gustcloud/gust/internal/awsapi/lambda"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/blob"
	"github.com/gustcloud/gust/internal/store/engine/pebble"
)

const role = "arn:aws:iam::123456789012:role/r"

// environments is an execution plane that answers what the test says.
type environments struct {
	mu       sync.Mutex
	prepared error // what Prepare answers
	checked  error // what CheckCode answers
	tried    error
	events   []invoke.Event
	versions []*invoke.Version
	retired  []string
}

func (e *environments) Try(_ context.Context, v *invoke.Version, fn func(invoke.Environment) error) error {
	e.mu.Lock()
	e.versions = append(e.versions, v)
	err := e.tried
	e.mu.Unlock()
	if err != nil {
		return err
	}
	return fn(environment{e})
}

func (e *environments) CheckCode(context.Context, io.ReaderAt, int64) error { return e.checked }

func (e *environments) Prepare(context.Context, *invoke.Version) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.prepared
}

func (e *environments) Retire(arn, version, keep string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.retired = append(e.retired, arn+" "+version+" "+keep)
}

type environment struct{ e *environments }

func (v environment) Invoke(_ context.Context, ev invoke.Event) (*invoke.Result, error) {
	v.e.mu.Lock()
	defer v.e.mu.Unlock()
	v.e.events = append(v.e.events, ev)
	return &invoke.Result{Payload: bytes.Clone(ev.Payload), LogTail: []byte("END")}, nil
}

type fixture struct {
	*Service
	env *environments
	st  store.Store
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	st, err := pebble.Open(pebble.Options{Ephemeral: true, Clock: clock.System{}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	blobs, err := blob.Open(blob.Options{Dir: t.TempDir(), Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	env := &environments{}
	return &fixture{env: env, st: st, Service: New(Deps{
		Store: st, Blobs: blobs, Environments: env, Clock: clock.System{}, IDs: ids.System(), Log: log, Architecture: "x86_64",
		CodeLink: func(host, account string, code blob.Ref) string {
			return host + " " + account + " " + code.SHA256.Base64()
		},
	})}
}

func scoped(ctx context.Context) context.Context {
	return reqctx.With(ctx, reqctx.Request{Scope: reqctx.Scope{Account: "123456789012", Region: "eu-central-1"}, ID: "req-1"})
}

func createInput(name string) *api.CreateFunctionRequest {
	return &api.CreateFunctionRequest{
		FunctionName: name, Runtime: new("provided.al2023"), Role: role, Handler: new("bootstrap"),
		Code: &api.FunctionCode{ZipFile: []byte("zip of " + name)},
	}
}

// active makes a function and activates it, without the loop.
func (f *fixture) active(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	if _, err := f.CreateFunction(ctx, createInput(name)); err != nil {
		t.Fatal(err)
	}
	if err := f.rescan(ctx); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) configurationOf(ctx context.Context, t *testing.T) *api.FunctionConfiguration {
	t.Helper()
	c, err := f.GetFunctionConfiguration(ctx, &api.GetFunctionConfigurationRequest{FunctionName: "a"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFunctionGoesFromPendingToActive(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	c, err := f.CreateFunction(ctx, createInput("a"))
	if err != nil {
		t.Fatal(err)
	}
	if *c.State != api.StatePending || *c.StateReasonCode != api.StateReasonCodeCreating || *c.Timeout != 3 || *c.MemorySize != 128 ||
		c.EphemeralStorage.Size != 512 || *c.FunctionArn != "arn:aws:lambda:eu-central-1:123456789012:function:a" || *c.CodeSize != 8 {
		t.Errorf("created: %+v", c)
	}
	var busy *api.ResourceConflictException
	if _, err := f.Invoke(ctx, &api.InvocationRequest{FunctionName: "a"}); !errors.As(err, &busy) || !strings.HasSuffix(busy.Message, "state: Pending") {
		t.Errorf("invoke while Pending: %v", err)
	}
	if err := f.rescan(ctx); err != nil {
		t.Fatal(err)
	}
	if c := f.configurationOf(ctx, t); *c.State != api.StateActive || *c.LastUpdateStatus != api.LastUpdateStatusSuccessful || c.StateReason != nil {
		t.Errorf("activated: %+v", c)
	}
}

func TestRunActivatesWithoutWaitingForTheScan(t *testing.T) {
	f := newFixture(t)
	ctx, stop := context.WithTimeout(scoped(t.Context()), rescanInterval/2)
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	if _, err := f.CreateFunction(ctx, createInput("a")); err != nil {
		t.Fatal(err)
	}
	for *f.configurationOf(ctx, t).State != api.StateActive { // fails when ctx ends, before the next scan
		runtime.Gosched()
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestRevisionThatCannotRunFailsAndTheOldOneStays(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	f.active(ctx, t, "a")
	if _, err := f.UpdateFunctionConfiguration(ctx, &api.UpdateFunctionConfigurationRequest{FunctionName: "a", MemorySize: new(int32(256))}); err != nil {
		t.Fatal(err)
	}
	if c := f.configurationOf(ctx, t); *c.LastUpdateStatus != api.LastUpdateStatusInProgress || *c.MemorySize != 256 {
		t.Errorf("in progress: %+v", c)
	}
	var busy *api.ResourceConflictException
	if _, err := f.UpdateFunctionConfiguration(ctx, &api.UpdateFunctionConfigurationRequest{FunctionName: "a"}); !errors.As(err, &busy) {
		t.Errorf("a second update: %v", err)
	}
	f.env.prepared = &invoke.PackError{Runtime: "x", Fix: "install it"}
	if err := f.rescan(ctx); err != nil {
		t.Fatal(err)
	}
	c := f.configurationOf(ctx, t)
	if *c.State != api.StateActive || *c.LastUpdateStatus != api.LastUpdateStatusFailed || !strings.Contains(*c.LastUpdateStatusReason, "install it") {
		t.Errorf("failed update: %+v", c)
	}
	if _, err := f.Invoke(ctx, &api.InvocationRequest{FunctionName: "a"}); err != nil {
		t.Fatal(err)
	}
	if v := f.env.versions[0]; v.MemoryMB != 128 {
		t.Errorf("an invocation runs the revision that failed: %+v", v)
	}
}

func TestUpdateIsSeenByTheNextInvocation(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	f.active(ctx, t, "a")
	for _, memory := range []int32{192, 320} {
		if _, err := f.Invoke(ctx, &api.InvocationRequest{FunctionName: "a"}); err != nil {
			t.Fatal(err)
		}
		if _, err := f.UpdateFunctionConfiguration(ctx, &api.UpdateFunctionConfigurationRequest{FunctionName: "a", MemorySize: &memory}); err != nil {
			t.Fatal(err)
		}
		if err := f.rescan(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Invoke(ctx, &api.InvocationRequest{FunctionName: "a"}); err != nil {
			t.Fatal(err)
		}
		if v := f.env.versions[len(f.env.versions)-1]; v.MemoryMB != int(memory) {
			t.Errorf("memory %d, want %d", v.MemoryMB, memory)
		}
	}
	if _, err := f.DeleteFunction(ctx, &api.DeleteFunctionRequest{FunctionName: "a"}); err != nil {
		t.Fatal(err)
	}
	var gone *api.ResourceNotFoundException
	if _, err := f.Invoke(ctx, &api.InvocationRequest{FunctionName: "a"}); !errors.As(err, &gone) ||
		gone.Message != "Function not found: arn:aws:lambda:eu-central-1:123456789012:function:a:$LATEST" {
		t.Errorf("invoke of a deleted function: %v", err)
	}
	if last := f.env.retired[len(f.env.retired)-1]; last != "arn:aws:lambda:eu-central-1:123456789012:function:a $LATEST " {
		t.Errorf("retired %q", last)
	}
}

func TestWhatNeedsActivationSurvivesACrash(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	if _, err := f.CreateFunction(ctx, createInput("a")); err != nil {
		t.Fatal(err)
	}
	again := New(f.Deps) // what was queued in memory is gone
	if err := again.rescan(ctx); err != nil {
		t.Fatal(err)
	}
	if c := f.configurationOf(ctx, t); *c.State != api.StateActive {
		t.Errorf("state %s", *c.State)
	}
}

func TestRecordThatCannotBeReadIsSaid(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	f.active(ctx, t, "a")
	if _, err := f.UpdateFunctionConfiguration(ctx, &api.UpdateFunctionConfigurationRequest{FunctionName: "a", MemorySize: new(int32(256))}); err != nil {
		t.Fatal(err)
	}
	if err := f.st.Update(ctx, func(tx store.Tx) error {
		tx.Set(functionKey(scopeOf(ctx), "damaged"), []byte("\x01{"))
		tx.Set(waitingKey(scopeOf(ctx), "damaged"), []byte("some-revision"))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	f.Log = slog.New(slog.NewTextHandler(&said, nil))
	if err := f.rescan(ctx); err != nil {
		t.Fatal(err)
	}
	if got := said.String(); !strings.Contains(got, "function:damaged") || !strings.Contains(got, "damaged record") {
		t.Errorf("log: %q", got)
	}
	if c := f.configurationOf(ctx, t); *c.LastUpdateStatus != api.LastUpdateStatusSuccessful {
		t.Errorf("the other function: %+v", c)
	}
}

func TestSweepKeepsPackagesInUse(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	f.active(ctx, t, "kept")
	f.active(ctx, t, "deleted")
	var codes []blob.Ref
	for _, name := range []string{"kept", "deleted"} {
		record, _, err := f.lookup(ctx, name, nil)
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, record.Deployed.Code)
	}
	if _, err := f.DeleteFunction(ctx, &api.DeleteFunctionRequest{FunctionName: "deleted"}); err != nil {
		t.Fatal(err)
	}
	f.Clock = later{clock.System{}, 2 * sweepAge}
	if err := f.sweep(ctx); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false} {
		r, err := f.Blobs.Open(ctx, codes[i])
		if (err == nil) != want {
			t.Errorf("package %d: %v, want present %v", i, err, want)
		}
		if err == nil {
			_ = r.Close()
		}
	}
}

func TestSweepReadsNamesPageByPage(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	f.active(ctx, t, "f")
	f.active(ctx, t, "g")
	if err := f.Store.Update(ctx, func(tx store.Tx) error {
		for i := range 2*sweepPage + 1 { // another service's names, which stand before ours
			tx.Set(store.NameKey("000000000000", "us-east-1", "iam", "role", strconv.Itoa(i)), []byte("a role"))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var names []string
	if err := f.eachFunction(ctx, func(x *function) { names = append(names, x.Name) }); err != nil {
		t.Fatal(err)
	}
	if want := []string{"f", "g"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}

// later is a clock that is ahead.
type later struct {
	clock.System
	by time.Duration
}

func (l later) Now() time.Time { return l.System.Now().Add(l.by) }

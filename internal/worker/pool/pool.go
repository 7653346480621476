// SPDX-License-Identifier: Apache-2.0

// Package pool gives invocations their execution environments: an idle one of the same revision, most recently used
// first, else a new one in a sandbox that was parked in advance, else one made on the spot, within the node's bounds. It
// freezes idle environments and evicts them. What happens inside an environment is worker/lifecycle's; how a sandbox
// isolates is its driver's. Read pool.go first, then take.go, keeper.go and parking.go.
package pool

import (
	"context"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	logsapi "github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/worker/lifecycle"
	"github.com/gustcloud/gust/internal/worker/output"
	"github.com/gustcloud/gust/internal/worker/sandbox"
)

// Runtimes finds how a version's runtime is started. It answers from memory after the first time.
type Runtimes interface {
	// Errors: *invoke.PackError.
	Launch(ctx context.Context, v *invoke.Version) (lifecycle.Launch, error)
}

// Code unpacks deployment packages, once for each sha256.
type Code interface {
	// Dir returns the directory of the unpacked package. release tells that it is not used any more.
	// Errors: *invoke.CodeError.
	Dir(ctx context.Context, sha256 string, open func(context.Context) (invoke.CodeReader, error)) (
		dir string, release func(), err error)
	// Check tells whether a package could be unpacked; nothing is written. Errors: *invoke.CodeError.
	Check(ctx context.Context, zip io.ReaderAt, size int64) error
	// Retire tells that no function uses a package any more; the directory goes with its last release.
	Retire(sha256 string)
}

// Limits bound what a node holds. A zero field takes the default.
type Limits struct {
	Environments int           // at one time, busy ones included; default 1,000
	Waiters      int           // Try calls that wait for room; default 1,000
	Parked       int           // sandboxes ready for each template; negative for none; default 2
	Idle         time.Duration // until an idle environment is evicted; default 10 min
	InitLimit    time.Duration // of a first init; default 10 s
}

func (l Limits) withDefaults() Limits {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&l.Environments, 1000)
	def(&l.Waiters, 1000)
	def(&l.Parked, 2)
	if l.Idle == 0 {
		l.Idle = 10 * time.Minute
	}
	if l.InitLimit == 0 {
		l.InitLimit = 10 * time.Second
	}
	return l
}

// Deps is what the pool needs. All fields are required but APIDoor, Limits and Park.
type Deps struct {
	Driver   sandbox.Driver // closed by its owner, after Run returned
	Runtimes Runtimes
	Code     Code
	// Credentials makes a session of an execution role.
	Credentials func(ctx context.Context, roleARN, sessionName string) (lifecycle.Credentials, error)
	Logs        logsapi.Appender
	// APIDoor serves the AWS API on a listener inside a sandbox until the listener is closed; nil for none.
	APIDoor func(net.Listener)
	Clock   clock.Clock
	IDs     ids.Source
	Log     *slog.Logger
	Limits  Limits
	// Park names templates to hold sandboxes for from the start; others follow when they are first used.
	Park []sandbox.Template
}

// Pool implements invoke.Environments. It is safe for concurrent use.
//
// Lock order: mu is never held while an environment or a sandbox is called, except for State.
type Pool struct {
	deps    Deps
	writer  *output.Writer
	parking *parking
	freeze  bool // the driver can
	open    func(lifecycle.Config) (environment, error)

	mu      sync.Mutex
	sets    map[key]*set
	total   int // environments: idle, busy and being made
	waiters []*waiter
	fresh   []*slot // released lately: to be frozen; each at most once
	closed  bool
	wake    chan struct{} // of the keeper
	wg      sync.WaitGroup
	count   counters
	used    used
}

var _ invoke.Environments = (*Pool)(nil)

// key names a revision of a version.
type key struct{ function, version, revision string }

// set is all environments of one revision. It exists while it has any.
type set struct {
	idle    []*slot // the most recently used last
	live    map[*slot]struct{}
	retired bool
}

// environment is what the pool needs of a *lifecycle.Environment.
type environment interface {
	invoke.Environment
	ID() string
	MemoryMB() int
	State() lifecycle.State
	Expires() time.Time
	Settle(d time.Duration) bool
	Freeze(ctx context.Context) error
	Thaw(ctx context.Context) error
	Close()
}

// slot is one environment in the pool.
type slot struct {
	env     environment
	key     key
	release func() // of the code directory

	// Guarded by Pool.mu.
	idle      bool
	idleSince time.Time
	inFresh   bool
	pace      pace
	patience  time.Duration // until the keeper looks again at an environment that settles slowly
	held      chan struct{} // not nil: the keeper freezes or resets it; closed when it is done
}

// New returns a pool; it does no I/O and starts nothing.
func New(d Deps) *Pool {
	d.Limits = d.Limits.withDefaults()
	p := &Pool{
		deps:    d,
		writer:  output.NewWriter(output.Deps{Logs: d.Logs, Clock: d.Clock, Log: d.Log}),
		parking: newParking(d),
		freeze:  d.Driver.Limits().Freeze,
		sets:    make(map[key]*set),
		used:    make(used),
		wake:    make(chan struct{}, 1),
	}
	p.open = p.newEnvironment
	return p
}

// Run owns the pool's background work. When ctx ends it kills every environment, hands over the rest of their output
// and returns.
func (p *Pool) Run(ctx context.Context) error {
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWriting()
	var writer, loops sync.WaitGroup
	var writeErr error
	writer.Go(func() { writeErr = p.writer.Run(writing) })
	for _, t := range p.deps.Park {
		p.parking.want(t)
	}
	loops.Go(func() { p.parking.run(ctx) })
	p.keep(ctx)
	p.closeAll()
	loops.Wait()
	p.parking.close()
	stopWriting() // after the last environment's output
	writer.Wait()
	return writeErr
}

func (p *Pool) closeAll() {
	p.mu.Lock()
	p.closed = true
	var all []*slot
	for _, s := range p.sets {
		for sl := range s.live {
			all = append(all, sl)
		}
		s.idle = nil
	}
	for _, w := range p.waiters {
		close(w.got)
	}
	p.waiters = nil
	p.mu.Unlock()
	for _, sl := range all {
		p.wg.Go(sl.close)
	}
	p.wg.Wait()
}

// Prepare finds the runtime pack and unpacks the code; sandboxes for it are parked in the background.
func (p *Pool) Prepare(ctx context.Context, v *invoke.Version) error {
	launch, err := p.deps.Runtimes.Launch(ctx, v)
	if err != nil {
		return err
	}
	_, release, err := p.deps.Code.Dir(ctx, v.CodeSHA256, v.OpenCode)
	if err != nil {
		return err
	}
	release()
	p.mu.Lock()
	p.used.note(v)
	p.mu.Unlock()
	p.parking.want(launch.Template)
	return nil
}

// CheckCode tells whether a deployment package could be unpacked.
func (p *Pool) CheckCode(ctx context.Context, zip io.ReaderAt, size int64) error {
	return p.deps.Code.Check(ctx, zip, size)
}

// Retire closes the environments of every revision but keep, idle ones now and busy ones after their invocation. Code
// that no revision runs any more is removed.
func (p *Pool) Retire(functionARN, version, keep string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	for _, sha := range p.used.retire(functionARN, version, keep) {
		p.wg.Go(func() { p.deps.Code.Retire(sha) })
	}
	for k, s := range p.sets {
		if k.function != functionARN || k.version != version || k.revision == keep {
			continue
		}
		s.retired = true
		for _, sl := range s.idle {
			if sl.held == nil { // else the keeper drops it
				p.count.retired++
				p.drop(sl)
			}
		}
	}
	p.giveRoom()
}

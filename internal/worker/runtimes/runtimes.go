// SPDX-License-Identifier: Apache-2.0

// Package runtimes turns the name of a Lambda runtime ("python3.11") into a pack: what a sandbox must show so that the
// runtime's process can start, the command that starts it, and its environment. Managed runtimes use an interpreter of
// exactly that version found on the host, with our bootstraps (assets/); custom runtimes run the function's own
// bootstrap. It neither makes sandboxes nor starts functions.
//
// Read pack.go first, then discover.go (which interpreter), library.go and tree.go (what it needs), env.go (variables).
package runtimes

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/gustcloud/gust/internal/invoke"
)

// Deps is everything that a Set needs. All fields are required.
type Deps struct {
	Dir   string   // where the trees of packs are kept; made when absent, owned by this Set alone
	Homes []string // home directories in which version managers are looked for; may be empty
	Path  string   // the value of PATH
	Log   *slog.Logger
}

// Set holds the packs of this host. It is safe for concurrent use. Making it does no I/O: a pack is found when it is
// first asked for, which takes some 50 ms to 1 s, and is remembered.
type Set struct {
	deps  Deps
	host  hostTree // shared by all packs
	locks map[string]chan struct{}

	mu    sync.Mutex
	packs map[string]*Pack
	swept map[string]bool // kinds of trees of which no old ones are left
}

// New returns an empty set.
func New(d Deps) *Set {
	s := &Set{deps: d, locks: make(map[string]chan struct{}), packs: make(map[string]*Pack), swept: make(map[string]bool)}
	for _, n := range Names() {
		s.locks[n] = make(chan struct{}, 1)
	}
	s.locks[hostLock], s.locks[customLock] = make(chan struct{}, 1), make(chan struct{}, 1)
	return s
}

// Pack returns the pack of a runtime, looking for it on the host when it is not known yet or its interpreter is gone.
// Errors: *invoke.PackError when this host has none; ctx's.
func (s *Set) Pack(ctx context.Context, runtime string) (*Pack, error) {
	spec, ok := specs[runtime]
	if !ok {
		return nil, &invoke.PackError{Runtime: runtime, Fix: "this runtime is not supported; `gust runtime list` shows those that are"}
	}
	if p := s.known(runtime); p != nil {
		return p, nil
	}
	unlock, err := s.lock(ctx, runtime)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if p := s.known(runtime); p != nil {
		return p, nil
	}
	p, err := s.find(ctx, runtime, spec)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packs[runtime] = p
	return p, nil
}

// lock waits for the right to look for one runtime.
func (s *Set) lock(ctx context.Context, name string) (unlock func(), err error) {
	l := s.locks[name]
	select {
	case l <- struct{}{}:
		return func() { <-l }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (s *Set) known(runtime string) *Pack {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.packs[runtime]
	if p == nil || p.Interpreter == "" {
		return p
	}
	info, err := os.Stat(p.Interpreter)
	if err != nil || info.Size() != p.size || !info.ModTime().Equal(p.modified) {
		return nil // removed or upgraded
	}
	return p
}

// find makes the pack of one runtime.
func (s *Set) find(ctx context.Context, runtime string, spec spec) (*Pack, error) {
	host, err := s.hostTree(ctx)
	if err != nil {
		return nil, fmt.Errorf("runtime pack %s: %w", runtime, err)
	}
	if spec.family == familyCustom {
		p, err := s.customPack(ctx, host)
		if err != nil {
			return nil, fmt.Errorf("runtime pack %s: %w", runtime, err)
		}
		p.Runtime = runtime
		return p, nil
	}
	found, err := s.interpreter(ctx, spec)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, &invoke.PackError{Runtime: runtime, Fix: spec.fix()}
	}
	p, err := s.managedPack(ctx, runtime, spec, host, found)
	if err != nil {
		return nil, fmt.Errorf("runtime pack %s: %w", runtime, err)
	}
	s.deps.Log.InfoContext(ctx, "runtime found", "runtime", runtime, "version", p.Version, "interpreter", p.Interpreter)
	return p, nil
}

// Status is one line of `gust runtime list`.
type Status struct {
	Runtime string
	Pack    *Pack // nil when Err is set
	Err     error
}

// List looks for every runtime and returns them in the order of Names.
func (s *Set) List(ctx context.Context) []Status {
	names := Names()
	out := make([]Status, len(names))
	limit := make(chan struct{}, 2) // each search starts a process or a few
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			p, err := s.Pack(ctx, name)
			out[i] = Status{Runtime: name, Pack: p, Err: err}
		})
	}
	wg.Wait()
	return out
}

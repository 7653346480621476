// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package process

import (
	"context"
	"path/filepath"

	"github.com/gustcloud/gust/internal/worker/sandbox"
)

func (b *box) socketName(name string) string { return filepath.Join(b.root, "run", name) }

// awaitStop trusts the signal: there is no /proc to look at.
func (b *box) awaitStop(context.Context, int) error { return nil }

// Stats knows only what ended processes used.
func (b *box) Stats() (sandbox.Stats, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return sandbox.Stats{}, sandbox.ErrClosed
	}
	st := sandbox.Stats{OOMKills: -1, MemoryPeak: -1, PIDs: -1}
	for _, p := range b.procs {
		p.mu.Lock()
		if p.ended {
			st.CPU += p.cpu
		}
		p.mu.Unlock()
	}
	return st, nil
}

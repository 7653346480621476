// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"cmp"
	"slices"
	"time"

	"github.com/gustcloud/gust/internal/worker/lifecycle"
	"github.com/gustcloud/gust/internal/worker/output"
)

// counters are totals since the start, guarded by Pool.mu.
type counters struct{ cold, warm, refused, evicted, retired int64 }

// Counters are totals since the start, for metrics.
type Counters struct {
	Cold, Warm   int64 // invocations that made an environment, or took an idle one
	Refused      int64 // for lack of room
	Evicted      int64 // idle environments closed for their age or for room
	Retired      int64 // idle environments closed because their revision was replaced
	ParkedHits   int64 // sandboxes that were ready when needed
	ParkedMisses int64 // sandboxes made on the spot
	Output       output.Counters
}

// Counters returns the totals.
func (p *Pool) Counters() Counters {
	p.mu.Lock()
	c := p.count
	p.mu.Unlock()
	p.parking.mu.Lock()
	defer p.parking.mu.Unlock()
	return Counters{
		Cold: c.cold, Warm: c.warm, Refused: c.refused, Evicted: c.evicted, Retired: c.retired,
		ParkedHits: p.parking.hits, ParkedMisses: p.parking.misses, Output: p.writer.Counters(),
	}
}

// Snapshot is what the node holds at one moment.
type Snapshot struct {
	Environments []EnvironmentInfo // by function, version, id
	Waiting      int               // invocations that wait for room
	Parked       map[string]int    // sandboxes by template name; "" for custom runtimes
}

// EnvironmentInfo is one environment of a Snapshot.
type EnvironmentInfo struct {
	ID                string
	Function, Version string // function ARN
	State             lifecycle.State
	MemoryMB          int
	IdleSince         time.Time // zero when it is not idle
}

// Snapshot describes the environments of the node.
func (p *Pool) Snapshot() Snapshot {
	var out Snapshot
	p.mu.Lock()
	for _, s := range p.sets {
		for sl := range s.live {
			info := EnvironmentInfo{
				ID: sl.env.ID(), Function: sl.key.function, Version: sl.key.version,
				State: sl.env.State(), MemoryMB: sl.env.MemoryMB(),
			}
			if sl.idle {
				info.IdleSince = sl.idleSince
			}
			out.Environments = append(out.Environments, info)
		}
	}
	out.Waiting = len(p.waiters)
	p.mu.Unlock()
	slices.SortFunc(out.Environments, func(a, b EnvironmentInfo) int {
		return cmp.Or(cmp.Compare(a.Function, b.Function), cmp.Compare(a.Version, b.Version), cmp.Compare(a.ID, b.ID))
	})
	p.parking.mu.Lock()
	defer p.parking.mu.Unlock()
	out.Parked = make(map[string]int)
	for _, st := range p.parking.stocks {
		out.Parked[st.template.Name] += len(st.ready)
	}
	return out
}

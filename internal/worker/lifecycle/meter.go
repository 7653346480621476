// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"sync"
	"time"

	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/worker/output"
)

// measureEvery is the least time between two readings of a sandbox's counters. A reading costs more than a short
// invocation; those that end within this time share one, which is taken after the last of them. The peak of memory never
// falls, so what a line says is at most that much too late.
const measureEvery = 50 * time.Millisecond

// meter writes the END and REPORT lines of invocations that nobody waits for.
type meter struct {
	mu      sync.Mutex
	ended   []ended
	running bool // a goroutine of the environment measures, or will
	last    time.Time

	reading sync.Mutex // held while the counters are read; before mu
}

// ended is an invocation whose lines wait for a reading.
type ended struct {
	id     string
	report invoke.Report
	slot   *output.Slot
}

// measure writes the lines of x, and of what ends meanwhile, when the counters were read. It returns when there is
// nothing left to measure, at once if another goroutine is at it.
func (e *Environment) measure(x ended) {
	m := &e.meter
	m.mu.Lock()
	m.ended = append(m.ended, x)
	if m.running {
		m.mu.Unlock()
		return
	}
	m.running = true
	for len(m.ended) > 0 {
		wait := measureEvery - e.deps.Clock.Now().Sub(m.last)
		m.mu.Unlock()
		e.pause(wait)
		e.flushReports()
		m.mu.Lock()
	}
	m.running = false
	m.mu.Unlock()
}

// pause waits, but not for an environment that is being closed.
func (e *Environment) pause(d time.Duration) {
	if d <= 0 {
		return
	}
	t := e.deps.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-e.stop:
	}
}

// flushReports reads the counters, if an invocation waits for it, and writes the lines. It is called before the sandbox
// goes.
func (e *Environment) flushReports() {
	m := &e.meter
	m.reading.Lock()
	defer m.reading.Unlock()
	m.mu.Lock()
	batch := m.ended
	m.ended = nil
	m.last = e.deps.Clock.Now()
	m.mu.Unlock()
	if len(batch) == 0 {
		return
	}
	maxMB, _ := e.usage()
	for _, x := range batch {
		x.report.MaxMemoryMB = maxMB
		x.slot.Fill(endLine(x.id), reportLine(x.id, e.cfg.Version.MemoryMB, x.report))
	}
}

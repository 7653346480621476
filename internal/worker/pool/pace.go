// SPDX-License-Identifier: Apache-2.0

package pool

import "time"

const (
	freezeDelay  = time.Millisecond      // an environment taken again within it is not frozen
	maxDelay     = 16 * time.Millisecond // of an environment in steady use
	steadyWithin = 50 * time.Millisecond // between a freeze and the thaw after it, in steady use
)

// pace decides how long one environment stays awake after an invocation. A freeze and the thaw after it cost about as much
// CPU time as a short invocation: an environment whose freeze was in vain, as its next invocation came at once, waits
// twice as long before the next, up to maxDelay. docs/design/0003-freeze-delay.md has the figures.
type pace struct {
	delay  time.Duration // 0 is freezeDelay
	frozen time.Time     // the last freeze
}

func (p *pace) wait() time.Duration { return max(p.delay, freezeDelay) }

func (p *pace) froze(now time.Time) { p.frozen = now }

// thawed is called when a frozen environment is taken.
func (p *pace) thawed(now time.Time) {
	if now.Sub(p.frozen) > steadyWithin {
		p.delay = freezeDelay
		return
	}
	p.delay = min(2*p.wait(), maxDelay)
}

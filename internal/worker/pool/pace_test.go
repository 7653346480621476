// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"testing"
	"time"
)

func TestPaceFollowsUse(t *testing.T) {
	now := time.Unix(1, 0)
	var p pace
	if got := p.wait(); got != freezeDelay {
		t.Errorf("a new environment waits %v, want %v", got, freezeDelay)
	}
	for i, tt := range []struct{ frozenFor, want time.Duration }{
		{5 * time.Millisecond, 2 * time.Millisecond},
		{steadyWithin, 4 * time.Millisecond},
		{time.Microsecond, 8 * time.Millisecond},
		{time.Millisecond, maxDelay},
		{time.Millisecond, maxDelay},
		{steadyWithin + 1, freezeDelay},
		{time.Millisecond, 2 * time.Millisecond},
	} {
		p.froze(now)
		now = now.Add(tt.frozenFor)
		p.thawed(now)
		if got := p.wait(); got != tt.want {
			t.Errorf("step %d, after %v in the freezer: waits %v, want %v", i, tt.frozenFor, got, tt.want)
		}
	}
}

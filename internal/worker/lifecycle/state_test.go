// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"errors"
	"testing"
)

// TestEveryTransition asks for all 144 pairs; what is not listed here is refused.
func TestEveryTransition(t *testing.T) {
	allowed := map[State][]State{
		Parked:       {Claimed, Restoring, ShuttingDown},
		Claimed:      {Init, Resetting, ShuttingDown},
		Init:         {Ready, Resetting, ShuttingDown},
		Ready:        {Busy, Freezing, Resetting, ShuttingDown},
		Busy:         {Settling, Resetting, ShuttingDown},
		Settling:     {Ready, Resetting, ShuttingDown},
		Freezing:     {Frozen, Resetting, ShuttingDown},
		Frozen:       {Ready, Resetting, ShuttingDown},
		Resetting:    {Parked, ShuttingDown},
		Restoring:    {Ready, Resetting, ShuttingDown},
		ShuttingDown: {Dead},
		Dead:         {},
	}
	for _, from := range States() {
		for _, to := range States() {
			t.Run(from.String()+" to "+to.String(), func(t *testing.T) {
				want := false
				for _, s := range allowed[from] {
					want = want || s == to
				}
				var m Machine
				m.state.Store(uint32(from))
				err := m.Become(to)
				if want {
					if err != nil || m.State() != to {
						t.Errorf("got %v, state %s", err, m.State())
					}
					return
				}
				var refused *StateError
				if !errors.As(err, &refused) || refused.From != from || refused.To != to || m.State() != from {
					t.Errorf("got %v, state %s", err, m.State())
				}
			})
		}
	}
}

func TestStatesHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range States() {
		if s.String() == "" || seen[s.String()] {
			t.Errorf("state %d has the name %q", s, s.String())
		}
		seen[s.String()] = true
	}
}

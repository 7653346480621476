// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"fmt"
	"sync/atomic"
)

// State is where an execution environment stands.
type State uint32

// The states of an execution environment.
const (
	Parked       State = iota // its sandbox is made, or is about to be taken; it belongs to no process yet
	Claimed                   // the sandbox has the function's code, limits and /tmp
	Init                      // the runtime process starts and imports the function
	Ready                     // the runtime waits for an event
	Busy                      // an invocation runs
	Settling                  // the response is there; the runtime did not ask for its next event yet
	Freezing                  // its processes are being stopped
	Frozen                    // its processes are stopped
	Resetting                 // its sandbox is being closed; /tmp is kept for the next one
	Restoring                 // a snapshot is being restored
	ShuttingDown              // everything of it is being closed
	Dead                      // nothing of it is left
)

var stateNames = [...]string{
	"Parked", "Claimed", "Init", "Ready", "Busy", "Settling",
	"Freezing", "Frozen", "Resetting", "Restoring", "ShuttingDown", "Dead",
}

// States returns every state, in the order of their values.
func States() []State {
	out := make([]State, len(stateNames))
	for i := range out {
		out[i] = State(i)
	}
	return out
}

// String is the name of the state.
func (s State) String() string { return stateNames[s] }

// transitions is the table of what may follow a state; ShuttingDown may follow every state but itself and Dead.
var transitions = [...][]State{
	Parked:       {Claimed, Restoring},
	Claimed:      {Init, Resetting},
	Init:         {Ready, Resetting},
	Ready:        {Busy, Freezing, Resetting},
	Busy:         {Settling, Resetting},
	Settling:     {Ready, Resetting},
	Freezing:     {Frozen, Resetting},
	Frozen:       {Ready, Resetting},
	Resetting:    {Parked},
	Restoring:    {Ready, Resetting},
	ShuttingDown: {Dead},
	Dead:         {},
}

// CanBecome tells whether to may follow s.
func (s State) CanBecome(to State) bool {
	if to == ShuttingDown {
		return s != ShuttingDown && s != Dead
	}
	for _, t := range transitions[s] {
		if t == to {
			return true
		}
	}
	return false
}

// StateError is a transition that the table does not have.
type StateError struct{ From, To State }

func (e *StateError) Error() string {
	return fmt.Sprintf("execution environment cannot go from %s to %s", e.From, e.To)
}

// Machine holds the state of one environment. It is safe for concurrent use; the zero Machine is Parked.
type Machine struct{ state atomic.Uint32 }

// State returns the present state.
func (m *Machine) State() State { return State(m.state.Load()) }

// Become moves to a state, or returns a *StateError and moves nowhere.
func (m *Machine) Become(to State) error {
	for {
		from := m.state.Load()
		if !State(from).CanBecome(to) {
			return &StateError{From: State(from), To: to}
		}
		if m.state.CompareAndSwap(from, uint32(to)) {
			return nil
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package runtimeapi

// State is where a runtime stands, as its calls of the Runtime API show it.
type State uint8

// The states of a runtime. Its life is Starting -> Waiting -> (Running -> Responding -> Responded -> Waiting)*.
const (
	Starting   State = iota // the process was started; it has not called anything yet
	InitFailed              // it reported an init error: it may only end
	Waiting                 // it asked for the next event
	Running                 // it has an event
	Responding              // its response or error is being read
	Responded               // its response or error was read whole
)

var stateNames = [...]string{"Started", "InitError", "Ready", "Running", "InvocationResponse", "ResponseSent"}

// String is the name that error messages show to the runtime.
func (s State) String() string { return stateNames[s] }

// action is something that moves a runtime to another state.
type action uint8

const (
	askNext     action = iota // GET next
	reportInit                // POST init/error
	deliver                   // the platform hands over an event
	startAnswer               // POST response or error: head read, body not yet
	endAnswer                 // the body of that POST was read, or turned out to be unusable
)

// next is the transition table: the state after an action, and whether the action is allowed at all. Calls that change
// nothing (asking again for the next event while one waits or runs) are allowed and give the same state.
func (s State) next(a action) (State, bool) {
	switch {
	case a == askNext && (s == Starting || s == Responded || s == Waiting):
		return Waiting, true
	case a == askNext && s == Running: // the same event is given again
		return Running, true
	case a == reportInit && s == Starting:
		return InitFailed, true
	case a == deliver && s == Waiting:
		return Running, true
	case a == startAnswer && s == Running:
		return Responding, true
	case a == endAnswer && s == Responding:
		return Responded, true
	}
	return s, false
}

// target is the state that an action asks for, for the message of a refused one.
func (a action) target() State {
	switch a {
	case askNext:
		return Waiting
	case reportInit:
		return InitFailed
	case deliver:
		return Running
	case startAnswer:
		return Responding
	case endAnswer:
		return Responded
	default:
		return Starting
	}
}

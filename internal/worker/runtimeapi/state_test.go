// SPDX-License-Identifier: Apache-2.0

package runtimeapi

import "testing"

// TestEveryTransition asks for all pairs of state and action; what is not listed here is refused and moves nothing.
func TestEveryTransition(t *testing.T) {
	type step struct {
		from State
		a    action
	}
	allowed := map[step]State{
		{Starting, askNext}:     Waiting,
		{Starting, reportInit}:  InitFailed,
		{Waiting, askNext}:      Waiting,
		{Waiting, deliver}:      Running,
		{Running, askNext}:      Running,
		{Running, startAnswer}:  Responding,
		{Responding, endAnswer}: Responded,
		{Responded, askNext}:    Waiting,
	}
	names := map[action]string{
		askNext: "next", reportInit: "init error", deliver: "deliver", startAnswer: "start answer", endAnswer: "end answer",
	}
	for from := Starting; from <= Responded; from++ {
		for a, name := range names {
			t.Run(from.String()+" "+name, func(t *testing.T) {
				want, ok := allowed[step{from, a}]
				if !ok {
					want = from
				}
				if got, gotOK := from.next(a); got != want || gotOK != ok {
					t.Errorf("got %s, %v; want %s, %v", got, gotOK, want, ok)
				}
			})
		}
	}
}

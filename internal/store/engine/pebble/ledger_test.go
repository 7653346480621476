// SPDX-License-Identifier: Apache-2.0

package pebble

import "sync"

// ledger is what the users of a store were told: when a thing (a message, a timer) was made, and when it was ended. Events
// are numbered; a power cut lies between two numbers, because what runs while the power goes may or may not have happened.
type ledger struct {
	mu     sync.Mutex
	event  int64
	acks   int64
	enough chan struct{} // closed at the ack number until
	until  int64
	things map[string]*fate
	level  map[string][]told // values that only grow: told is each one that was acknowledged
}

// fate has the numbers of four events; 0: it has not happened.
type fate struct{ began, acked, ending, ended int64 }

type told struct {
	event int64
	value uint64
}

func newLedger() *ledger { return &ledger{things: map[string]*fate{}, level: map[string][]told{}} }

// wait returns a channel that is closed after n acknowledgements from now on.
func (l *ledger) wait(n int64) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.enough, l.until = make(chan struct{}), l.acks+n
	return l.enough
}

func (l *ledger) note(name string, ack bool, where func(*fate) *int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.things[name]
	if f == nil {
		f = &fate{}
		l.things[name] = f
	}
	l.event++
	if at := where(f); *at == 0 {
		*at = l.event
	}
	if ack {
		l.ack()
	}
}

func (l *ledger) ack() {
	if l.acks++; l.acks == l.until {
		close(l.enough)
	}
}

func (l *ledger) began(name string) { l.note(name, false, func(f *fate) *int64 { return &f.began }) }

func (l *ledger) acked(name string) { l.note(name, true, func(f *fate) *int64 { return &f.acked }) }

func (l *ledger) ending(name string) { l.note(name, false, func(f *fate) *int64 { return &f.ending }) }

func (l *ledger) ended(name string) { l.note(name, true, func(f *fate) *int64 { return &f.ended }) }

// grown notes that a value that only grows was acknowledged.
func (l *ledger) grown(name string, value uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.event++
	l.level[name] = append(l.level[name], told{l.event, value})
	l.ack()
}

// highest is the greatest value of name that was acknowledged before an event.
func (l *ledger) highest(name string, before int64) (v uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.level[name] {
		if t.event <= before {
			v = max(v, t.value)
		}
	}
	return v
}

func (l *ledger) now() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.event
}

// settle compares what is there with what was told before a power cut between the events a and b, tells of differences, and
// then takes what is there for the truth.
func (l *ledger) settle(there map[string]bool, a, b int64, lost, impossible func(name, what string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := func(event, cut int64) bool { return event != 0 && event <= cut }
	for name := range there {
		if f := l.things[name]; f == nil || f.began > b {
			impossible(name, "is there, and nobody has made it")
		}
	}
	for name, f := range l.things {
		switch have := there[name]; {
		case have:
			if before(f.ended, a) {
				lost(name, "was ended and is back")
			}
			*f = fate{began: 1, acked: 1}
		case before(f.acked, a) && !before(f.ending, b):
			lost(name, "was made and is not there")
			delete(l.things, name)
		case before(f.ending, b):
			*f = fate{began: 1, acked: 1, ending: 1, ended: 1}
		default:
			delete(l.things, name)
		}
	}
	l.level = map[string][]told{}
}

// made tells whether a thing was made, as settle found it.
func (l *ledger) made(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.things[name]
	return f != nil && f.acked != 0
}

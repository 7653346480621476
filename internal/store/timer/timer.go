// SPDX-License-Identifier: Apache-2.0

// Package timer fires what is due: waits of executions, schedules, deadlines, retries. A timer is one key, whatever its
// horizon. It is set, and cancelled, in the transaction of the state that it belongs to, and fires in the transaction that
// changes that state: once, however many nodes try. What was due while no server ran fires at the next start.
//
// It knows no cron and no rate expressions (a schedule sets its next timer when it fires), and runs nothing outside the
// transaction. Read this file, then run.go.
package timer

import (
	"bytes"
	"errors"
	"time"

	"github.com/gustcloud/gust/internal/store"
)

// MaxID is the length of a timer's id in bytes.
const MaxID = 1024

// Set is the timers below a key prefix that belongs to it alone.
type Set struct{ prefix []byte }

// Of returns the set below prefix, which ends with a component that no other key of its owner starts with.
func Of(prefix []byte) Set { return Set{prefix: prefix[:len(prefix):len(prefix)]} }

// Timer is one timer.
type Timer struct {
	At   time.Time // service time, to the nanosecond
	ID   string    // tells timers of one moment apart: its owner's id, and what for
	Data []byte    // what Fire gets, at most store.MaxValue
}

// ErrID is returned for an id that is empty or over MaxID.
var ErrID = errors.New("timer: id is empty or too long")

func (s Set) key(at time.Time, id string) []byte {
	return append(store.AppendTime(s.prefix, at), id...)
}

// Put sets t when tx commits. now is the store's Now: a time in the past becomes now, so that what fires never looks further
// back than a transaction lasts. It returns the timer as it was set: its At is what Cancel takes. A timer of the same time
// and id is replaced.
//
// Errors: ErrID. Those of the store stick to tx.
func (s Set) Put(tx store.Tx, now time.Time, t Timer) (Timer, error) {
	if t.ID == "" || len(t.ID) > MaxID {
		return Timer{}, ErrID
	}
	if t.At.Before(now) {
		t.At = now
	}
	tx.Set(s.key(t.At, t.ID), t.Data)
	tx.Notify(s.prefix)
	return t, nil
}

// Cancel deletes a timer. After the commit it does not fire; when it has fired already nothing happens.
func (s Set) Cancel(tx store.Tx, at time.Time, id string) { tx.Delete(s.key(at, id)) }

// Range is all of s: deleting it cancels every timer.
func (s Set) Range() store.Range { return store.PrefixRange(s.prefix) }

var errKey = errors.New("not the key of a timer")

func (s Set) read(it store.Item) (Timer, error) {
	at, id, err := store.CutTime(it.Key[len(s.prefix):])
	if err != nil || len(id) == 0 {
		return Timer{}, &store.RecordError{Name: "timer", Key: bytes.Clone(it.Key), Err: errKey}
	}
	return Timer{At: at, ID: string(id), Data: bytes.Clone(it.Value)}, nil
}

// SPDX-License-Identifier: Apache-2.0

// Package store is the contract of Gust's ordered, transactional key-value store, with its limits. Every service is a
// layer on it. Engines: engine/pebble, engine/postgres; one suite for all engines: enginetest. Read this file, then key.go and
// prefixes.go.
package store

import (
	"context"
	"errors"
	"iter"
	"time"
)

// Limits that hold on every engine, so that no engine hides a fault of another.
const (
	MaxKey         = 2400            // bytes
	MaxValue       = 96 << 10        // bytes
	MaxTransaction = 9 << 20         // bytes of keys and values written
	MaxDuration    = 5 * time.Second // of one run of a transaction's function
)

// The errors every engine answers with; those that carry details are in errors.go.
var (
	// ErrTooLarge: a key, value or transaction is over its limit.
	ErrTooLarge = errors.New("store: key, value or transaction too large")
	// ErrTooLong: a transaction ran longer than MaxDuration.
	ErrTooLong = errors.New("store: transaction ran too long")
	// ErrUnknownOutcome: the commit may or may not have happened.
	ErrUnknownOutcome = errors.New("store: outcome of the commit is unknown")
	// ErrUnavailable: the database cannot be reached; nothing was committed.
	ErrUnavailable = errors.New("store: the database cannot be reached")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store: closed")
	// ErrInUse: another server has the data directory open.
	ErrInUse = errors.New("store: the data directory is in use by another server")
	// ErrKey: a key is empty or lies in the range that engines keep for themselves.
	ErrKey = errors.New("store: invalid key")
	// ErrDone: a Reader or Tx was used after its function returned.
	ErrDone = errors.New("store: transaction used after its function returned")
)

// Store is safe for concurrent use.
type Store interface {
	// Update runs fn in a serializable transaction and returns when it is durable. fn may run several times: it has no
	// effect outside the transaction (Tx.OnCommit is the place for one) and calls no method of the Store. The first
	// error of any Tx method is sticky: the transaction cannot commit even if fn ignores it. Once the commit has begun
	// the end of ctx no longer stops it.
	Update(ctx context.Context, fn func(Tx) error) error
	// View runs fn on one snapshot and returns when all that fn may have seen is durable: nothing that fn learned is
	// acted on before View returns.
	View(ctx context.Context, fn func(Reader) error) error
	// Watch delivers hints that a transaction called Notify(topic). Hints coalesce and may be lost: every waiter also
	// polls. stop releases the watch.
	Watch(topic []byte) (hint <-chan struct{}, stop func())
	// Now is service time: what the clock.Service of the layers above tells. It never goes backwards in a process.
	Now() time.Time
	Close() error
}

// Reader reads one snapshot. It is valid only inside the function that received it, and for one goroutine at a time.
type Reader interface {
	// Get returns nil, nil for an absent key; an existing value is never nil. The result belongs to the caller.
	Get(key []byte) ([]byte, error)
	// GetMany is Get for each key, in one round trip.
	GetMany(keys [][]byte) ([][]byte, error)
	// Scan walks r in order. An Item's bytes are valid until the next step. A scan that stops early conflicts only on
	// what it read. Breaking out of the loop is allowed. An error is the last thing it yields. Whether a scan sees
	// what its own transaction writes while the scan runs is not defined.
	Scan(r Range, o ScanOptions) iter.Seq2[Item, error]
}

// Tx is a transaction. Its own writes are visible to its reads. Reads conflict with concurrent writers.
type Tx interface {
	Reader
	Snapshot() Reader // same snapshot, without this transaction's writes and without conflicts: for hints only
	// Set, Delete and DeleteRange are seen by later reads of the transaction. Arguments are copied. A nil value is
	// stored as an empty one.
	Set(key, value []byte)
	Delete(key []byte)
	DeleteRange(r Range)
	// Append sets key = prefix + the 8-byte big-endian commit order, assigned at commit: no read, no conflict. Several
	// Appends to one prefix in a transaction keep their order. The transaction itself neither sees nor deletes them.
	Append(prefix, value []byte)
	Notify(topic []byte) // hint to watchers after the commit
	OnCommit(func())     // runs once after a durable commit; not on ErrUnknownOutcome
}

// Range is Lo <= key < Hi; a nil Hi has no end.
type Range struct{ Lo, Hi []byte }

// ScanOptions say what Scan yields; the zero value scans everything, forwards, with values.
type ScanOptions struct {
	Limit    int // 0: no limit
	Reverse  bool
	KeysOnly bool
}

// Item is a key and its value.
type Item struct{ Key, Value []byte }

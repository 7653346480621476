// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/gustcloud/gust/internal/store"

// Run is one run of a transaction's function: it knows whether the function may go on.
type Run interface {
	// Check returns the error that ends the run, nil while there is none.
	Check() error
	// Fail makes err the error of the run, unless it has one, and returns that.
	Fail(err error) error
}

// Buffer is the writing half of a store.Tx: it holds what the transaction writes to its limits, until an engine commits it.
type Buffer struct {
	Run    Run
	Writes Writes
	Topics []string // of Notify
	Hooks  []func() // of OnCommit
}

// Set implements store.Tx.
func (b *Buffer) Set(key, value []byte) {
	if b.writable(store.CheckKey(key), store.CheckValue(value)) {
		b.Writes.Put(key, Write{Value: value})
		b.checkSize()
	}
}

// Delete implements store.Tx.
func (b *Buffer) Delete(key []byte) {
	if b.writable(store.CheckKey(key)) {
		b.Writes.Put(key, Write{Deleted: true})
		b.checkSize()
	}
}

// DeleteRange implements store.Tx.
func (b *Buffer) DeleteRange(r store.Range) {
	if b.writable(store.CheckRange(r)) {
		if r = store.Clip(r); !r.Empty() {
			b.Writes.DeleteRange(r)
			b.checkSize()
		}
	}
}

// Append implements store.Tx.
func (b *Buffer) Append(prefix, value []byte) {
	key := append(append(make([]byte, 0, len(prefix)+8), prefix...), make([]byte, 8)...)
	if len(prefix) == 0 {
		key = nil // refused
	}
	if b.writable(store.CheckKey(key), store.CheckValue(value)) {
		b.Writes.Append(prefix, value)
		b.checkSize()
	}
}

// Notify implements store.Tx.
func (b *Buffer) Notify(topic []byte) {
	if b.writable() {
		b.Topics = append(b.Topics, string(topic))
	}
}

// OnCommit implements store.Tx.
func (b *Buffer) OnCommit(fn func()) {
	if b.writable() {
		b.Hooks = append(b.Hooks, fn)
	}
}

// writable says whether a write may be buffered; errs are what the limits say of it.
func (b *Buffer) writable(errs ...error) bool {
	if b.Run.Check() != nil {
		return false
	}
	for _, err := range errs {
		if err != nil {
			_ = b.Run.Fail(err)
			return false
		}
	}
	return true
}

func (b *Buffer) checkSize() {
	if err := store.CheckSize(b.Writes.Size); err != nil {
		_ = b.Run.Fail(err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package pebble

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
)

// Options says where the store is. Clock and Log are required.
type Options struct {
	Dir       string         // made if absent; used by nothing else
	Ephemeral bool           // in memory: Dir and FS are not used
	FS        vfs.FS         // nil: the machine's
	Clock     clock.Clock    // the machine's
	Time      *clock.Service // that Now tells; nil: one that follows Clock
	Log       *slog.Logger

	noSync bool // acknowledge before the fsync: only to show that the crash tests notice
}

// Open opens the store in Options.Dir, or makes it there.
//
// Errors: store.ErrInUse, *store.FormatError, *store.CorruptError; others are the file system's.
func Open(o Options) (_ *Store, err error) {
	switch {
	case o.Ephemeral:
		o.Dir, o.FS = "/memory", vfs.NewMem()
	case o.FS == nil:
		o.FS = vfs.Default
	}
	if o.Time == nil {
		o.Time = clock.NewService(o.Clock)
	}
	if err := makeDir(o.FS, o.Dir); err != nil {
		return nil, fmt.Errorf("store: make %s: %w", o.Dir, err)
	}
	lock, err := lockDir(o.FS, o.Dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = lock.Close() // the first error says more
		}
	}()
	if err := checkFormat(o.FS, o.Dir); err != nil {
		return nil, err
	}
	db, err := openPebble(o, lock)
	if err != nil {
		return nil, openError(o.Dir, err)
	}
	s := &Store{db: db, lock: lock, dir: o.Dir, fs: o.FS, memory: o.Ephemeral, clock: o.Clock, time: o.Time, noSync: o.noSync || acknowledgeEarly, idle: make(chan struct{})}
	if err := s.loadOrder(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// lockDir answers store.ErrInUse when a process, this one included, has the directory open.
func lockDir(fsys vfs.FS, dir string) (*pebble.Lock, error) {
	lock, err := pebble.LockDirectory(dir, fsys)
	if err == nil {
		return lock, nil
	}
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) { // the lock file could not be made
		return nil, fmt.Errorf("store: lock %s: %w", dir, err)
	}
	return nil, fmt.Errorf("%w: %s: %w", store.ErrInUse, dir, err)
}

// openPebble turns a panic into an error: Pebble ends so on some damaged files.
func openPebble(o Options, lock *pebble.Lock) (db *pebble.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, fmt.Errorf("%v", p)
		}
	}()
	po := pebbleOptions(o)
	po.Lock = lock
	return pebble.Open(o.Dir, po)
}

// pebbleOptions keeps an idle server small: memtables and cache grow with use, up to these sizes.
func pebbleOptions(o Options) *pebble.Options {
	po := &pebble.Options{
		FS:                          o.FS,
		Logger:                      logger{o.Log},
		FormatMajorVersion:          pebble.FormatValueSeparation, // part of format: see formatVersion
		CacheSize:                   16 << 20,
		MemTableSize:                16 << 20, // more than half of it goes round the memtable: store.MaxTransaction does not fit twice
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       24,
		MaxOpenFiles:                512,
		CompactionConcurrencyRange:  func() (lower, upper int) { return 1, 2 },
		EventListener: &pebble.EventListener{
			// Pebble's own ends the process. Here the reads that need the file fail, and the others go on.
			DataCorruption: func(i pebble.DataCorruptionInfo) {
				o.Log.Error("store: damaged file", "path", i.Path, "error", i.Details)
			},
		},
	}
	for i := range po.Levels {
		po.Levels[i].FilterPolicy = bloom.FilterPolicy(10) // bits a key: about 1 % of absent keys cost a read
	}
	return po
}

// openError says what an operator can do about a failed open. A failed system call is the machine's; all else, after
// the format was found right, is damage.
func openError(dir string, err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) && !errors.Is(err, fs.ErrNotExist) && !pebble.IsCorruptionError(err) {
		return fmt.Errorf("store: open %s: %w", dir, err)
	}
	return &store.CorruptError{Dir: dir, Err: err}
}

// loadOrder continues the Append numbers after all that were reserved.
func (s *Store) loadOrder() error {
	v, closer, err := s.db.Get(reservedKey)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return openError(s.dir, err)
	}
	n, _, err := store.CutUint64(v)
	if err = errors.Join(err, closer.Close()); err != nil {
		return &store.CorruptError{Dir: s.dir, Err: fmt.Errorf("reservation of append numbers: %w", err)}
	}
	s.order, s.reserved = n, n
	return nil
}

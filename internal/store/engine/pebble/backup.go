// SPDX-License-Identifier: Apache-2.0

package pebble

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// ErrEphemeral refuses a backup of a store in memory.
var ErrEphemeral = errors.New("store: an ephemeral store has no files to back up")

// Backup writes the store as it is at one moment of the call into dir, which must not exist; its parent does. Whatever was
// acknowledged before the call is in it. Files that do not change are hard links where dir is on the same file system, so
// that a backup costs little and is not changed by the running store. Open reads the result.
func (s *Store) Backup(ctx context.Context, dir string) error {
	if s.memory {
		return ErrEphemeral
	}
	if err := errors.Join(ctx.Err(), s.Err()); err != nil {
		return err
	}
	if err := s.db.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return fmt.Errorf("store: back up to %s: %w", dir, err)
	}
	return writeFormat(s.fs, dir)
}

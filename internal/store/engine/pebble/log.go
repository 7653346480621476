// SPDX-License-Identifier: Apache-2.0

package pebble

import (
	"fmt"
	"log/slog"
)

// logger passes Pebble's messages on. What Pebble calls information is for debugging here.
type logger struct{ log *slog.Logger }

// Infof implements pebble.Logger.
func (l logger) Infof(format string, args ...any) {
	l.log.Debug("pebble: " + fmt.Sprintf(format, args...))
}

// Errorf implements pebble.Logger.
func (l logger) Errorf(format string, args ...any) {
	l.log.Error("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf implements pebble.Logger: Pebble relies on its not returning. In Pebble's background work it ends the
// process, and the next start recovers from the log; in a commit, Store.apply catches it.
func (l logger) Fatalf(format string, args ...any) {
	msg := fmt.Sprintf(format, args...)
	l.log.Error("pebble cannot go on: " + msg)
	panic("pebble: " + msg)
}

// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"strings"
)

// FormatError says that the data directory was written by a version of Gust whose on-disk format this one does not know.
type FormatError struct {
	Dir       string
	Found     string // as written in the directory
	Supported string // the newest format that this binary reads
}

// Error says what to do.
func (e *FormatError) Error() string {
	return fmt.Sprintf("store: %s has on-disk format %s, this version of gust reads up to %s: start it with the version "+
		"that wrote it, or a newer one", e.Dir, e.Found, e.Supported)
}

// CorruptError says that the data directory, or a file in it, is damaged.
type CorruptError struct {
	Dir string
	Err error
}

// Error names the directory and what was found.
func (e *CorruptError) Error() string {
	what, _, _ := strings.Cut(e.Err.Error(), "\n") // some libraries go on with details for developers
	return fmt.Sprintf("store: the data in %s is damaged: %s", e.Dir, what)
}

// Unwrap returns what was found.
func (e *CorruptError) Unwrap() error { return e.Err }

// RecordError says that the bytes at a key are not a record that this version of Gust reads.
type RecordError struct {
	Name string // of the record type
	Key  []byte // nil where it is not known
	Err  error
}

// Error names the record and its key.
func (e *RecordError) Error() string {
	return fmt.Sprintf("store: %s at key %q: %v", e.Name, e.Key, e.Err)
}

// Unwrap returns the cause.
func (e *RecordError) Unwrap() error { return e.Err }

// SPDX-License-Identifier: Apache-2.0

// Package blob keeps what is too large for the key-value store: code archives, object parts, large messages. A blob is
// written once, then read, then deleted; it is never changed.
//
// Order, always: Commit the blob, then write the metadata that names its Ref in a store transaction. On deletion the
// metadata goes first. A crash between the two leaves a blob that nothing names, which Sweep removes.
//
// Read this file, then file.go (files on the machine's disk). It does not split, compress or encrypt.
package blob

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrShared refuses to delete a blob that is named by its content: it may have more than one owner.
var ErrShared = errors.New("blob: named by its content: only a sweep removes it")

// Digest is a SHA-256 sum. As text, and in JSON, it is lower-case hexadecimal.
type Digest [sha256.Size]byte

// String returns 64 hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Base64 is how Lambda shows it as CodeSha256.
func (d Digest) Base64() string { return base64.StdEncoding.EncodeToString(d[:]) }

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(text []byte) error {
	if len(text) != 2*len(d) {
		return fmt.Errorf("blob: digest of %d digits", len(text))
	}
	if _, err := hex.Decode(d[:], text); err != nil {
		return fmt.Errorf("blob: digest: %w", err)
	}
	return nil
}

// Ref names a blob. It is part of its owner's record, as JSON.
type Ref struct {
	ID     string `json:"id,omitempty"` // "": the blob is named by its SHA256
	SHA256 Digest `json:"sha256"`
	Size   int64  `json:"size"` // bytes
}

// Blobs is safe for concurrent use.
type Blobs interface {
	// Create starts a blob with an id of its own: it has one owner.
	Create(ctx context.Context) (Writer, error)
	// CreateContent starts a blob that is named by the SHA-256 of what is written: the same content is stored once.
	CreateContent(ctx context.Context) (Writer, error)
	// Open answers fs.ErrNotExist for a blob that is not there, *store.CorruptError for one of another size.
	Open(ctx context.Context, ref Ref) (Reader, error)
	// Delete removes a blob that Create made; an absent one is no error. Content blobs answer ErrShared. Who has it
	// open can go on reading.
	Delete(ctx context.Context, ref Ref) error
	// Sweep removes the blobs committed before the given time of which keep says false. The Ref it gets has no Size,
	// and no SHA256 if it has an ID. It returns how many went.
	Sweep(ctx context.Context, before time.Time, keep func(Ref) (bool, error)) (int, error)
}

// Writer takes the bytes of one blob. It is for one goroutine. After an error it is aborted.
type Writer interface {
	io.Writer
	// Commit makes the blob durable and readable. Nothing can be written after it.
	Commit() (Ref, error)
	// Abort forgets what was written. After Commit, and a second time, it does nothing: defer it.
	Abort()
}

// Reader reads one blob.
type Reader interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// PutContent stores data named by its SHA-256.
func PutContent(ctx context.Context, b Blobs, data []byte) (Ref, error) {
	w, err := b.CreateContent(ctx)
	if err != nil {
		return Ref{}, err
	}
	defer w.Abort()
	if _, err := w.Write(data); err != nil {
		return Ref{}, err
	}
	return w.Commit()
}

// NewReader reads a blob from its start.
func NewReader(r Reader) *io.SectionReader { return io.NewSectionReader(r, 0, r.Size()) }

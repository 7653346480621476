// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
)

// Body is the body of a request whose signature covers it: it is verified while it is read, never held. It is for one
// goroutine.
type Body struct {
	src     io.ReadCloser
	length  int64
	pending bool
	then    func()    // what waits for the end of pending; may be nil
	hash    hash.Hash // nil: nothing to compare
	check   func(sum string) error
	framed  io.Reader    // takes the framing off: chunks, or signed events; nil for none
	chunks  *chunkReader // nil: not chunked
	err     error        // of the end: io.EOF or why there is none
}

// watch lets check judge the digest of all bytes when they have been read.
func (b *Body) watch(check func(sum string) error) { b.hash, b.check = sha256.New(), check }

// Read returns io.EOF only after the whole body was verified, and an *Error where it is not what was signed.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.framed != nil {
		n, err := b.framed.Read(p)
		b.err = err
		return n, err
	}
	n, err := b.src.Read(p)
	if b.hash != nil {
		b.hash.Write(p[:n])
		if errors.Is(err, io.EOF) {
			if wrong := b.check(hex.EncodeToString(b.hash.Sum(nil))); wrong != nil {
				err = wrong
			} else if b.pending {
				b.pending = false
				b.verified()
			}
		}
	}
	b.err = err
	return n, err
}

// Close closes the connection's side of the body.
func (b *Body) Close() error { return b.src.Close() }

// Pending tells that not even the head is verified before io.EOF: the signature covers a digest that nothing names.
func (b *Body) Pending() bool { return b.pending }

// Settled tells that nothing of the body is left to verify: all was read, or none of it is covered by anything that its
// bytes have not shown yet. Signed events are verified one by one, and a service may answer before the last.
func (b *Body) Settled() bool {
	return b.err != nil && errors.Is(b.err, io.EOF) || b.hash == nil && b.chunks == nil
}

// unchunk makes b read chunks.
func (b *Body) unchunk(h http.Header, p payload, s chunkSigner) (err error) {
	b.chunks, err = newChunkReader(b.src, h, p, b.length, s)
	b.framed = b.chunks
	return err
}

// Then runs f when the signature is verified: at once unless it is pending.
func (b *Body) Then(f func()) {
	b.then = f
	if !b.pending {
		b.verified()
	}
}

func (b *Body) verified() {
	if b.then != nil {
		b.then()
	}
}

// Chunked tells that the framing of aws-chunked is taken off.
func (b *Body) Chunked() bool { return b.chunks != nil }

// Length is the number of bytes that Read gives before io.EOF, -1 when it is unknown.
func (b *Body) Length() int64 { return b.length }

// Trailer holds the trailers of a chunked body after io.EOF: "X-Amz-Checksum-Crc32". Checksums were compared then.
func (b *Body) Trailer() http.Header {
	if b.chunks == nil || !errors.Is(b.err, io.EOF) {
		return nil
	}
	return b.chunks.trailer
}

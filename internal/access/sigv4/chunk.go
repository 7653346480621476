// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"bufio"
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
)

const (
	// maxChunk bounds a signed chunk, which is held until its signature was compared. Clients send 64 KiB to 1 MiB.
	maxChunk = 16 << 20
	// maxChunkHeader bounds "400;chunk-signature=<64 digits>".
	maxChunkHeader = 256
	// maxTrailer bounds all trailers of a body together, in bytes.
	maxTrailer = 8 << 10
	// chunkBuffer is what the framing is read through; a line must fit.
	chunkBuffer = 4 << 10
)

// chunkSigner computes the signatures of a body's chunks: each covers the one before it, the first that of the head.
type chunkSigner struct {
	key   []byte // nil: chunks are not signed
	stamp string
	scope Scope
	last  string
}

// next returns the signature of a chunk, kind "PAYLOAD", or of the trailers, kind "TRAILER".
// Source: "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks" and "... with
// trailing headers", S3 API reference, read 2026-11.
func (s *chunkSigner) next(kind string, data []byte) string {
	text := "AWS4-HMAC-SHA256-" + kind + "\n" + s.stamp + "\n" + s.scope.String() + "\n" + s.last + "\n"
	if kind == "PAYLOAD" {
		text += EmptySHA256 + "\n"
	}
	s.last = hex.EncodeToString(mac(s.key, text+SumHex(data)))
	return s.last
}

// chunkReader takes the framing of aws-chunked off a body. Bytes of a signed chunk are handed on only after its
// signature was compared.
type chunkReader struct {
	src    *bufio.Reader
	signer chunkSigner
	left   int64  // bytes of the whole body that are still to come
	chunk  int64  // of them in the chunk that is being read; unsigned bodies only
	ready  []byte // verified and not handed on; signed bodies only
	buffer []byte
	end    bool // the chunk of length zero was read

	trailers bool
	wanted   []string // names of X-Amz-Trailer, lower case
	trailer  http.Header
	sum      *checksum // nil: no trailer announces one
}

func newChunkReader(src io.Reader, h http.Header, p payload, length int64, s chunkSigner) (*chunkReader, error) {
	c := &chunkReader{src: bufio.NewReaderSize(src, chunkBuffer), signer: s, left: length, trailers: p.trailers}
	if p.trailers {
		if err := c.announce(h); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// The code of S3; its text is unverified.
func incompleteBody() *Error {
	const text = "You did not provide the number of bytes specified by the Content-Length HTTP header"
	return invalid(mismatch).in("IncompleteBody", text, http.StatusBadRequest)
}

func badChunk() *Error { // unverified
	const text = "The body is not a well-formed aws-chunked body."
	return invalid(mismatch).in("InvalidRequest", text, http.StatusBadRequest)
}

func tooLargeChunk() *Error { // a limit of Gust
	text := "A signed chunk has more than " + strconv.Itoa(maxChunk) + " bytes."
	return invalid(text).in("InvalidRequest", text, http.StatusBadRequest)
}

func wrongChunk() *Error {
	return invalid(mismatch).in("SignatureDoesNotMatch", mismatchS3, http.StatusForbidden)
}

// Read implements io.Reader. Its errors stay: the Body that owns it does not read again.
func (c *chunkReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(c.ready) == 0 && c.chunk == 0 {
		if c.end {
			return 0, c.finish()
		}
		if err := c.header(); err != nil {
			return 0, err
		}
	}
	if len(c.ready) > 0 {
		n := copy(p, c.ready)
		c.ready = c.ready[n:]
		return n, nil
	}
	n, err := c.src.Read(p[:min(int64(len(p)), c.chunk)])
	c.chunk -= int64(n)
	c.left -= int64(n)
	c.sum.write(p[:n])
	if err != nil {
		return n, ended(err)
	}
	if c.chunk == 0 {
		return n, c.lineEnd()
	}
	return n, nil
}

// ended turns the end of the connection's body into the error of one that is cut.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return incompleteBody()
	}
	return err
}

// header reads the line before a chunk, and of a signed body the chunk.
func (c *chunkReader) header() error {
	line, err := c.line(maxChunkHeader)
	if err != nil {
		return err
	}
	digits, extension, _ := strings.Cut(line, ";")
	size, err := strconv.ParseInt(digits, 16, 64)
	if err != nil || size < 0 || len(digits) > 16 || digits[0] == '+' || digits[0] == '-' {
		return badChunk()
	}
	if size > c.left {
		return incompleteBody()
	}
	c.end = size == 0
	if c.end && c.left > 0 {
		return incompleteBody()
	}
	if c.signer.key == nil {
		c.chunk = size
		return nil
	}
	given, ok := strings.CutPrefix(extension, "chunk-signature=")
	if !ok {
		return wrongChunk()
	}
	return c.signedChunk(size, given)
}

// signedChunk reads a chunk and compares its signature.
func (c *chunkReader) signedChunk(size int64, given string) error {
	if size > maxChunk {
		return tooLargeChunk()
	}
	var err error
	if c.buffer, err = readGrowing(c.src, c.buffer[:0], size); err != nil {
		return ended(err)
	}
	if !hmac.Equal([]byte(c.signer.next("PAYLOAD", c.buffer)), []byte(given)) {
		return wrongChunk()
	}
	c.left -= size
	c.ready = c.buffer
	c.sum.write(c.buffer)
	if size > 0 {
		return c.lineEnd()
	}
	return nil
}

// lineEnd reads the line end after a chunk's bytes.
func (c *chunkReader) lineEnd() error {
	line, err := c.line(0)
	if err == nil && line != "" {
		err = badChunk()
	}
	return err
}

// line reads up to a line feed; limit bounds it without its end.
func (c *chunkReader) line(limit int) (string, error) {
	b, err := c.src.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", badChunk()
	case err != nil:
		return "", ended(err)
	}
	b = b[:len(b)-1]
	if n := len(b); n > 0 && b[n-1] == '\r' {
		b = b[:n-1]
	}
	if len(b) > limit {
		return "", badChunk()
	}
	return string(b), nil
}

// finish reads what follows the last chunk and gives io.EOF when all is right.
func (c *chunkReader) finish() error {
	if err := c.readTrailer(); err != nil {
		return err
	}
	return io.EOF
}

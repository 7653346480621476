// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"crypto/hmac"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"time"
)

// StreamingEvents is a body of event-stream frames each of which is wrapped in a signed one.
const StreamingEvents = "STREAMING-AWS4-HMAC-SHA256-EVENTS"

// The frame that signs another: 12 bytes of prelude, two headers, the signed frame as payload, 4 bytes of checksum.
// Source: "Amazon Transcribe Streaming Format", Amazon Transcribe Developer Guide, read 2026-11; the test compares with
// frames that aws-sdk-go-v2 signed.
const (
	preludeSize   = 12
	checksumSize  = 4
	dateHeader64  = "\x05:date\x08"                    // and 8 bytes: milliseconds since 1970
	chunkHeader32 = "\x10:chunk-signature\x06\x00\x20" // and the signature
	signedHeaders = len(dateHeader64) + 8 + len(chunkHeader32) + 32
)

// eventReader takes the signed frames off a body. Bytes of the frame inside are handed on only after the signature was
// compared. The times of frames are not compared with a clock: each signature covers the one before it.
type eventReader struct {
	src    io.Reader
	secret string // "": nothing is compared
	signer chunkSigner
	buffer []byte
	ready  []byte
}

func badEvent() *Error { // unverified
	return &Error{Code: "SerializationException", Message: "The body is not a stream of signed events."}
}

// Read implements io.Reader. Its errors stay: the Body that owns it does not read again.
func (e *eventReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(e.ready) == 0 {
		if err := e.frame(); err != nil {
			return 0, err
		}
	}
	n := copy(p, e.ready)
	e.ready = e.ready[n:]
	return n, nil
}

// frame reads one signed frame. An empty one ends the stream; then nothing may follow.
func (e *eventReader) frame() error {
	var prelude [preludeSize]byte
	if err := e.fill(prelude[:]); err != nil {
		return err
	}
	total, headers := binary.BigEndian.Uint32(prelude[:]), binary.BigEndian.Uint32(prelude[4:])
	const around = preludeSize + checksumSize
	if binary.BigEndian.Uint32(prelude[8:]) != crc32.ChecksumIEEE(prelude[:8]) || headers != uint32(signedHeaders) ||
		total < around+headers || total-around-headers > maxChunk {
		return badEvent()
	}
	var err error
	if e.buffer, err = readGrowing(e.src, e.buffer[:0], int64(total)-preludeSize); err != nil {
		return endedEvent(err)
	}
	rest := e.buffer[:len(e.buffer)-checksumSize]
	sum := crc32.Update(crc32.ChecksumIEEE(prelude[:]), crc32.IEEETable, rest)
	if binary.BigEndian.Uint32(e.buffer[len(rest):]) != sum {
		return badEvent()
	}
	payload := rest[headers:]
	if err := e.verify(rest[:headers], payload); err != nil {
		return err
	}
	if len(payload) > 0 {
		e.ready = payload
		return nil
	}
	if n, err := e.src.Read(make([]byte, 1)); n > 0 {
		return badEvent()
	} else if err != nil {
		return err
	}
	return e.frame() // a reader may give neither bytes nor an error
}

// verify compares the signature of a frame; the two headers may stand in either order.
func (e *eventReader) verify(headers, payload []byte) error {
	date, signature := headers[:len(dateHeader64)+8], headers[len(dateHeader64)+8:]
	if headers[0] != dateHeader64[0] {
		signature, date = headers[:len(chunkHeader32)+32], headers[len(chunkHeader32)+32:]
	}
	if string(date[:len(dateHeader64)]) != dateHeader64 || string(signature[:len(chunkHeader32)]) != chunkHeader32 {
		return badEvent()
	}
	if e.secret == "" {
		return nil
	}
	at := time.UnixMilli(int64(binary.BigEndian.Uint64(date[len(dateHeader64):]))).UTC()
	e.signer.stamp = at.Format(timeFormat)
	if day := at.Format(dateFormat); day != e.signer.scope.Date || e.signer.key == nil {
		e.signer.scope.Date = day
		e.signer.key = deriveKey(e.secret, e.signer.scope)
	}
	want := e.signer.event(date, payload)
	if !hmac.Equal([]byte(want), []byte(hex.EncodeToString(signature[len(chunkHeader32):]))) {
		return invalid(mismatch)
	}
	return nil
}

// event returns the signature of a frame whose header :date is encoded as date.
func (s *chunkSigner) event(date, payload []byte) string {
	text := "AWS4-HMAC-SHA256-PAYLOAD\n" + s.stamp + "\n" + s.scope.String() + "\n" + s.last + "\n" + SumHex(date) + "\n" + SumHex(payload)
	s.last = hex.EncodeToString(mac(s.key, text))
	return s.last
}

// fill reads exactly len(b) bytes.
func (e *eventReader) fill(b []byte) error {
	if _, err := io.ReadFull(e.src, b); err != nil {
		return endedEvent(err)
	}
	return nil
}

// endedEvent turns the end of the connection's body into the error of a stream without its last frame.
func endedEvent(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return badEvent()
	}
	return err
}

// readGrowing appends size bytes of src to b, whose memory grows with what arrives, not with what is announced.
func readGrowing(src io.Reader, b []byte, size int64) ([]byte, error) {
	const step = 64 << 10
	for int64(len(b)) < size {
		at := len(b)
		b = append(b, make([]byte, min(size-int64(at), int64(max(step, at))))...)
		if _, err := io.ReadFull(src, b[at:]); err != nil {
			return b, err
		}
	}
	return b, nil
}

// newEventReader returns the reader for the body of a request with signature sig; without a secret it compares nothing.
func newEventReader(src io.Reader, sig *Signature, secret string) *eventReader {
	return &eventReader{src: src, secret: secret, signer: chunkSigner{scope: sig.Scope, last: sig.Hex}}
}

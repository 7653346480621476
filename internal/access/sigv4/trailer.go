// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // a checksum that clients choose, not a signature
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"slices"
	"strings"
)

// trailerSignature is the trailer that signs the others.
const trailerSignature = "x-amz-trailer-signature"

// checksum is the checksum of a body that a trailer announces. A nil checksum takes everything.
type checksum struct {
	name string // of the trailer: "x-amz-checksum-crc32"
	h    hash.Hash
}

// nvme is the polynomial of CRC-64/NVME, reflected.
// Source: NVM Express NVM Command Set Specification 1.0, section 5.2.1.3.4 (64b CRC).
const nvme = 0x9a6c9329ac4bc9b5

func newChecksum(name string) *checksum {
	algorithm, _ := strings.CutPrefix(name, "x-amz-checksum-")
	switch algorithm {
	case "crc32":
		return &checksum{name, crc32.NewIEEE()}
	case "crc32c":
		return &checksum{name, crc32.New(crc32.MakeTable(crc32.Castagnoli))}
	case "crc64nvme":
		return &checksum{name, crc64.New(crc64.MakeTable(nvme))}
	case "sha1":
		return &checksum{name, sha1.New()} //nolint:gosec // see the import
	case "sha256":
		return &checksum{name, sha256.New()}
	}
	return nil
}

func (c *checksum) write(b []byte) {
	if c != nil {
		c.h.Write(b)
	}
}

// verify compares the checksum with the trailer's. Source of the code: "Error Responses", S3 API reference, read 2026-11;
// the text is unverified.
func (c *checksum) verify(trailer http.Header) error {
	if c == nil || trailer.Get(c.name) == base64.StdEncoding.EncodeToString(c.h.Sum(nil)) {
		return nil
	}
	algorithm := strings.ToUpper(strings.TrimPrefix(c.name, "x-amz-checksum-"))
	return invalid(mismatch).in("BadDigest", "The "+algorithm+" you specified did not match the calculated checksum.", http.StatusBadRequest)
}

// announce reads X-Amz-Trailer: the names of the trailers that will come.
func (c *chunkReader) announce(h http.Header) error {
	for _, list := range h.Values("X-Amz-Trailer") {
		for name := range strings.SplitSeq(list, ",") {
			name = strings.ToLower(strings.TrimSpace(name))
			if name == "" || slices.Contains(c.wanted, name) {
				continue
			}
			c.wanted = append(c.wanted, name)
			if sum := newChecksum(name); sum != nil {
				if c.sum != nil { // unverified
					return invalid(mismatch).in("InvalidRequest", "Expecting a single x-amz-checksum- header", http.StatusBadRequest)
				}
				c.sum = sum
			}
		}
	}
	return nil
}

// malformedTrailer is the error of trailers that are not those that were announced (unverified).
func malformedTrailer() *Error {
	return invalid(mismatch).in("MalformedTrailerError", "The request contained trailing data that was not well-formed or "+
		"did not conform to our published schema.", http.StatusBadRequest)
}

// readTrailer reads to the end of the body: for bodies without trailers the last line end, which some clients leave out,
// else the trailers. The reference's own example separates the signature of the trailers by an empty line; clients do not.
func (c *chunkReader) readTrailer() error {
	var signed []byte // canonical form: name:value and a line feed each
	var given string
	c.trailer = http.Header{}
	for total := 0; ; {
		line, err := c.trailerLine()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if total += len(line) + 1; total > maxTrailer {
			return malformedTrailer()
		}
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		switch {
		case !ok || !c.trailers || given != "":
			return malformedTrailer()
		case name == trailerSignature && c.signer.key != nil:
			given = value
		case name == trailerSignature: // nobody checks it
		case !slices.Contains(c.wanted, name) || c.trailer.Get(name) != "" || value == "":
			return malformedTrailer()
		default:
			c.trailer.Set(name, value)
			signed = append(signed, name+":"+value+"\n"...)
		}
	}
	for _, name := range c.wanted {
		if c.trailer.Get(name) == "" {
			return malformedTrailer()
		}
	}
	if c.trailers && c.signer.key != nil && !hmac.Equal([]byte(c.signer.next("TRAILER", signed)), []byte(given)) {
		return wrongChunk()
	}
	return c.sum.verify(c.trailer)
}

// trailerLine is line, with io.EOF for the end of the body.
func (c *chunkReader) trailerLine() (string, error) {
	if _, err := c.src.Peek(1); err != nil {
		return "", err
	}
	return c.line(chunkBuffer)
}

// SPDX-License-Identifier: Apache-2.0

// Package ids makes the identifiers that AWS shows to users. A Source is seedable, so a simulated run repeats exactly.
// It does not make resource ids of the store (store.AllocateID).
package ids

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"sync"
)

// Source makes identifiers from a stream of random bytes. It is safe for concurrent use if Random is.
type Source struct {
	Random io.Reader // must not fail; crypto/rand.Reader in the product
}

// System draws from the operating system's generator.
func System() Source { return Source{Random: &drawn{}} }

// drawn draws from the operating system's generator in advance: an id for each call of the API would be a system call each.
// What was given out does not stay in its memory.
type drawn struct {
	mu   sync.Mutex
	left int
	buf  [512]byte
}

func (d *drawn) Read(p []byte) (int, error) {
	if len(p) > len(d.buf)/8 {
		return rand.Read(p)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left < len(p) {
		if _, err := rand.Read(d.buf[:]); err != nil {
			return 0, err
		}
		d.left = len(d.buf)
	}
	from := d.buf[d.left-len(p) : d.left]
	d.left -= copy(p, from)
	clear(from)
	return len(p), nil
}

// UUID returns a random RFC 9562 UUID (version 4), lower case.
func (s Source) UUID() string {
	var b [16]byte
	s.fill(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	var out [36]byte
	hex.Encode(out[0:8], b[0:4])
	out[8] = '-'
	hex.Encode(out[9:13], b[4:6])
	out[13] = '-'
	hex.Encode(out[14:18], b[6:8])
	out[18] = '-'
	hex.Encode(out[19:23], b[8:10])
	out[23] = '-'
	hex.Encode(out[24:], b[10:])
	return string(out[:])
}

// Hex returns 2n lower-case hexadecimal digits.
func (s Source) Hex(n int) string {
	b := make([]byte, n)
	s.fill(b)
	return hex.EncodeToString(b)
}

const upperAlphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" // 32 letters: a byte's low 5 bits choose without bias

// Unique returns prefix followed by n upper-case letters and digits, the form of IAM's unique ids
// ("AROA" + 17) and access key ids ("ASIA" + 16).
func (s Source) Unique(prefix string, n int) string {
	b := make([]byte, n)
	s.fill(b)
	for i := range b {
		b[i] = upperAlphanumeric[b[i]&31]
	}
	return prefix + string(b)
}

func (s Source) fill(b []byte) {
	if _, err := io.ReadFull(s.Random, b); err != nil {
		panic("ids: the random source failed: " + err.Error()) // crypto/rand itself aborts the process here
	}
}

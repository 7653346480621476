// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// MaxEvent is the most that one log event may hold, in bytes; longer lines become several events.
// It is the limit of logs.Appender.
const MaxEvent = 262_118

// framer cuts output into messages: one for each line, with its line feed, as AWS stores it for runtimes that write to
// a pipe.
type framer struct{ partial []byte }

// write calls emit for each line that p completes, and keeps the rest.
func (f *framer) write(p []byte, emit func(string)) {
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n') + 1
		switch {
		case i == 0:
			f.partial = append(f.partial, p...)
			p = nil
		case len(f.partial) == 0:
			f.cut(p[:i], emit)
			p = p[i:]
			continue
		default:
			f.partial = append(f.partial, p[:i]...)
			p = p[i:]
		}
		f.partial = f.drain(f.partial, i > 0, emit)
	}
}

// flush emits the unfinished line.
func (f *framer) flush(emit func(string)) {
	if len(f.partial) > 0 {
		f.partial = f.drain(f.partial, true, emit)
	}
}

// drain emits all of b when it is a whole line, else only what is over the size of an event; it returns the rest.
func (f *framer) drain(b []byte, whole bool, emit func(string)) []byte {
	if whole {
		f.cut(b, emit)
		return b[:0]
	}
	n := 0
	for len(b)-n > MaxEvent {
		k := boundary(b[n:])
		emit(message(b[n : n+k]))
		n += k
	}
	if n == 0 {
		return b
	}
	return append(b[:0], b[n:]...)
}

// cut emits one line in pieces of at most MaxEvent bytes.
func (f *framer) cut(line []byte, emit func(string)) {
	for len(line) > MaxEvent {
		k := boundary(line)
		emit(message(line[:k]))
		line = line[k:]
	}
	emit(message(line))
}

// boundary returns where to cut a line of more than MaxEvent bytes: not inside a UTF-8 sequence.
func boundary(line []byte) int {
	k := MaxEvent
	for i := 0; i < utf8.UTFMax && !utf8.RuneStart(line[k]); i++ {
		k--
	}
	return k
}

// message makes valid UTF-8 of b, which a log event must be; a replacement never makes it longer than three times.
func message(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	s := strings.ToValidUTF8(string(b), "\uFFFD")
	if len(s) > MaxEvent {
		s = strings.ToValidUTF8(string(b), "?")
	}
	return s
}

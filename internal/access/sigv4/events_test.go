// SPDX-License-Identifier: Apache-2.0

package sigv4_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gustcloud/gust/internal/access/sigv4"
)

// frame encodes an event-stream message.
func frame(headers, payload []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(16+len(headers)+len(payload)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(headers)))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	b = append(append(b, headers...), payload...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

func dateHeader(at time.Time) []byte {
	return binary.BigEndian.AppendUint64([]byte("\x05:date\x08"), uint64(at.UnixMilli()))
}

// eventRequest is a request of which the frames are body. Frames that a real signer signed: test/conformance.
func eventRequest(t testing.TB, body []byte, now time.Time) (*http.Request, *sigv4.Signature) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/stream", nil)
	sigv4.Sign(r, sigv4.Keys{AccessKeyID: "AKIATEST", SecretAccessKey: "secret"}, "eu-west-1", "transcribe", sigv4.StreamingEvents, now)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), -1
	sig, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	return r, sig
}

func TestEventsWithoutSecretAreUnwrapped(t *testing.T) {
	now := time.Date(2026, 11, 25, 10, 15, 0, 0, time.UTC)
	signature := append([]byte("\x10:chunk-signature\x06\x00\x20"), make([]byte, 32)...)
	one := frame(append(dateHeader(now), signature...), []byte("one"))
	two := frame(append(bytes.Clone(signature), dateHeader(now)...), []byte("two")) // the other order
	end := frame(append(dateHeader(now), signature...), nil)
	for _, c := range []struct {
		name string
		body []byte
		want string
		ok   bool
	}{
		{"two and the end", bytes.Join([][]byte{one, two, end}, nil), "onetwo", true},
		{"only the end", end, "", true},
		{"no end", bytes.Join([][]byte{one, two}, nil), "onetwo", false},
		{"cut", bytes.Join([][]byte{one, two[:20]}, nil), "one", false},
		{"nothing", nil, "", false},
		{"something after the end", append(bytes.Clone(end), 'x'), "", false},
		{"not signed", frame(nil, []byte("one")), "", false},
		{"other headers", frame(make([]byte, 67), []byte("one")), "", false},
		{"no frame", bytes.Repeat([]byte("a"), 100), "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, sig := eventRequest(t, c.body, now)
			b, err := sigv4.Decode(r, sig)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(iotest.HalfReader(b))
			if string(got) != c.want || (err == nil) != c.ok {
				t.Errorf("%q, %v, want %q", got, err, c.want)
			}
			var refused *sigv4.Error
			if err != nil && !errors.As(err, &refused) {
				t.Errorf("error %T", err)
			}
			r, sig = eventRequest(t, c.body, now)
			var v sigv4.Verifier
			if b, err = v.Begin(r, sig, "secret", now); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(b); len(got) > 0 || err == nil {
				t.Errorf("verified %q, %v", got, err)
			}
		})
	}
}

// FuzzEvents: whatever a body is, nothing of it is handed on that was not signed, and it ends without a panic.
func FuzzEvents(f *testing.F) {
	now := time.Date(2026, 11, 25, 10, 15, 0, 0, time.UTC)
	signature := append([]byte("\x10:chunk-signature\x06\x00\x20"), make([]byte, 32)...)
	f.Add(frame(append(dateHeader(now), signature...), []byte("one")))
	f.Add(frame(append(bytes.Clone(signature), dateHeader(now)...), nil))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, sig := eventRequest(t, body, now)
		var v sigv4.Verifier
		b, err := v.Begin(r, sig, "secret", now)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(b); len(got) > 0 || err == nil {
			t.Errorf("verified %q, %v", got, err)
		}
		r, sig = eventRequest(t, body, now)
		if b, err = sigv4.Decode(r, sig); err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(b); len(got) > len(body) {
			t.Errorf("%d bytes of %d", len(got), len(body))
		}
	})
}

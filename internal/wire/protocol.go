// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Protocol is one wire protocol bound to one service's table. It is safe for concurrent use and holds no request state.
type Protocol interface {
	ID() ProtocolID
	// Decode returns a pointer to op's input structure, decoded and validated. Strings of the result may alias r.Body,
	// which must not change until the service's method returned. Errors are rendered by FaultOf: *FrameworkError for what
	// cannot be parsed, *ValidationError for values that break the model's constraints.
	Decode(op *Operation, r Request) (in any, err error)
	// Encode writes a successful answer. out is a pointer to op's output structure. On an error nothing was written, and
	// the caller may still answer with Error; unless the error is ErrAborted.
	Encode(w http.ResponseWriter, op *Operation, out any, requestID string) error
	// Error writes f. r is the request being answered (its method and headers shape the answer).
	Error(w http.ResponseWriter, r *http.Request, f *Fault, requestID string)
}

// ErrAborted means that a streamed answer failed after its status was written: the only thing left is to cut the
// connection, so that the client does not take the rest for complete.
var ErrAborted = errors.New("wire: answer aborted")

// Request is what a protocol decodes.
type Request struct {
	HTTP   *http.Request // its Body is not read
	Body   []byte        // decompressed; ignored when Stream is set
	Stream io.Reader     // the body of an operation whose input is streamed (Schema.Streams)
	// Labels are the values of the URI's labels in their order, as they stand in r.URL.EscapedPath(): not yet unescaped.
	Labels []string
	// Grow is asked before decoding takes more memory than about twice the body's size, for so many bytes more; its error ends
	// the decoding and is returned. nil for no budget beside the decoder's own.
	Grow func(bytes int64) error
}

// Protocol returns the service's codec for id, or nil when the service does not speak it.
func (s *Schema) Protocol(id ProtocolID) Protocol {
	for _, have := range s.Protocols {
		if have != id {
			continue
		}
		switch id {
		case ProtocolJSON:
			return awsJSON{s}
		case ProtocolRESTJSON:
			return restJSON{s}
		case ProtocolRESTXML:
			return restXML{s}
		case ProtocolQuery:
			return query{s}
		case ProtocolEC2:
			return ec2Query{s}
		case ProtocolCBOR:
			return rpcCBOR{s}
		default: // no codec yet
			return nil
		}
	}
	return nil
}

// Streams tells whether op's request body is a stream that the front door must not read into memory.
func (s *Schema) Streams(op *Operation) bool {
	t := s.prepared().types[op.Input]
	return t.events != nil || t.payload != nil && t.payload.typ.Kind == KindStream
}

// ReadBody reads the body of r, decompressing gzip, up to limit bytes. op names the operation in the error.
// Errors: *FrameworkError for a body that is too large or not gzip, else what reading gave.
func ReadBody(r *http.Request, op *Operation, limit int64) ([]byte, error) {
	return ReadBodyWithin(r, op, limit, func(int64) error { return nil })
}

// ReadBodyWithin is ReadBody for callers with a budget of memory: grow is asked before the body's buffer becomes larger by
// that many bytes, and its error is returned, wrapped. The bytes of a call that failed are garbage when it returns.
func ReadBodyWithin(r *http.Request, op *Operation, limit int64, grow func(bytes int64) error) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	sent := &sender{r: r.Body, left: limit + limit/512 + gzipRest}
	var src io.Reader = sent
	size := r.ContentLength
	// Encodings stand in the order they were applied; those before the SDKs' own gzip belong to the service.
	encodings := strings.ToLower(strings.Join(r.Header.Values("Content-Encoding"), ","))
	switch enc := strings.TrimSpace(encodings[strings.LastIndexByte(encodings, ',')+1:]); enc {
	case "", "identity", "aws-chunked":
		if size > limit {
			return nil, tooLarge(op, limit)
		}
	case "gzip":
		z, err := gzip.NewReader(src)
		if err != nil && sent.err == nil {
			return nil, notGzip(err)
		} else if err != nil {
			return nil, fmt.Errorf("read the request body: %w", err)
		}
		src, size = z, -1
	default:
		return nil, &FrameworkError{
			Code: "UnsupportedMediaTypeException", Status: http.StatusUnsupportedMediaType, Sender: true,
			Message: fmt.Sprintf("Content-Encoding %q is not supported.", shortened(enc)),
		}
	}
	var refused error
	body, err := readUpTo(src, size, limit, func(n int64) error { refused = grow(n); return refused })
	switch {
	case errors.Is(err, errTooLarge):
		return nil, tooLarge(op, limit)
	case refused != nil:
		return nil, fmt.Errorf("read the request body: %w", refused)
	case err != nil && src != sent && sent.err == nil: // all arrived, so what arrived is wrong
		return nil, notGzip(err)
	case err != nil:
		return nil, fmt.Errorf("read the request body: %w", err)
	}
	return body, nil
}

// gzipRest is how many bytes longer than its content a compressed body may be: a header with everything in it.
const gzipRest = 64 << 10

// sender is a request's body that remembers whether reading it failed. It may be a little longer than what it unpacks to:
// gzip has members and blocks with nothing in them, of which a client could send any number.
type sender struct {
	r    io.Reader
	left int64 // bytes
	err  error // nil after io.EOF
}

func (s *sender) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if s.left -= int64(n); s.left < 0 {
		return n, errTooLarge
	}
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

var errTooLarge = errors.New("wire: body too large")

// readUpTo reads src to its end. size is what is expected, -1 when unknown: an untrusted hint, so memory comes before the
// bytes that fill it only up to 16 KiB, or three times what the peer has really sent.
func readUpTo(src io.Reader, size, limit int64, grow func(int64) error) ([]byte, error) {
	const ahead = 16 << 10
	room := int64(512)
	if size >= 0 {
		room = min(size, ahead, limit) + 1
	}
	if err := grow(room); err != nil {
		return nil, err
	}
	body := make([]byte, 0, room)
	for {
		if len(body) == cap(body) {
			room = 2 * int64(cap(body))
			if size >= int64(cap(body)) {
				room = min(2*room, size)
			}
			room = min(room, limit+1) + 1
			if err := grow(room - int64(cap(body))); err != nil {
				return nil, err
			}
			grown := make([]byte, len(body), room)
			copy(grown, body)
			body = grown
		}
		n, err := src.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if int64(len(body)) > limit {
			return nil, errTooLarge
		}
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return body, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// notGzip's text is unverified.
func notGzip(err error) error {
	return &FrameworkError{
		Code: "SerializationException", Status: http.StatusBadRequest, Sender: true,
		Message: "The request body is not gzip, although Content-Encoding says so.", Cause: err,
	}
}

// tooLarge words the error as Lambda does (public issue reports: "Request must be smaller than 70167211 bytes for the
// CreateFunction operation"); unverified for other services.
func tooLarge(op *Operation, limit int64) error {
	return &FrameworkError{
		Code: "RequestEntityTooLargeException", Status: http.StatusRequestEntityTooLarge, Sender: true,
		Message: fmt.Sprintf("Request must be smaller than %d bytes for the %s operation", limit, op.Name),
	}
}

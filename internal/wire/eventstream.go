// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unsafe"

	"github.com/gustcloud/gust/internal/wire/eventstream"
)

// This file answers with event streams (application/vnd.amazon.eventstream); eventstreaminput.go reads them. The frames
// are those of package eventstream; what stands in them is Smithy's:
// https://smithy.io/2.0/spec/streaming.html and https://smithy.io/2.0/aws/amazon-eventstream.html.

const typeEventStream = "application/vnd.amazon.eventstream"

// The names of headers and what they say.
const (
	messageType   = ":message-type"
	eventType     = ":event-type"
	exceptionType = ":exception-type"
	contentType   = ":content-type"
	errorCode     = ":error-code"
	errorMessage  = ":error-message"

	isEvent     = "event"
	isException = "exception"
	isError     = "error"

	initialResponse = "initial-response"
	initialRequest  = "initial-request"
)

// ErrStreamEnded means that an event stream ended with an error of which the client was told in the stream: the answer is
// complete, and there is nothing left to say.
var ErrStreamEnded = errors.New("wire: event stream ended with an error")

// eventFormat is how a protocol writes structures inside of events.
type eventFormat interface {
	mediaType() string
	// appendDocument appends the body members of the structure at p. inError leaves out empty strings.
	appendDocument(b []byte, t *typePlan, p unsafe.Pointer, inError bool) []byte
	// readDocument is the reverse; nothing at all is an empty structure. It returns the paths of absent members, as
	// trail.missing holds them.
	readDocument(s *Schema, t *typePlan, p unsafe.Pointer, data []byte) (missing [][]segment, err error)
}

// eventWriter answers one call with a stream.
type eventWriter struct {
	schema  *Schema
	format  eventFormat
	w       http.ResponseWriter
	op      *Operation
	status  int
	initial func() []byte // RPC protocols: the document of the output's other members; nil for the others
	message eventstream.Message
	buf     []byte // of the message, its document and the frame, reused
	started bool   // the status is out
}

// sendEvents answers with the events of the output structure at p, each sent as it comes. The iterator runs in here, so
// that it may hold what it needs until it is told to stop: when its last event is written or the client is gone. An error
// before the first event is returned as it is, and nothing was written. Errors later: ErrStreamEnded, ErrAborted.
func (e *eventWriter) sendEvents(t *typePlan, p unsafe.Pointer) error {
	f := t.events
	v := unsafe.Add(p, f.Off)
	if !f.typ.ev.absent(v) {
		for at, err := range f.typ.ev.each(v) {
			var frame []byte
			if err == nil {
				frame, err = e.event(f.typ, at)
			}
			switch {
			case err != nil && !e.started:
				return err
			case err != nil:
				return e.fail(f.typ, err)
			}
			if err := e.send(frame); err != nil {
				return err
			}
		}
	}
	return e.start() // a stream without events
}

// start writes the status and, for RPC protocols, the first message, unless they are out.
func (e *eventWriter) start() error {
	if e.started {
		return nil
	}
	var first []byte
	if e.initial != nil {
		m := eventstream.Message{Payload: e.initial(), Headers: []eventstream.Header{
			eventstream.StringHeader(messageType, isEvent), eventstream.StringHeader(eventType, initialResponse),
			eventstream.StringHeader(contentType, e.format.mediaType()),
		}}
		var err error
		if first, err = eventstream.Append(nil, &m); err != nil {
			return fmt.Errorf("encode %s %s: %w", e.schema.ID, e.op.Name, err)
		}
	}
	e.started = true
	if e.schema.Streams(e.op) {
		_ = http.NewResponseController(e.w).EnableFullDuplex() // HTTP/1.1 reads on; HTTP/2 does anyway
	}
	setHeader(e.w, "Content-Type", typeEventStream)
	e.w.WriteHeader(e.status)
	return e.write(first)
}

// send writes a frame, after what must stand before it.
func (e *eventWriter) send(frame []byte) error {
	if err := e.start(); err != nil {
		return err
	}
	return e.write(frame)
}

func (e *eventWriter) write(frame []byte) error {
	if len(frame) > 0 {
		if _, err := e.w.Write(frame); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrAborted, e.op.Name, err)
		}
	}
	if err := http.NewResponseController(e.w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("%w: %s: %w", ErrAborted, e.op.Name, err)
	}
	return nil
}

// event renders the one event that is set in the union at p. The result is valid until the next call.
func (e *eventWriter) event(t *typePlan, p unsafe.Pointer) ([]byte, error) {
	var set *fieldPlan
	var v unsafe.Pointer
	for i := range t.fields {
		f := &t.fields[i]
		if f.typ.Error != nil { // yielded as errors: no member holds them
			continue
		}
		if at, ok := f.member(p, false); ok {
			if set != nil {
				return nil, fmt.Errorf("encode %s: an event of %s has two members", e.op.Name, t.Name)
			}
			set, v = f, at
		}
	}
	if set == nil {
		return nil, fmt.Errorf("encode %s: an event of %s has no member", e.op.Name, t.Name)
	}
	e.open(isEvent, eventType, set.wire)
	media := e.payload(set.typ, v)
	if media != "" {
		e.header(eventstream.StringHeader(contentType, media))
	}
	for i := range set.typ.fields {
		f := &set.typ.fields[i]
		if f.Flags&EventHeader == 0 {
			continue
		}
		if at, ok := f.member(v, false); ok {
			e.header(f.eventHeader(at))
		}
	}
	return e.frame()
}

func (e *eventWriter) open(kind, typeHeader, name string) {
	e.message.Headers = append(e.message.Headers[:0], eventstream.StringHeader(messageType, kind))
	if typeHeader != "" {
		e.header(eventstream.StringHeader(typeHeader, name))
	}
	e.message.Payload = nil
}

func (e *eventWriter) header(h eventstream.Header) { e.message.Headers = append(e.message.Headers, h) }

// frame renders the message.
func (e *eventWriter) frame() ([]byte, error) {
	n := len(e.buf) // a document may stand there
	b, err := eventstream.Append(e.buf, &e.message)
	if err != nil {
		return nil, fmt.Errorf("encode %s %s: %w", e.schema.ID, e.op.Name, err)
	}
	e.buf = b[:0]
	return b[n:], nil
}

// payload sets the payload of the event at p and returns its media type, "" when there is none. An event has a member that
// is the payload, or members that are a document together, or headers only.
func (e *eventWriter) payload(t *typePlan, p unsafe.Pointer) (media string) {
	document := false
	for i := range t.fields {
		f := &t.fields[i]
		document = document || f.Loc == InBody
		if f.Flags&EventPayload == 0 {
			continue
		}
		v, ok := f.member(p, false)
		if !ok {
			return ""
		}
		switch f.typ.Kind {
		case KindBlob:
			e.message.Payload = *(*[]byte)(v)
			return "application/octet-stream"
		case KindString:
			e.message.Payload = []byte(*(*string)(v))
			return "text/plain"
		default:
			return e.document(f.typ, v, false)
		}
	}
	if !document {
		return ""
	}
	return e.document(t, p, false)
}

func (e *eventWriter) document(t *typePlan, p unsafe.Pointer, inError bool) (media string) {
	e.buf = e.format.appendDocument(e.buf[:0], t, p, inError)
	e.message.Payload = e.buf
	return e.format.mediaType()
}

// eventHeader renders the value at v.
func (f *fieldPlan) eventHeader(v unsafe.Pointer) eventstream.Header {
	h := eventstream.Header{Name: f.wire}
	switch f.typ.Kind {
	case KindBool:
		h.Type = eventstream.False
		if *(*bool)(v) {
			h.Type = eventstream.True
		}
	case KindInt32:
		h.Num = int64(*(*int32)(v))
		switch {
		case f.Flags&EventByte != 0:
			h.Type = eventstream.Byte
		case f.Flags&EventShort != 0:
			h.Type = eventstream.Short
		default:
			h.Type = eventstream.Integer
		}
	case KindInt64:
		h.Type, h.Num = eventstream.Long, *(*int64)(v)
	case KindTime:
		h.Type, h.Num = eventstream.Timestamp, (*(*time.Time)(v)).UnixMilli()
	case KindBlob:
		h.Type, h.Data = eventstream.Bytes, *(*[]byte)(v)
	default:
		h.Type, h.Text = eventstream.String, *(*string)(v)
	}
	return h
}

// fail tells the client of err: as an exception where the stream's model has it, else as an error with code and message.
func (e *eventWriter) fail(t *typePlan, err error) error {
	e.buf = e.buf[:0]
	fault := FaultOf(e.schema, err)
	e.open(isError, "", "")
	for i := range t.fields {
		if f := &t.fields[i]; fault.typ != nil && f.typ == fault.typ {
			e.open(isException, exceptionType, f.wire)
			e.header(eventstream.StringHeader(contentType, e.document(f.typ, fault.value, true)))
		}
	}
	if e.message.Headers[0].Text == isError {
		e.header(eventstream.StringHeader(errorCode, fault.Code))
		e.header(eventstream.StringHeader(errorMessage, strings.ToValidUTF8(fault.Message[:min(len(fault.Message), eventstream.MaxValue)], "")))
	}
	frame, bad := e.frame()
	if bad != nil {
		return fmt.Errorf("%w: %w: %w", ErrAborted, bad, err)
	}
	if bad := e.send(frame); bad != nil {
		return fmt.Errorf("%w: %w", bad, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrStreamEnded, e.op.Name, err)
}

// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"time"
	"unsafe"

	"github.com/gustcloud/gust/internal/wire/eventstream"
)

// eventReader reads the events of one request. SDKs wrap each message of a signed request into another one, whose headers
// are a date and a signature: unwrapping those is the signature layer's work, and Request.Stream must be the inner stream.
type eventReader struct {
	schema *Schema
	format eventFormat
	typ    *typePlan // KindEvents
	in     *eventstream.Reader
}

// readEvents makes f of the structure at p the events of the request's body. They are read as the service asks for them,
// once. After an error there are no more: a *FrameworkError for what does not parse and for an unmodelled error of the
// client, a *ValidationError, a modelled exception of the stream, or what reading gave.
func (s *Schema) readEvents(format eventFormat, f *fieldPlan, p unsafe.Pointer, r Request) *eventReader {
	src := r.Stream
	if src == nil {
		src = bytes.NewReader(r.Body)
	}
	e := &eventReader{schema: s, format: format, typ: f.typ, in: eventstream.NewReader(src)}
	e.in.Grow = r.Grow
	f.typ.ev.set(unsafe.Add(p, f.Off), func(yield func(unsafe.Pointer, error) bool) {
		for {
			event, err := e.next()
			if errors.Is(err, io.EOF) || !yield(event, err) || err != nil {
				return
			}
		}
	})
	return e
}

// decodeEventInput decodes the input of an operation of an RPC protocol that takes events: the first message holds the
// other members.
func (s *Schema) decodeEventInput(format eventFormat, t *typePlan, r Request) (any, error) {
	p := t.st.alloc()
	e := s.readEvents(format, t.events, p, r)
	m, err := e.message()
	switch {
	case errors.Is(err, io.EOF):
		return nil, serialization("The event stream has no %s.", initialRequest) // unverified
	case err != nil:
		return nil, err
	case text(m, messageType) != isEvent || text(m, eventType) != initialRequest:
		return nil, serialization("The event stream does not begin with %s.", initialRequest) // unverified
	}
	missing, err := format.readDocument(s, t, p, m.Payload)
	if err != nil {
		return nil, err
	}
	if err := validate(s, t, p, missing); err != nil {
		return nil, err
	}
	return t.st.box(p), nil
}

// message reads a message. io.EOF is the end of the stream.
func (e *eventReader) message() (*eventstream.Message, error) {
	m, err := e.in.Next()
	switch {
	case err == nil:
		return m, nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, serialization("The event stream ended inside of a message.") // unverified
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case errors.Is(err, eventstream.ErrTooLarge), errors.Is(err, eventstream.ErrChecksum), errors.Is(err, eventstream.ErrMalformed):
		return nil, serialization("%s", err.Error()) // unverified
	}
	return nil, fmt.Errorf("read the event stream: %w", err)
}

// text returns the header of that name if it is one, else "".
func text(m *eventstream.Message, name string) string {
	h, _ := m.Get(name)
	return h.Text
}

// next reads and decodes an event and returns a pointer to the stream's union.
func (e *eventReader) next() (unsafe.Pointer, error) {
	m, err := e.message()
	if err != nil {
		return nil, err
	}
	switch text(m, messageType) {
	case isEvent:
		return e.event(m)
	case isException:
		return nil, e.exception(m)
	case isError:
		return nil, &FrameworkError{
			Code: text(m, errorCode), Message: text(m, errorMessage), Status: http.StatusBadRequest, Sender: true,
		}
	}
	return nil, serialization("A message of the event stream has no valid %s.", messageType) // unverified
}

func (e *eventReader) event(m *eventstream.Message) (unsafe.Pointer, error) {
	name := text(m, eventType)
	i := e.typ.field(name, 0)
	if name == "" || i < 0 || e.typ.fields[i].typ.Error != nil {
		return nil, serialization("A message of the event stream has no valid %s.", eventType) // unverified
	}
	f := &e.typ.fields[i]
	p := e.typ.ev.event()
	missing, err := e.structure(f.typ, f.enter(p), m)
	if err != nil {
		return nil, err
	}
	v, _ := f.member(p, false)
	if err := validate(e.schema, f.typ, v, missing); err != nil {
		return nil, err
	}
	return p, nil
}

// structure fills the event at p from headers and payload.
func (e *eventReader) structure(t *typePlan, p unsafe.Pointer, m *eventstream.Message) (missing [][]segment, err error) {
	document := false
	for i := range t.fields {
		f := &t.fields[i]
		switch {
		case f.Loc == InBody:
			document = true
		case f.Flags&EventHeader != 0:
			if h, ok := m.Get(f.wire); ok {
				err = f.setEventHeader(p, h)
			} else if f.Flags&Required != 0 && f.track != 0 {
				missing = append(missing, []segment{{name: f.Name}})
			}
		case f.Flags&EventPayload != 0:
			var more [][]segment
			more, err = e.payload(f, p, m.Payload)
			missing = append(missing, more...)
		}
		if err != nil {
			return nil, err
		}
	}
	if document {
		more, err := e.format.readDocument(e.schema, t, p, m.Payload)
		return append(missing, more...), err
	}
	return missing, nil
}

// payload decodes the whole payload into the member f.
func (e *eventReader) payload(f *fieldPlan, p unsafe.Pointer, data []byte) (missing [][]segment, err error) {
	v := unsafe.Add(p, f.Off)
	switch f.typ.Kind {
	case KindBlob:
		*(*[]byte)(v) = data
	case KindString:
		put(f.Flags, v, string(data))
	default:
		if len(data) == 0 {
			return nil, nil
		}
		missing, err = e.format.readDocument(e.schema, f.typ, f.enter(p), data)
		for i := range missing {
			missing[i] = append([]segment{{name: f.Name}}, missing[i]...)
		}
	}
	return missing, err
}

// setEventHeader stores the value of h. An integer of any width is fine where its value fits.
func (f *fieldPlan) setEventHeader(p unsafe.Pointer, h eventstream.Header) error {
	whole := eventstream.Byte <= h.Type && h.Type <= eventstream.Long
	switch k := f.typ.Kind; {
	case k == KindBool && h.Type <= eventstream.False:
		put(f.Flags, unsafe.Add(p, f.Off), h.Type == eventstream.True)
	case k == KindInt32 && whole && math.MinInt32 <= h.Num && h.Num <= math.MaxInt32:
		put(f.Flags, unsafe.Add(p, f.Off), int32(h.Num))
	case k == KindInt64 && whole:
		put(f.Flags, unsafe.Add(p, f.Off), h.Num)
	case k == KindTime && h.Type == eventstream.Timestamp:
		at, err := inRange(time.UnixMilli(h.Num))
		if err != nil {
			return serialization("%d is not a valid timestamp", h.Num) // unverified
		}
		*(*time.Time)(unsafe.Add(p, f.Off)) = at
	case k == KindBlob && h.Type == eventstream.Bytes:
		*(*[]byte)(unsafe.Add(p, f.Off)) = h.Data
	case k == KindString && h.Type == eventstream.String:
		put(f.Flags, unsafe.Add(p, f.Off), h.Text)
	default:
		return serialization("The header %s of an event has the wrong type.", f.wire) // unverified
	}
	return nil
}

// exception decodes a modelled error that the client sent.
func (e *eventReader) exception(m *eventstream.Message) error {
	name := text(m, exceptionType)
	if i := e.typ.field(name, 0); name != "" && i >= 0 && e.typ.fields[i].typ.Error != nil {
		t := e.typ.fields[i].typ
		p := t.st.alloc()
		if _, err := e.format.readDocument(e.schema, t, p, m.Payload); err != nil {
			return err
		}
		if err, ok := t.st.box(p).(error); ok {
			return err
		}
	}
	return serialization("A message of the event stream has no valid %s.", exceptionType) // unverified
}

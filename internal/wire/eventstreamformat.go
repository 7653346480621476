// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"cmp"
	"net/http"
	"unsafe"
)

// The documents inside of events, by protocol.
type (
	jsonEvents struct{}
	cborEvents struct{ millis bool }
	xmlEvents  struct{}
)

// sendEvents answers with the stream of a's output, whose other members are in headers.
func (a restOutput) sendEvents(w http.ResponseWriter, s *Schema, op *Operation, format eventFormat) error {
	e := eventWriter{schema: s, format: format, w: w, op: op, status: a.status}
	return e.sendEvents(a.typ, a.p)
}

// rpcEvents returns the writer of the answer w to a call of op. Members beside the stream stand in the first message.
func (s *Schema) rpcEvents(w http.ResponseWriter, op *Operation, format eventFormat, t *typePlan, p unsafe.Pointer) *eventWriter {
	return &eventWriter{
		schema: s, format: format, w: w, op: op, status: op.success(),
		initial: func() []byte { return format.appendDocument(nil, t, p, false) },
	}
}

func (jsonEvents) mediaType() string { return "application/json" }

func (jsonEvents) appendDocument(b []byte, t *typePlan, p unsafe.Pointer, inError bool) []byte {
	e := jsonEncoder{buf: b, inError: inError}
	e.object(t, p, true)
	return e.buf
}

func (jsonEvents) readDocument(s *Schema, t *typePlan, p unsafe.Pointer, data []byte) (missing [][]segment, err error) {
	var d jsonDecoder
	if err := d.start(s, data); err != nil {
		return nil, err
	}
	seen, err := d.document(t, p, true)
	if err != nil {
		return nil, err
	}
	d.require(t, seen|t.elsewhere())
	return d.missing, nil
}

func (cborEvents) mediaType() string { return typeCBOR }

func (f cborEvents) appendDocument(b []byte, t *typePlan, p unsafe.Pointer, inError bool) []byte {
	e := cborEncoder{buf: b, inError: inError, millis: f.millis}
	e.object(t, p, true)
	return e.buf
}

func (f cborEvents) readDocument(_ *Schema, t *typePlan, p unsafe.Pointer, data []byte) (missing [][]segment, err error) {
	d := cborDecoder{millis: f.millis}
	d.start(data)
	seen, err := d.document(t, p, true)
	if err != nil {
		return nil, err
	}
	d.require(t, seen|t.elsewhere())
	return d.missing, nil
}

// mediaType is S3's, the only service of the protocol with events.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html
func (xmlEvents) mediaType() string { return "text/xml" }

func (xmlEvents) appendDocument(b []byte, t *typePlan, p unsafe.Pointer, _ bool) []byte {
	e := xmlEncoder{buf: b}
	e.declaration()
	e.element(t, p, cmp.Or(t.Wire, t.Name), nil, TimeISO8601)
	return e.buf
}

func (xmlEvents) readDocument(_ *Schema, t *typePlan, p unsafe.Pointer, data []byte) (missing [][]segment, err error) {
	var d xmlDecoder
	if err := d.start(data); err != nil {
		return nil, err
	}
	present, err := d.enter(t.Wire, t.Name)
	if err != nil || !present {
		return nil, err
	}
	seen, err := d.structure(t, p, true)
	if err != nil {
		return nil, err
	}
	d.require(t, seen|t.elsewhere())
	return d.missing, d.end()
}

// elsewhere are the tracked members that do not stand in the document.
func (t *typePlan) elsewhere() (tracked uint64) {
	for i := range t.fields {
		if t.fields[i].Loc != InBody {
			tracked |= t.fields[i].track
		}
	}
	return tracked
}

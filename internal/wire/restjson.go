// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"unsafe"
)

// restJSON is REST-JSON: members in the URI and headers by the model's bindings, the others in a JSON document, or one
// member as the whole body.
type restJSON struct{ schema *Schema }

func (restJSON) ID() ProtocolID { return ProtocolRESTJSON }

func (a restJSON) Decode(op *Operation, r Request) (any, error) {
	plan := a.schema.prepared()
	t := plan.types[op.Input]
	p := t.st.alloc()
	b := plan.bindings[op]
	if b == nil { // an operation that is not of the table, as tests have
		b = newBinding(op, t)
	}
	seen, err := b.decode(r, p)
	if err != nil {
		return nil, err
	}
	var d jsonDecoder
	switch {
	case t.payload != nil:
		present, err := a.payload(&d, t.payload, p, r)
		if err != nil {
			return nil, err
		}
		if present {
			seen |= t.payload.track
		}
	case b.body:
		if err := d.start(a.schema, r.Body); err != nil {
			return nil, err
		}
		more, err := d.document(t, p, true)
		if err != nil {
			return nil, err
		}
		seen |= more
	}
	d.require(t, seen)
	if err := validate(a.schema, t, p, d.missing); err != nil {
		return nil, err
	}
	return t.st.box(p), nil
}

// payload decodes the body into the one member that it is. An absent Content-Type is fine: boto3 sends none with blobs.
func (a restJSON) payload(d *jsonDecoder, f *fieldPlan, p unsafe.Pointer, r Request) (present bool, err error) {
	v := unsafe.Add(p, f.Off)
	switch f.typ.Kind {
	case KindStream:
		var stream io.Reader = http.NoBody
		if r.Stream != nil {
			stream = r.Stream
		} else if len(r.Body) > 0 {
			stream = bytes.NewReader(r.Body)
		}
		*(*io.Reader)(v) = stream
		return true, nil
	case KindBlob:
		if len(r.Body) > 0 {
			*(*[]byte)(v) = r.Body
		}
		return len(r.Body) > 0, nil
	case KindString:
		if len(r.Body) == 0 {
			return false, nil
		}
		put(f.Flags, v, string(r.Body))
		return true, nil
	case KindEvents:
		return false, nil
	default:
	}
	if err := d.start(a.schema, r.Body); err != nil {
		return false, err
	}
	if d.peek() == 0 && d.pos == len(d.data) {
		return false, nil
	}
	if present, err = d.member(f, p); err != nil {
		return false, err
	}
	return present, d.end()
}

func (a restJSON) Encode(w http.ResponseWriter, op *Operation, out any, requestID string) error {
	t := a.schema.prepared().types[op.Output]
	p, ok := t.st.unbox(out)
	if !ok {
		return errOutput(a.schema, op, out)
	}
	status := writeHeaders(w.Header(), t, p, false)
	if status == 0 {
		status = op.success()
	}
	setHeader(w, "x-amzn-RequestId", requestID)
	var e jsonEncoder
	switch {
	case t.payload != nil:
		return a.encodePayload(w, op, t.payload, p, status)
	case op.NoOutput:
	default:
		e.buf = make([]byte, 0, 512)
		e.object(t, p, true)
	}
	contentType := ""
	if len(e.buf) > 0 {
		contentType = "application/json"
	}
	send(w, status, contentType, e.buf)
	return nil
}

func (a restJSON) encodePayload(w http.ResponseWriter, op *Operation, f *fieldPlan, p unsafe.Pointer, status int) error {
	v, ok := f.member(p, false)
	var body []byte
	contentType := "application/json"
	switch f.typ.Kind {
	case KindStream:
		return sendStream(w, op, *(*io.ReadCloser)(v), status)
	case KindBlob:
		body, contentType = *(*[]byte)(v), "application/octet-stream"
	case KindString:
		contentType = "text/plain"
		if ok {
			body = []byte(*(*string)(v))
		}
	default:
		if ok {
			var e jsonEncoder
			e.value(f.typ, v, f.timeFormat(TimeDefault))
			body = e.buf
		}
	}
	if op.OutputMediaType != "" {
		contentType = op.OutputMediaType
	}
	if len(body) == 0 {
		contentType = ""
	}
	send(w, status, contentType, body)
	return nil
}

// sendStream copies a streamed output.
func sendStream(w http.ResponseWriter, op *Operation, body io.ReadCloser, status int) error {
	contentType := op.OutputMediaType
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	setHeader(w, "Content-Type", contentType)
	w.WriteHeader(status)
	if body == nil {
		return nil
	}
	_, err := io.Copy(w, body)
	if closeErr := body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrAborted, op.Name, err)
	}
	return nil
}

// Error writes the code into a header and the members of f into the body. Lambda's member that tells whose fault it is
// is filled where the service left it empty ("User" recorded by public issue reports; "Service" unverified).
func (a restJSON) Error(w http.ResponseWriter, _ *http.Request, f *Fault, requestID string) {
	setHeader(w, "x-amzn-RequestId", requestID)
	setHeader(w, "x-amzn-ErrorType", f.Code)
	e := jsonEncoder{inError: true}
	switch {
	case f.typ != nil:
		p := f.blamed(a.schema.ErrorTypeMember)
		writeHeaders(w.Header(), f.typ, p, true)
		e.object(f.typ, p, true)
	case f.Message != "":
		e.buf = append(e.buf, `{"message":`...)
		e.buf = append(appendJSONString(e.buf, f.Message), '}')
	default:
		e.buf = append(e.buf, "{}"...)
	}
	send(w, f.Status, "application/json", e.buf)
}

// blamed returns the error's structure with its member of that name set.
func (f *Fault) blamed(member string) unsafe.Pointer {
	i := f.typ.field(member, 0)
	if member == "" || i < 0 || f.typ.fields[i].typ.Kind != KindString || f.typ.fields[i].Flags&Pointer != 0 {
		return f.value
	}
	p := f.typ.st.clone(f.value)
	if t := (*string)(unsafe.Add(p, f.typ.fields[i].Off)); *t == "" {
		*t = "Service"
		if f.Sender {
			*t = "User"
		}
	}
	return p
}

// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"net/http"
	"unsafe"
)

// restJSON is REST-JSON: members in the URI and headers by the model's bindings, the others in a JSON document, or one
// member as the whole body.
type restJSON struct{ schema *Schema }

func (restJSON) ID() ProtocolID { return ProtocolRESTJSON }

func (a restJSON) Decode(op *Operation, r Request) (any, error) {
	in, err := a.schema.bind(op, r)
	if err != nil {
		return nil, err
	}
	if err := a.negotiate(op, in, r); err != nil {
		return nil, err
	}
	d := jsonDecoder{strict: true, allowance: allowance{grow: r.Grow}}
	switch {
	case in.typ.payload != nil:
		present, err := a.payload(&d, in.typ.payload, in.p, r)
		if err != nil {
			return nil, err
		}
		if present {
			in.seen |= in.typ.payload.track
		}
	case in.body:
		if err := d.start(a.schema, r.Body); err != nil {
			return nil, err
		}
		more, err := d.document(in.typ, in.p, true)
		if err != nil {
			return nil, err
		}
		in.seen |= more
	}
	d.require(in.typ, in.seen)
	if err := validate(a.schema, in.typ, in.p, d.missing); err != nil {
		return nil, err
	}
	return in.typ.st.box(in.p), nil
}

// payload decodes the body into the one member that it is.
func (a restJSON) payload(d *jsonDecoder, f *fieldPlan, p unsafe.Pointer, r Request) (present bool, err error) {
	if f.typ.Kind == KindEvents {
		a.schema.readEvents(jsonEvents{}, f, p, r)
		return true, nil
	}
	if present, raw := readRaw(f, p, r); raw {
		return present, nil
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
	if f.typ.Kind == KindStruct && f.Flags&Required == 0 && isEmptyObject(d.data) {
		*(*unsafe.Pointer)(unsafe.Add(p, f.Off)) = nil // clients send {} for an absent structure too
		present = false
	}
	return present, d.end()
}

func (a restJSON) Encode(w http.ResponseWriter, op *Operation, out any, requestID string) error {
	o, err := a.schema.answer(w.Header(), op, out)
	if err != nil {
		return err
	}
	setHeader(w, "x-amzn-RequestId", requestID)
	var e jsonEncoder
	switch f := o.typ.payload; {
	case o.typ.events != nil:
		return o.sendEvents(w, a.schema, op, jsonEvents{})
	case f != nil:
		if raw, err := o.sendRaw(w, op, f); raw {
			return err
		}
		if v, ok := f.member(o.p, false); ok {
			e.value(f.typ, v, f.timeFormat(TimeDefault))
		}
		sendBody(w, op, o.status, "application/json", e.buf)
		return nil
	case op.NoOutput:
	default:
		e.buf = make([]byte, 0, 512)
		e.object(o.typ, o.p, true)
	}
	contentType := ""
	if len(e.buf) > 0 {
		contentType = "application/json"
	}
	send(w, o.status, contentType, e.buf)
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

// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"cmp"
	"errors"
	"net/http"
)

// restXML is REST-XML: members in the URI and headers by the model's bindings, the others in an XML document, or one
// member as the whole body.
type restXML struct{ schema *Schema }

func (restXML) ID() ProtocolID { return ProtocolRESTXML }

func (a restXML) Decode(op *Operation, r Request) (any, error) {
	in, err := a.schema.bind(op, r)
	if err != nil {
		return nil, a.own(err, "InvalidArgument", "")
	}
	d := xmlDecoder{allowance: allowance{grow: r.Grow}}
	switch f := in.typ.payload; {
	case f != nil:
		present, raw := readRaw(f, in.p, r)
		if f.typ.Kind == KindEvents {
			a.schema.readEvents(xmlEvents{}, f, in.p, r)
		}
		if !raw {
			if present, err = a.payload(&d, f, &in, r.Body); err != nil {
				return nil, a.malformed(err)
			}
		}
		if present {
			in.seen |= f.track
		}
	case in.body:
		more, err := a.document(&d, op, &in, r.Body)
		if err != nil {
			return nil, a.malformed(err)
		}
		in.seen |= more
	}
	d.require(in.typ, in.seen)
	if err := validate(a.schema, in.typ, in.p, d.missing); err != nil {
		return nil, err
	}
	return in.typ.st.box(in.p), nil
}

// document decodes the body into the input structure.
func (restXML) document(d *xmlDecoder, op *Operation, in *restInput, body []byte) (seen uint64, err error) {
	if err := d.start(body); err != nil {
		return 0, err
	}
	present, err := d.enter(op.InputName, in.typ.Wire, in.typ.Name)
	if err != nil || !present {
		return 0, err
	}
	if seen, err = d.structure(in.typ, in.p, true); err != nil {
		return 0, err
	}
	return seen, d.end()
}

// payload decodes the body into the member f, whose element is the root.
func (restXML) payload(d *xmlDecoder, f *fieldPlan, in *restInput, body []byte) (present bool, err error) {
	if err := d.start(body); err != nil {
		return false, err
	}
	if present, err = d.enter(f.Wire, f.Name, f.typ.Wire, f.typ.Name); err != nil || !present {
		return false, err
	}
	d.pushMember(f.Name)
	err = d.value(f.typ, f.enter(in.p), f.timeFormat(TimeISO8601))
	d.pop()
	if err != nil {
		return false, err
	}
	return true, d.end()
}

func (a restXML) malformed(err error) error {
	return a.own(err, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
}

// own gives S3's own code to a request that does not parse, and S3's message where it is given.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (InvalidArgument, MalformedXML); the spelling
// of MalformedXML's message, with a hyphen and without full stop, is general knowledge (unverified).
func (a restXML) own(err error, code, message string) error {
	var f *FrameworkError
	if !a.schema.BareErrors || !errors.As(err, &f) || f.Code != "SerializationException" {
		return err
	}
	return &FrameworkError{
		Code: code, Message: cmp.Or(message, f.Message), Status: http.StatusBadRequest, Sender: true, Cause: err,
	}
}

func (a restXML) Encode(w http.ResponseWriter, op *Operation, out any, requestID string) error {
	o, err := a.schema.answer(w.Header(), op, out)
	if err != nil {
		return err
	}
	a.requestID(w, requestID)
	var e xmlEncoder
	switch f := o.typ.payload; {
	case o.typ.events != nil:
		return o.sendEvents(w, a.schema, op, xmlEvents{})
	case f != nil:
		if raw, err := o.sendRaw(w, op, f); raw {
			return err
		}
		if v, ok := f.shown(o.p, false); ok {
			e.declaration()
			e.element(f.typ, v, cmp.Or(f.Wire, f.typ.Wire, f.typ.Name), a.namespace(f.Namespace, f.typ), f.timeFormat(TimeISO8601))
		}
	case op.NoOutput:
	case !o.typ.inAnswerBody():
		if !a.schema.BareErrors && len(w.Header()["Content-Type"]) == 0 {
			setHeader(w, "Content-Type", "application/xml") // as Smithy has it; S3 names no type of nothing
		}
	case op.UnwrappedOutput:
		a.unwrapped(&e, o)
	default:
		e.buf = make([]byte, 0, 512)
		e.declaration()
		e.element(o.typ, o.p, cmp.Or(o.typ.Wire, o.typ.Name), a.namespace(nil, o.typ), TimeISO8601)
	}
	sendBody(w, op, o.status, "application/xml", e.buf)
	return nil
}

// unwrapped writes the one member of the output as the root (S3's GetBucketLocation); an empty root stands for an absent one.
func (a restXML) unwrapped(e *xmlEncoder, o restOutput) {
	for i := range o.typ.fields {
		f := &o.typ.fields[i]
		if !f.inAnswerBody() {
			continue
		}
		e.declaration()
		ns := a.namespace(f.Namespace, f.typ)
		if v, ok := f.shown(o.p, false); ok {
			e.element(f.typ, v, f.xml, ns, f.timeFormat(TimeISO8601))
			return
		}
		e.open(f.xml, ns)
		e.close(f.xml)
		return
	}
}

// namespace is the root's: the member's own, its type's or the service's.
func (a restXML) namespace(member *XMLNamespace, t *typePlan) *XMLNamespace {
	switch {
	case member != nil:
		return member
	case t.Namespace != nil:
		return t.Namespace
	}
	return &XMLNamespace{URI: a.schema.XMLNamespace}
}

// Error writes the code into the body only. The answer to HEAD has none: status and headers are all.
func (a restXML) Error(w http.ResponseWriter, r *http.Request, f *Fault, requestID string) {
	a.requestID(w, requestID)
	if f.typ != nil {
		writeHeaders(w.Header(), f.typ, f.value, true)
	}
	var e xmlEncoder
	switch {
	case r != nil && r.Method == http.MethodHead:
	case a.schema.BareErrors:
		e.declaration()
		e.bareError(f, requestID)
	default:
		e.declaration()
		e.errorResponse(&XMLNamespace{URI: a.schema.XMLNamespace}, f, requestID)
	}
	send(w, f.Status, "application/xml", e.buf)
}

// bareError appends S3's error document.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (REST error responses).
func (e *xmlEncoder) bareError(f *Fault, requestID string) {
	e.open("Error", nil)
	e.errorBody(f)
	e.text("RequestId", requestID)
	e.text("HostId", requestID)
	e.close("Error")
}

// requestID writes the headers by which a client names the call to support.
func (a restXML) requestID(w http.ResponseWriter, requestID string) {
	if !a.schema.BareErrors {
		setHeader(w, "x-amzn-RequestId", requestID)
		return
	}
	setHeader(w, "x-amz-request-id", requestID)
	setHeader(w, "x-amz-id-2", requestID)
}

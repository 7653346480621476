// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"cmp"
	"net/http"
	"unsafe"
)

// query is the AWS query protocol: a form in, XML out. It serves services whose own protocol it is and those that speak it
// for old clients.
type query struct{ schema *Schema }

func (query) ID() ProtocolID { return ProtocolQuery }

func (q query) Decode(op *Operation, r Request) (any, error) { return q.schema.decodeForm(op, r) }

// decodeForm takes the form from the body, or from the URI when there is no body.
func (s *Schema) decodeForm(op *Operation, r Request) (any, error) {
	form := unsafe.String(unsafe.SliceData(r.Body), len(r.Body))
	if form == "" && r.HTTP != nil {
		form = r.HTTP.URL.RawQuery
	}
	tree, err := parseForm(form, len(form) > cloneAbove, r.Grow)
	if err != nil {
		return nil, err
	}
	t := s.prepared().types[op.Input]
	p := t.st.alloc()
	d := formDecoder{formTree: tree}
	seen, err := d.structure(t, p, 0)
	if err != nil {
		return nil, err
	}
	d.require(t, seen)
	if err := validate(s, t, p, d.missing); err != nil {
		return nil, err
	}
	return t.st.box(p), nil
}

func (q query) Encode(w http.ResponseWriter, op *Operation, out any, requestID string) error {
	t := q.schema.prepared().types[op.Output]
	p, ok := t.st.unbox(out)
	if !ok {
		return errOutput(q.schema, op, out)
	}
	e := xmlEncoder{buf: make([]byte, 0, 512)}
	root := op.Name + "Response"
	e.open(root, &XMLNamespace{URI: q.schema.XMLNamespace})
	if !op.NoOutput {
		wrapper := op.ResultWrapper
		if wrapper == "" {
			wrapper = op.Name + "Result"
		}
		e.open(wrapper, nil)
		e.members(t, p)
		e.close(wrapper)
	}
	e.open("ResponseMetadata", nil)
	e.text("RequestId", requestID)
	e.close("ResponseMetadata")
	e.close(root)
	q.answer(w, op.success(), e.buf, requestID)
	return nil
}

func (q query) Error(w http.ResponseWriter, _ *http.Request, f *Fault, requestID string) {
	var e xmlEncoder
	e.errorResponse(&XMLNamespace{URI: q.schema.XMLNamespace}, f, requestID)
	q.answer(w, f.Status, e.buf, requestID)
}

// errorResponse appends the error document of Query and, but for S3's, REST-XML.
func (e *xmlEncoder) errorResponse(ns *XMLNamespace, f *Fault, requestID string) {
	fault := "Receiver"
	if f.Sender {
		fault = "Sender"
	}
	e.open("ErrorResponse", ns)
	e.open("Error", nil)
	e.text("Type", fault)
	e.errorBody(f)
	e.close("Error")
	e.text("RequestId", requestID)
	e.close("ErrorResponse")
}

// errorBody appends code and message, the message under the name that clients look for, then the other members that
// stand in the body.
func (e *xmlEncoder) errorBody(f *Fault) {
	e.text("Code", cmp.Or(f.QueryCode, f.Code))
	if f.Message != "" || f.typ == nil {
		e.text("Message", f.Message)
	}
	for _, d := range f.Details {
		e.text(d.Name, d.Text)
	}
	if f.typ == nil {
		return
	}
	for i := range f.typ.fields {
		m := &f.typ.fields[i]
		if m.Name == f.typ.Error.Message || m.Loc != InBody {
			continue
		}
		if v, ok := m.member(f.value, true); ok {
			e.member(m, v)
		}
	}
}

func (q query) answer(w http.ResponseWriter, status int, body []byte, requestID string) {
	setHeader(w, "x-amzn-RequestId", requestID)
	send(w, status, "text/xml", body)
}

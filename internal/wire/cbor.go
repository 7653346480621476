// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"mime"
	"net/http"
	"strings"
)

// rpcCBOR is Smithy RPC v2 CBOR: the operation in the path, everything else in one CBOR map.
// Source: https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html and its protocol suite.
type rpcCBOR struct{ schema *Schema }

const typeCBOR = "application/cbor"

func (rpcCBOR) ID() ProtocolID { return ProtocolCBOR }

func (a rpcCBOR) Decode(op *Operation, r Request) (any, error) {
	t := a.schema.prepared().types[op.Input]
	want := typeCBOR
	if t.events != nil {
		want = typeEventStream
	}
	if err := checkCBORHead(r.HTTP, len(r.Body) > 0 || r.Stream != nil, want); err != nil {
		return nil, err
	}
	if t.events != nil {
		return a.schema.decodeEventInput(cborEvents{}, t, r)
	}
	return decodeCBOR(a.schema, t, r, false)
}

// decodeCBOR decodes and validates r's body as the input t.
func decodeCBOR(s *Schema, t *typePlan, r Request, millis bool) (any, error) {
	d := cborDecoder{millis: millis, allowance: allowance{grow: r.Grow}}
	d.start(r.Body)
	p := t.st.alloc()
	seen, err := d.document(t, p, false)
	if err != nil {
		return nil, err
	}
	d.require(t, seen)
	if err := validate(s, t, p, d.missing); err != nil {
		return nil, err
	}
	return t.st.box(p), nil
}

// checkCBORHead refuses what the protocol forbids: another method, the target headers of AWS JSON (a proxy might route by them what we
// route by the path), a body of another type, and a client that takes no CBOR. The codes are those of Smithy's server
// frameworks; AWS's own are not known.
func checkCBORHead(r *http.Request, body bool, want string) error {
	if r.Method != http.MethodPost {
		return &FrameworkError{
			Code: "MethodNotAllowedException", Status: http.StatusMethodNotAllowed, Sender: true, Message: "The method must be POST.",
		}
	}
	h := r.Header
	if len(h["X-Amz-Target"]) > 0 || len(h["X-Amzn-Target"]) > 0 {
		return serialization("X-Amz-Target is not allowed in requests of RPC v2 CBOR.")
	}
	if ct := h.Get("Content-Type"); mediaType(ct) != want && (body || ct != "") {
		return &FrameworkError{
			Code: "UnsupportedMediaTypeException", Status: http.StatusUnsupportedMediaType, Sender: true,
			Message: "The Content-Type must be " + want + ".",
		}
	}
	if accept := h.Values("Accept"); len(accept) > 0 && !accepts(strings.Join(accept, ","), typeCBOR) {
		return &FrameworkError{
			Code: "NotAcceptableException", Status: http.StatusNotAcceptable, Sender: true,
			Message: "The answer is " + typeCBOR + ", which Accept does not allow.",
		}
	}
	return nil
}

// mediaType is the type of a Content-Type without its parameters, in lower case.
func mediaType(contentType string) string {
	switch contentType { // what nearly every client sends costs nothing
	case "application/x-amz-json-1.0", "application/x-amz-json-1.1", "application/json", typeCBOR, typeAmzCBOR:
		return contentType
	}
	if t, _, err := mime.ParseMediaType(contentType); err == nil {
		return t
	}
	return ""
}

// accepts tells whether an Accept header allows the media type want or an event stream. Weights are not looked at: there
// is nothing to choose from.
func accepts(accept, want string) bool {
	family, _, _ := strings.Cut(want, "/")
	for one := range strings.SplitSeq(accept, ",") {
		switch one, _, _ = strings.Cut(one, ";"); strings.ToLower(strings.TrimSpace(one)) {
		case want, family + "/*", "*/*", typeEventStream:
			return true
		}
	}
	return false
}

// Encode answers with 200 always: the protocol ignores the HTTP bindings of the model.
func (a rpcCBOR) Encode(w http.ResponseWriter, op *Operation, out any, requestID string) error {
	t := a.schema.prepared().types[op.Output]
	p, ok := t.st.unbox(out)
	if !ok {
		return errOutput(a.schema, op, out)
	}
	a.headers(w, requestID)
	if t.events != nil {
		return a.schema.rpcEvents(w, op, cborEvents{}, t, p).sendEvents(t, p)
	}
	if op.NoOutput {
		send(w, http.StatusOK, "", nil)
		return nil
	}
	e := cborEncoder{buf: make([]byte, 0, 512)}
	e.object(t, p, false)
	send(w, http.StatusOK, typeCBOR, e.buf)
	return nil
}

// Error writes __type, and the modelled members of f or its message.
func (a rpcCBOR) Error(w http.ResponseWriter, _ *http.Request, f *Fault, requestID string) {
	a.headers(w, requestID)
	a.schema.queryError(w, f)
	send(w, f.Status, typeCBOR, encodeCBORFault(f, false))
}

func (rpcCBOR) headers(w http.ResponseWriter, requestID string) {
	setHeader(w, "smithy-protocol", "rpc-v2-cbor")
	setHeader(w, "x-amzn-RequestId", requestID)
}

// encodeCBORFault renders an error's body.
func encodeCBORFault(f *Fault, millis bool) []byte {
	e := cborEncoder{inError: true, millis: millis}
	e.buf = append(e.buf, cborMap<<5|cborOpen)
	e.text("__type")
	e.text(f.Prefix + f.Code)
	switch {
	case f.typ != nil:
		e.members(f.typ, f.value, false)
	case f.Message != "":
		e.text("message")
		e.text(f.Message)
	}
	return append(e.buf, cborBreak)
}

// amzCBOR is the older CBOR form of AWS JSON, which the AWS SDKs for Java use with Kinesis unless told otherwise: the
// operation in X-Amz-Target, CBOR in the place of the JSON document, timestamps with tag 1 but in milliseconds.
// Source: the public source of the AWS SDK for Java 1 (SdkCborGenerator writes tag 1 and epoch milliseconds); what AWS
// answers beyond that content type is unverified.
type amzCBOR struct{ awsJSON }

const typeAmzCBOR = "application/x-amz-cbor-1.1"

// CodecFor returns the codec for r of a service that was found to be called with protocol p: p itself, or the CBOR form
// of AWS JSON where r has its content type.
func CodecFor(p Protocol, r *http.Request) Protocol {
	if json, ok := p.(awsJSON); ok && mediaType(r.Header.Get("Content-Type")) == typeAmzCBOR {
		return amzCBOR{json}
	}
	return p
}

func (a amzCBOR) Decode(op *Operation, r Request) (any, error) {
	t := a.schema.prepared().types[op.Input]
	if t.events != nil {
		return a.schema.decodeEventInput(cborEvents{millis: true}, t, r)
	}
	return decodeCBOR(a.schema, t, r, true)
}

func (a amzCBOR) Encode(w http.ResponseWriter, op *Operation, out any, requestID string) error {
	t := a.schema.prepared().types[op.Output]
	p, ok := t.st.unbox(out)
	if !ok {
		return errOutput(a.schema, op, out)
	}
	if t.events != nil {
		setHeader(w, "x-amzn-RequestId", requestID)
		return a.schema.rpcEvents(w, op, cborEvents{millis: true}, t, p).sendEvents(t, p)
	}
	var body []byte
	if !op.NoOutput {
		e := cborEncoder{buf: make([]byte, 0, 512), millis: true}
		e.object(t, p, false)
		body = e.buf
	}
	setHeader(w, "x-amzn-RequestId", requestID)
	send(w, op.success(), typeAmzCBOR, body)
	return nil
}

func (a amzCBOR) Error(w http.ResponseWriter, _ *http.Request, f *Fault, requestID string) {
	setHeader(w, "x-amzn-RequestId", requestID)
	a.schema.queryError(w, f)
	send(w, f.Status, typeAmzCBOR, encodeCBORFault(f, true))
}

// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"hash/crc32"
	"net/http"
	"strconv"
)

// awsJSON is AWS JSON 1.0 and 1.1: the operation in X-Amz-Target, everything else in one JSON document.
type awsJSON struct{ schema *Schema }

func (awsJSON) ID() ProtocolID { return ProtocolJSON }

func (a awsJSON) Decode(op *Operation, r Request) (any, error) {
	t := a.schema.prepared().types[op.Input]
	if t.events != nil {
		return a.schema.decodeEventInput(jsonEvents{}, t, r)
	}
	d := jsonDecoder{allowance: allowance{grow: r.Grow}}
	if err := d.start(a.schema, r.Body); err != nil {
		return nil, err
	}
	p := t.st.alloc()
	seen, err := d.document(t, p, false)
	if err != nil {
		return nil, err
	}
	d.require(t, seen)
	if err := validate(a.schema, t, p, d.missing); err != nil {
		return nil, err
	}
	return t.st.box(p), nil
}

func (a awsJSON) Encode(w http.ResponseWriter, op *Operation, out any, requestID string) error {
	t := a.schema.prepared().types[op.Output]
	p, ok := t.st.unbox(out)
	if !ok {
		return errOutput(a.schema, op, out)
	}
	if t.events != nil {
		setHeader(w, "x-amzn-RequestId", requestID)
		return a.schema.rpcEvents(w, op, jsonEvents{}, t, p).sendEvents(t, p)
	}
	buf := jsonBuffers.take()
	e := jsonEncoder{buf: *buf}
	if !op.NoOutput {
		e.object(t, p, false)
	}
	if a.answer(w, op.success(), e.buf, requestID) {
		jsonBuffers.give(buf, e.buf)
	}
	return nil
}

// Error writes the modelled members of f, its message, and __type. The framework's own errors spell the message member
// with a capital for serialization failures and access refusals, as AWS does (recorded by dynalite's public tests).
func (a awsJSON) Error(w http.ResponseWriter, _ *http.Request, f *Fault, requestID string) {
	e := jsonEncoder{inError: true}
	e.buf = append(e.buf, `{"__type":`...)
	e.buf = appendJSONString(e.buf, f.Prefix+f.Code)
	switch {
	case f.typ != nil:
		e.members(f.typ, f.value, false, true)
	case f.Message != "":
		name := `,"message":`
		if f.Prefix == prefixService {
			name = `,"Message":`
		}
		e.buf = append(e.buf, name...)
		e.buf = appendJSONString(e.buf, f.Message)
	}
	e.buf = append(e.buf, '}')
	a.schema.queryError(w, f)
	a.answer(w, f.Status, e.buf, requestID)
}

// queryError tells the clients of a query-compatible service what the query protocol calls the error. Those of today ask for
// it with x-amzn-query-mode; but SQS went to JSON in November 2023 and SDKs ask since November 2024 (aws-sdk-java-v2 pull
// request 5707): those between look for the header without asking, so all get it.
func (s *Schema) queryError(w http.ResponseWriter, f *Fault) {
	if !s.QueryCompat {
		return
	}
	code, fault := f.QueryCode, "Receiver"
	if code == "" {
		code = f.Code
	}
	if f.Sender {
		fault = "Sender"
	}
	setHeader(w, "x-amzn-query-error", code+";"+fault)
}

func (a awsJSON) answer(w http.ResponseWriter, status int, body []byte, requestID string) (sent bool) {
	contentType := "application/x-amz-json-1.0"
	if a.schema.JSONVersion == "1.1" {
		contentType = "application/x-amz-json-1.1"
	}
	setHeader(w, "x-amzn-RequestId", requestID)
	if a.schema.BodyCRC32 {
		setHeader(w, "x-amz-crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10))
	}
	return send(w, status, contentType, body)
}

// send writes status, Content-Type and Content-Length, then the body. A failed write means that the client is gone: there
// is nobody left to tell. But body must not be used again then: HTTP/2 gives up a stream while its frame may still be read.
func send(w http.ResponseWriter, status int, contentType string, body []byte) (sent bool) {
	h := w.Header()
	values := []string{contentType, strconv.Itoa(len(body))}
	if contentType != "" && (len(body) > 0 || status != http.StatusNoContent) {
		h["Content-Type"] = values[:1:1]
	}
	if status != http.StatusNoContent && status != http.StatusNotModified {
		h["Content-Length"] = values[1:]
	}
	w.WriteHeader(status)
	if len(body) > 0 && status != http.StatusNoContent && status != http.StatusNotModified {
		_, err := w.Write(body)
		return err == nil
	}
	return true
}

// setHeader keeps the name's letters as AWS writes them.
func setHeader(w http.ResponseWriter, name, value string) { w.Header()[name] = []string{value} }

func (op *Operation) success() int {
	if op.Status != 0 {
		return op.Status
	}
	return http.StatusOK
}

func errOutput(s *Schema, op *Operation, out any) error {
	return fmt.Errorf("encode %s %s: output is a %T", s.ID, op.Name, out)
}

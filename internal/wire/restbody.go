// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"unsafe"
)

// This file holds what the rest protocols share of a message's body: everything but the document, which is JSON or XML.

// restInput is an operation's input structure while a rest protocol decodes it.
type restInput struct {
	typ  *typePlan
	p    unsafe.Pointer
	seen uint64 // tracked members that were met
	// body tells that members stand in the body document; else the body is one member (typ.payload), or nothing.
	body bool
	b    *binding
}

// bind allocates op's input and reads the members that stand in the URI and the headers of r.
func (s *Schema) bind(op *Operation, r Request) (restInput, error) {
	plan := s.prepared()
	t := plan.types[op.Input]
	b := plan.bindings[op]
	if b == nil { // an operation that is not of the table, as tests have
		b = newBinding(s, op, t)
	}
	p := t.st.alloc()
	seen, err := b.decode(r, p)
	return restInput{typ: t, p: p, seen: seen, b: b, body: b.body && t.payload == nil}, err
}

// readRaw decodes a body that is no document into the member f that is the whole of it: raw is false for those that are
// one. An absent Content-Type is fine: boto3 sends none with blobs.
func readRaw(f *fieldPlan, p unsafe.Pointer, r Request) (present, raw bool) {
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
		return true, true
	case KindBlob:
		if len(r.Body) > 0 {
			*(*[]byte)(v) = r.Body
		}
		return len(r.Body) > 0, true
	case KindString:
		if len(r.Body) == 0 {
			return false, true
		}
		put(f.Flags, v, string(r.Body))
		return true, true
	case KindEvents:
		return false, true
	default:
		return false, false
	}
}

// restOutput is an operation's output while a rest protocol encodes it.
type restOutput struct {
	typ    *typePlan
	p      unsafe.Pointer
	status int
}

// answer writes the header members of out, a pointer to op's output, into h.
func (s *Schema) answer(h http.Header, op *Operation, out any) (restOutput, error) {
	t := s.prepared().types[op.Output]
	p, ok := t.st.unbox(out)
	if !ok {
		return restOutput{}, errOutput(s, op, out)
	}
	status := writeHeaders(h, t, p, false)
	if status == 0 {
		status = op.success()
	}
	return restOutput{typ: t, p: p, status: status}, nil
}

// sendRaw answers with the member f as the whole body: raw is false for those that are a document.
func (a restOutput) sendRaw(w http.ResponseWriter, op *Operation, f *fieldPlan) (raw bool, err error) {
	v, ok := f.member(a.p, false)
	var body []byte
	contentType := ""
	switch f.typ.Kind {
	case KindStream:
		return true, sendStream(w, op, *(*io.ReadCloser)(v), a.status)
	case KindBlob:
		body, contentType = *(*[]byte)(v), "application/octet-stream"
	case KindString:
		contentType = "text/plain"
		if ok {
			body = []byte(*(*string)(v))
		}
	default:
		return false, nil
	}
	sendBody(w, op, a.status, contentType, body)
	return true, nil
}

// sendBody answers with a body of contentType where neither the table nor a header member names another. An empty body has
// none. The answer to HEAD has the length that a header member gives (S3's HeadObject), if any.
func sendBody(w http.ResponseWriter, op *Operation, status int, contentType string, body []byte) {
	if op.Method == http.MethodHead {
		w.WriteHeader(status)
		return
	}
	if op.OutputMediaType != "" {
		contentType = op.OutputMediaType
	}
	if given := w.Header()["Content-Type"]; len(given) > 0 {
		contentType = given[0]
	}
	if len(body) == 0 {
		contentType = ""
	}
	send(w, status, contentType, body)
}

// sendStream copies a streamed output. A Content-Type or Content-Length among its header members stands.
func sendStream(w http.ResponseWriter, op *Operation, body io.ReadCloser, status int) error {
	contentType := op.OutputMediaType
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	if len(w.Header()["Content-Type"]) == 0 {
		setHeader(w, "Content-Type", contentType)
	}
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

// SPDX-License-Identifier: Apache-2.0

package wire

import "fmt"

// This file is the way in for callers that hold JSON trees (Step Functions' SDK integrations, universal targets): the same
// for services of every protocol. Members have their names in the model, written with a capital (the first letter is read in
// either case), wherever a protocol would put them; timestamps are ISO 8601 text, and seconds are read too; blobs are base64.

// DecodeJSON decodes and validates a JSON object as the structure ref of s and returns a pointer to it. Its strings may
// alias data. Errors are those of Protocol.Decode.
func DecodeJSON(s *Schema, ref Ref, data []byte) (any, error) {
	t := s.prepared().types[ref]
	var d jsonDecoder
	if err := d.start(s, data); err != nil {
		return nil, err
	}
	d.tree = true
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

// EncodeJSON is the reverse of DecodeJSON; v is a pointer to the structure.
func EncodeJSON(s *Schema, ref Ref, v any) ([]byte, error) {
	t := s.prepared().types[ref]
	p, ok := t.st.unbox(v)
	if !ok {
		return nil, fmt.Errorf("encode %s %s: value is a %T", s.ID, t.Name, v)
	}
	e := jsonEncoder{tree: true}
	e.object(t, p, false)
	return e.buf, nil
}

// CallJSON is the body of Caller.CallJSON: it decodes in, lets call run the operation with that index, and encodes what it
// returns. Errors are *CallError.
func CallJSON(s *Schema, operation string, in []byte, call func(op int, in any) (out any, err error)) ([]byte, error) {
	i := s.Operation(operation)
	if i < 0 {
		err := UnknownOperation(s, ProtocolJSON, operation)
		if s.Has(operation) {
			err = Unimplemented(s, ProtocolJSON, operation)
		}
		return nil, NewCallError(s, operation, err)
	}
	op := &s.Operations[i]
	v, err := DecodeJSON(s, op.Input, in)
	if err != nil {
		return nil, NewCallError(s, operation, err)
	}
	out, err := call(i, v)
	if err != nil {
		return nil, NewCallError(s, operation, err)
	}
	text, err := EncodeJSON(s, op.Output, out)
	if err != nil {
		return nil, NewCallError(s, operation, err)
	}
	return text, nil
}

// CallError is why CallJSON failed, as a client of the service would see it. Err is what happened: the service's typed
// error, a *ValidationError, a *FrameworkError, or a failure that is not for clients' eyes.
type CallError struct {
	Service, Operation string
	Code, Message      string // of an internal failure they show nothing of Err
	Status             int    // HTTP status
	Sender             bool   // the caller is to blame
	Err                error
}

// NewCallError judges err as FaultOf does.
func NewCallError(s *Schema, operation string, err error) *CallError {
	f := FaultOf(s, err)
	return &CallError{
		Service: s.ID, Operation: operation, Code: f.Code, Message: f.Message, Status: f.Status, Sender: f.Sender, Err: err,
	}
}

func (e *CallError) Error() string {
	return "call " + e.Service + " " + e.Operation + ": " + e.Err.Error()
}

func (e *CallError) Unwrap() error { return e.Err }

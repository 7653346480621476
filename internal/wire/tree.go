// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"fmt"
)

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

// CallJSON is the untyped form of c.Call: in is the input of s's operation as a JSON object, checked against the table;
// the result is the output.
func CallJSON(ctx context.Context, c Caller, s *Schema, operation string, in []byte) ([]byte, error) {
	i := s.Operation(operation)
	if i < 0 {
		if s.Has(operation) {
			return nil, Unimplemented(s, ProtocolJSON, operation)
		}
		return nil, UnknownOperation(s, ProtocolJSON, operation)
	}
	op := &s.Operations[i]
	v, err := DecodeJSON(s, op.Input, in)
	if err != nil {
		return nil, err
	}
	out, err := c.Call(ctx, s.ID, operation, v)
	if err != nil {
		return nil, err
	}
	return EncodeJSON(s, op.Output, out)
}

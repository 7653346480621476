// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"unsafe"
)

// Fault is an error ready for the wire.
type Fault struct {
	Code      string // without prefix
	Message   string // "" when the protocol shows none
	Status    int
	Sender    bool   // the caller is to blame
	QueryCode string // what a query-compatible service's query clients see; "" means Code
	Prefix    string // of __type in JSON: "com.amazonaws.sqs#"
	Cause     error  // what happened, for the log; never shown
	// Details are elements of XML errors beside code and message, in their order: S3's, which no model has.
	Details []Detail

	typ   *typePlan      // of a modelled error, whose members are shown
	value unsafe.Pointer // to its structure
}

// Detail is one element of an XML error that holds text.
type Detail struct{ Name, Text string }

// FrameworkError is an error of the protocol layer itself: no service's model has it.
type FrameworkError struct {
	Code      string
	QueryCode string // the code for query and XML clients where it differs; "" means Code
	Message   string
	Status    int
	Sender    bool
	Cause     error // for the log; may be nil
}

func (e *FrameworkError) Error() string {
	if e.Cause != nil {
		return e.Code + ": " + e.Message + " (" + e.Cause.Error() + ")"
	}
	return e.Code + ": " + e.Message
}

func (e *FrameworkError) Unwrap() error { return e.Cause }

const (
	prefixService  = "com.amazon.coral.service#"
	prefixValidate = "com.amazon.coral.validate#"
)

// The text of internal failures is that of the AWS services' "Common Errors" pages, for instance
// https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html (InternalFailure); that JSON services use it too is
// unverified.
const msgInternal = "The request processing has failed because of an unknown error, exception or failure."

// FaultOf renders err as service s shows it: its modelled errors with their members, errors of the protocol layer and of
// validation with their codes, and anything else as an internal failure that shows nothing of err (it is kept as Cause).
func FaultOf(s *Schema, err error) *Fault {
	var api APIError
	if errors.As(err, &api) {
		if f := modelled(s, api); f != nil {
			f.Cause = err
			return f
		}
	}
	var invalid *ValidationError
	if errors.As(err, &invalid) {
		code := s.ValidationCode
		if code == "" {
			code = "ValidationException"
		}
		f := &Fault{
			Code: code, Message: invalid.Error(), Status: http.StatusBadRequest, Sender: true,
			Prefix: prefixValidate, Cause: err,
		}
		if t := s.errorType(code); t != nil {
			f.Prefix, f.QueryCode = cmp.Or(t.Error.Prefix, s.ErrorPrefix), t.Error.QueryCode
		}
		return f
	}
	var framework *FrameworkError
	if errors.As(err, &framework) && framework.Status != 0 {
		return &Fault{
			Code: framework.Code, QueryCode: framework.QueryCode, Message: framework.Message,
			Status: framework.Status, Sender: framework.Sender, Prefix: prefixService, Cause: err,
		}
	}
	return &Fault{
		Code: "InternalFailure", Status: http.StatusInternalServerError, Prefix: prefixService, Cause: err,
		Message: msgInternal,
	}
}

// modelled returns nil when api belongs to another service: what reaches s's clients must be in s's model.
func modelled(s *Schema, api APIError) *Fault {
	from, ref := api.WireType()
	if from != s {
		return nil
	}
	typ := s.prepared().types[ref]
	p, ok := typ.st.unbox(api)
	if typ.Error == nil || !ok {
		return nil
	}
	return s.faultOf(typ, p)
}

// faultOf renders the error structure of type typ at p.
func (s *Schema) faultOf(typ *typePlan, p unsafe.Pointer) *Fault {
	info := typ.Error
	f := &Fault{
		Code: info.Code, Status: info.Status, Sender: info.Sender, QueryCode: info.QueryCode,
		Prefix: cmp.Or(info.Prefix, s.ErrorPrefix), typ: typ, value: p,
	}
	if f.Code == "" {
		f.Code = typ.Name
	}
	if f.Status == 0 {
		f.Status = http.StatusInternalServerError
		if info.Sender {
			f.Status = http.StatusBadRequest
		}
	}
	for i := range typ.fields {
		if m := &typ.fields[i]; m.Name == info.Message && info.Message != "" && m.typ.Kind == KindString {
			if at, ok := m.member(p, true); ok {
				f.Message = *(*string)(at)
			}
		}
	}
	return f
}

// errorType finds a modelled error by its code.
func (s *Schema) errorType(code string) *typePlan {
	for _, t := range s.prepared().types {
		if t.Error != nil && (t.Error.Code == code || t.Error.Code == "" && t.Name == code) {
			return t
		}
	}
	return nil
}

// UnknownOperation is the error for an operation that the model of s does not have. name may be "" when the request
// named none.
//
// Sources: AWS JSON's code, without a message, is recorded by the tests of the emulator dynalite; InvalidAction's text stands in
// public issue reports of IAM and ElastiCache clients, MissingAction's on the "Common Errors" pages. The status 404 of the rest
// protocols, and their code, are unverified.
func UnknownOperation(s *Schema, id ProtocolID, name string) error {
	e := &FrameworkError{Code: "UnknownOperationException", Status: http.StatusBadRequest, Sender: true}
	switch id {
	case ProtocolQuery, ProtocolEC2:
		e.Code = "InvalidAction"
		e.Message = fmt.Sprintf("Could not find operation %s for version %s", name, s.APIVersion)
		if name == "" {
			e.Code, e.Message = "MissingAction", "The request is missing an action or a required parameter."
		}
	case ProtocolRESTJSON, ProtocolRESTXML:
		e.Status = http.StatusNotFound
	default:
	}
	if s.UnknownOperationCode != "" {
		e.Code = s.UnknownOperationCode
	}
	return e
}

// Unimplemented is the honest error for an operation that AWS has and Gust does not. Its status is 501, which SDKs do not
// retry.
func Unimplemented(s *Schema, id ProtocolID, name string) error {
	e := &FrameworkError{
		Code: "UnknownOperationException", Status: http.StatusNotImplemented, Sender: true,
		Message: fmt.Sprintf("%s: Gust does not implement the operation %s.", s.ID, name),
	}
	if id == ProtocolQuery || id == ProtocolEC2 {
		e.Code = "InvalidAction"
	}
	if s.UnimplementedCode != "" {
		e.Code = s.UnimplementedCode
	}
	return e
}

// serialization is the error for a request that does not parse. The code MalformedInput of query services is what public issue
// reports of CloudWatch and IAM show; unverified for others.
func serialization(format string, args ...any) error {
	return &FrameworkError{
		Code: "SerializationException", QueryCode: "MalformedInput", Status: http.StatusBadRequest,
		Sender: true, Message: fmt.Sprintf(format, args...),
	}
}

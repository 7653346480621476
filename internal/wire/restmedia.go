// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
)

// This file holds REST-JSON's rules about media types: what a request's body may be called and which answers its sender takes.
// They are those of the protocol's public test suite (smithy-lang/smithy, malformed requests); the texts are unverified.

const typeJSON = "application/json"

// negotiate refuses a request whose body is not what the operation takes, and one whose sender does not take the answer.
// Where a member of the input holds the header, the service decides.
func (a restJSON) negotiate(op *Operation, in restInput, r Request) error {
	h := r.HTTP.Header
	if given := h.Get("Content-Type"); !in.b.ownContentType && (len(r.Body) > 0 || r.Stream != nil) {
		want, some := requestType(op, in)
		switch {
		case isSigned(h) && (given == "" || !some && isEmptyObject(r.Body)):
		case !some && given != "":
			return unsupportedType(given)
		case some && want != "" && !sameType(given, want) && (want != typeJSON || !isAWSJSON(given)):
			return unsupportedType(given)
		}
	}
	if accept := strings.Join(h.Values("Accept"), ","); accept != "" && !in.b.ownAccept {
		if have := a.answerType(op); have != "" && !accepts(accept, have) {
			return &FrameworkError{
				Code: "NotAcceptableException", Status: http.StatusNotAcceptable, Sender: true,
				Message: fmt.Sprintf("The answer is %s, which the Accept header rules out.", have),
			}
		}
	}
	return nil
}

// isSigned tells whether a request has a signature: then a program sent it that means what it says, not the page of a browser.
// Real services take bodies without a type, which the SDKs sent for years: those for Go to March 2019 (aws-sdk-go pull
// request 2497), for JavaScript to August 2017 (aws-sdk-js 1677), for Ruby to August 2021 (aws-sdk-ruby 2517) and for Python
// at least to October 2021 (botocore 2511).
func isSigned(h http.Header) bool { return strings.HasPrefix(h.Get("Authorization"), "AWS") }

func unsupportedType(given string) error {
	return &FrameworkError{
		Code: "UnsupportedMediaTypeException", Status: http.StatusUnsupportedMediaType, Sender: true,
		Message: fmt.Sprintf("Content-Type %q is not supported by this operation.", shortened(given)),
	}
}

// requestType is the media type of the operation's body: "" for any (boto3 sends none with blobs), some is false when it
// takes no body.
func requestType(op *Operation, in restInput) (want string, some bool) {
	f := in.typ.payload
	switch {
	case f == nil: // an operation whose input has no members takes an empty object
		return typeJSON, in.body || !op.NoInput && len(in.typ.fields) == 0
	case op.InputMediaType != "":
		return op.InputMediaType, true
	}
	switch f.typ.Kind {
	case KindStream, KindBlob, KindEvents:
		return "", true
	case KindString:
		return "text/plain", true
	default:
		return typeJSON, true
	}
}

// answerType is the media type of a successful answer: "" when it may be anything.
func (a restJSON) answerType(op *Operation) string {
	t := a.schema.prepared().types[op.Output]
	switch f := t.payload; {
	case op.OutputMediaType != "":
		return op.OutputMediaType
	case f == nil:
		if op.NoOutput || !t.inAnswerBody() {
			return ""
		}
		return typeJSON
	case f.typ.Kind == KindStream || f.typ.Kind == KindBlob:
		return ""
	case f.typ.Kind == KindString:
		return "text/plain"
	case f.typ.Kind == KindEvents:
		return typeEventStream
	default:
		return typeJSON
	}
}

// sameType compares media types without their parameters.
func sameType(given, want string) bool {
	given, _, _ = strings.Cut(given, ";")
	return strings.EqualFold(strings.TrimSpace(given), want)
}

// isAWSJSON: older SDKs for Java give every JSON body the name that AWS JSON has (unverified).
func isAWSJSON(given string) bool {
	return sameType(given, "application/x-amz-json-1.1") || sameType(given, "application/x-amz-json-1.0")
}

// isEmptyObject tells whether a JSON text is an object without members.
func isEmptyObject(text []byte) bool {
	text = bytes.TrimSpace(text)
	return len(text) >= 2 && text[0] == '{' && len(bytes.TrimSpace(text[1:len(text)-1])) == 0
}

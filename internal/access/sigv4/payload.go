// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"net/http"
	"strconv"
	"strings"
)

// What X-Amz-Content-Sha256 says instead of a digest.
const (
	// UnsignedPayload stands for the body's digest when the body is not signed.
	UnsignedPayload = "UNSIGNED-PAYLOAD"
	// StreamingUnsignedTrailer is an aws-chunked body without signatures and with trailers: the default of SDKs over TLS.
	StreamingUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	// StreamingSigned is an aws-chunked body of which every chunk is signed.
	StreamingSigned = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	// StreamingSignedTrailer is StreamingSigned followed by signed trailers.
	StreamingSignedTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
)

// payload is how a request's body is covered by its signature.
type payload struct {
	hash     string // the last line of the canonical request; "": the body's digest, which nothing has named
	digest   bool   // hash is a digest that the body must have
	chunked  bool
	signed   bool // with a signature in each chunk
	trailers bool
	events   bool // signed frames of an event stream
}

// payloadOf reads what r says of its body. The error is an *Error.
func payloadOf(r *http.Request, sig *Signature) (payload, error) {
	named := r.Header.Get("X-Amz-Content-Sha256")
	if sig.Presigned {
		// Of a presigned request only what is signed counts: the parameter, or the header when it is a signed one.
		if !sig.Signs("x-amz-content-sha256") {
			named = sig.ContentSHA256
		}
		if named == "" && isS3(sig.Scope.Service) {
			named = UnsignedPayload
		}
	}
	p := payload{hash: named}
	switch {
	case named == "":
		if isS3(sig.Scope.Service) { // text unverified
			const text = "Missing required header for this request: x-amz-content-sha256"
			return p, invalid(mismatch).in("InvalidRequest", text, http.StatusBadRequest)
		}
		return p, nil
	case named == UnsignedPayload:
		return p, nil
	case isDigest(named):
		p.digest = true
		return p, nil
	case named == StreamingEvents && !isS3(sig.Scope.Service):
		p.events = true
		return p, nil
	case !isS3(sig.Scope.Service): // aws-chunked is S3's
		return p, invalid(mismatch)
	}
	p.chunked = true
	switch named {
	case StreamingUnsignedTrailer:
		p.trailers = true
	case StreamingSigned:
		p.signed = true
	case StreamingSignedTrailer:
		p.signed, p.trailers = true, true
	default:
		// Source: "Authenticating Requests: Using the Authorization Header", S3 API reference, names the values; the text
		// is unverified.
		return p, invalid(mismatch).in("InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "+
			StreamingUnsignedTrailer+", "+StreamingSigned+", "+StreamingSignedTrailer+" or a valid sha256 value.",
			http.StatusBadRequest, Detail{"ArgumentName", "x-amz-content-sha256"}, Detail{"ArgumentValue", cut(named)})
	}
	return p, nil
}

// isDigest tells whether s is 64 lower-case hexadecimal digits.
func isDigest(s string) bool { return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == "" }

// cut bounds what an error shows of a client's text.
func cut(s string) string { return s[:min(len(s), 128)] }

// decodedLength is the size of a chunked body without its framing.
func decodedLength(h http.Header) (int64, error) {
	v := h.Get("X-Amz-Decoded-Content-Length")
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 || v[0] == '+' || v[0] == '-' {
		// S3's code; its text is unverified.
		return 0, invalid(mismatch).in("MissingContentLength",
			"You must provide the Content-Length HTTP header.", http.StatusLengthRequired)
	}
	return n, nil
}

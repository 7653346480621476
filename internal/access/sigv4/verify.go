// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"crypto/hmac"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Verifier checks signatures. It is safe for concurrent use; the zero value is ready.
type Verifier struct{ cache keyCache }

// mismatch is AWS's text for a wrong signature (unverified; the canonical string that some services append is left out).
const mismatch = "The request signature we calculated does not match the signature you provided. " +
	"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

// Verify checks that r was signed with secret as sig says, at most MaxSkew from now or within a presigned request's
// life. bodySHA256 is the body's digest (SumHex) as received; it is ignored where the protocol lets a client leave the
// body unsigned. The error is an *Error.
func (v *Verifier) Verify(r *http.Request, sig *Signature, secret, bodySHA256 string, now time.Time) error {
	if err := sig.checkTime(now); err != nil {
		return err
	}
	names := strings.Split(sig.SignedHeaders, ";")
	if repeats(names) { // each name adds its header's values to what is hashed
		return invalid("'SignedHeaders' must not name a header twice in the AWS Authorization.") // unverified
	}
	if !slices.Contains(names, "host") {
		return invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.") // unverified
	}
	if sig.Token != "" && !sig.Presigned && !slices.Contains(names, "x-amz-security-token") {
		return invalid("'X-Amz-Security-Token' must be a 'SignedHeader' in the AWS Authorization.") // unverified
	}
	payload, err := payloadHash(r, sig, bodySHA256)
	if err != nil {
		return err
	}
	key := v.cache.get(secret, sig.Scope)
	forms := []pathForm{pathTwice, pathNormalized}
	if sig.Scope.Service == "s3" {
		forms = []pathForm{pathAsSent, pathReencoded}
	}
	var last string
	for _, f := range forms {
		p := canonicalPath(r.URL.EscapedPath(), f)
		if p == last {
			continue
		}
		last = p
		want := signature(key, sig.Stamp, sig.Scope, canonicalRequest(r, sig.SignedHeaders, payload, f))
		if hmac.Equal([]byte(want), []byte(sig.Hex)) {
			return nil
		}
	}
	return invalid(mismatch)
}

func repeats(names []string) bool {
	sorted := slices.Sorted(slices.Values(names))
	return len(slices.Compact(sorted)) < len(names)
}

// payloadHash is the last line of the canonical request. A digest that the client names must be the body's.
func payloadHash(r *http.Request, sig *Signature, bodySHA256 string) (string, error) {
	named := r.Header.Get("X-Amz-Content-Sha256")
	switch {
	case sig.Presigned && sig.Scope.Service == "s3" && named == "":
		return UnsignedPayload, nil
	case named == "":
		return bodySHA256, nil
	case named == UnsignedPayload:
		return named, nil
	case named != bodySHA256:
		return "", invalid(mismatch)
	}
	return named, nil
}

func (s *Signature) checkTime(now time.Time) error {
	t, err := time.Parse(timeFormat, s.Stamp)
	if err != nil {
		// Unverified wording.
		return incomplete("Date must be in ISO-8601 'basic format'. Got '" + s.Stamp + "'. " +
			"See http://en.wikipedia.org/wiki/ISO_8601")
	}
	if t.Format(dateFormat) != s.Scope.Date {
		// Unverified wording.
		return invalid("Credential should be scoped to correct date: " + t.Format(dateFormat) + ".")
	}
	now = now.UTC()
	if s.Presigned && s.Expires > 0 {
		if end := t.Add(s.Expires); now.After(end) {
			return &Error{"ExpiredTokenException", "Signature expired: " + s.Stamp + " is now earlier than " +
				now.Add(-s.Expires).Format(timeFormat)} // unverified
		}
	} else if oldest := now.Add(-MaxSkew); t.Before(oldest) {
		// Source: an answer quoted in aws/aws-sdk-js issue 254, 2014-03-25.
		return invalid("Signature expired: " + s.Stamp + " is now earlier than " + oldest.Format(timeFormat) +
			" (" + now.Format(timeFormat) + " - 15 min.)")
	}
	if newest := now.Add(MaxSkew); t.After(newest) {
		return invalid("Signature not yet current: " + s.Stamp + " is still later than " + newest.Format(timeFormat) +
			" (" + now.Format(timeFormat) + " + 15 min.)")
	}
	return nil
}

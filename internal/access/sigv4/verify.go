// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"crypto/hmac"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Verifier checks signatures. It is safe for concurrent use; the zero value is ready.
type Verifier struct{ cache keyCache }

const (
	// mismatch is AWS's text for a wrong signature; the canonical string follows it.
	// Source: answers quoted in carsales/aws-request-signer issue 10, 2017-04-06 (es) and aws/aws-sdk-cpp issue 17,
	// 2015-10-02 (cognito-sync), also for the lines that follow.
	mismatch = "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	// Source: s3tools/s3cmd issue 736, 2016-05-06; the elements that follow it: s3tools/s3cmd issue 1053, 2022-09-30.
	mismatchS3 = "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)

// Verify checks that r was signed with secret as sig says, at most MaxSkew from now or within a presigned request's
// life. bodySHA256 is the body's digest (SumHex) as received; it is ignored where the protocol lets a client leave the
// body unsigned. A body in chunks or signed events is refused: Begin reads those. The error is an *Error.
func (v *Verifier) Verify(r *http.Request, sig *Signature, secret, bodySHA256 string, now time.Time) error {
	p, err := v.head(r, sig, now)
	if err != nil {
		return err
	}
	switch {
	case p.chunked, p.events:
		return invalid(mismatch)
	case p.hash == "":
		p.hash = bodySHA256
	case p.digest && p.hash != bodySHA256:
		return wrongDigest(p.hash, bodySHA256)
	}
	_, err = v.match(r, sig, secret, p.hash)
	return err
}

// Begin verifies what the head of r proves and returns the reader that must take the place of r.Body: it verifies the
// body as it is read, and where that fails its last error is an *Error instead of io.EOF. What depends on a body must
// therefore not take effect before io.EOF. The error of Begin is an *Error too.
//
// now is not needed after Begin returns; r.Body is read only through the result.
func (v *Verifier) Begin(r *http.Request, sig *Signature, secret string, now time.Time) (*Body, error) {
	p, err := v.head(r, sig, now)
	if err != nil {
		return nil, err
	}
	b := &Body{src: r.Body, length: r.ContentLength}
	if b.src == nil {
		b.src = http.NoBody
	}
	if empty := b.src == http.NoBody || r.ContentLength == 0; empty && p.hash == "" {
		p.hash = EmptySHA256
	} else if empty && p.digest && p.hash != EmptySHA256 {
		return nil, wrongDigest(p.hash, EmptySHA256)
	}
	if p.hash == "" { // only the whole body shows whether the signature is right
		b.watch(func(sum string) error {
			_, err := v.match(r, sig, secret, sum)
			return err
		})
		b.pending = true
		return b, nil
	}
	key, err := v.match(r, sig, secret, p.hash)
	if err != nil {
		return nil, err
	}
	switch {
	case p.events:
		b.length, b.framed = -1, newEventReader(b.src, sig, secret)
	case p.chunked:
		if b.length, err = decodedLength(r.Header); err != nil {
			return nil, err
		}
		if !p.signed {
			key = nil
		}
		err = b.unchunk(r.Header, p, chunkSigner{key: key, stamp: sig.Stamp, scope: sig.Scope, last: sig.Hex})
		return b, err
	case p.digest:
		b.watch(func(sum string) error {
			if sum != p.hash {
				return wrongDigest(p.hash, sum)
			}
			return nil
		})
	}
	return b, nil
}

// Decode returns the reader that takes the framing off a body in chunks or signed events without verifying anything, nil
// for any other body: for servers that let everybody in. The error is an *Error.
func Decode(r *http.Request, sig *Signature) (*Body, error) {
	p, err := payloadOf(r, sig)
	if err != nil || !p.chunked && !p.events {
		return nil, nil //nolint:nilerr // nothing is verified here
	}
	b := &Body{src: r.Body}
	if b.src == nil {
		b.src = http.NoBody
	}
	if p.events {
		b.length, b.framed = -1, newEventReader(b.src, sig, "")
		return b, nil
	}
	if b.length, err = decodedLength(r.Header); err != nil {
		return nil, err
	}
	p.signed = false
	return b, b.unchunk(r.Header, p, chunkSigner{})
}

func wrongDigest(named, computed string) *Error {
	// Source: grosskur/lua-resty-aws issue 2, 2016-02-13.
	return invalid(mismatch).in("XAmzContentSHA256Mismatch",
		"The provided 'x-amz-content-sha256' header does not match what was computed.", http.StatusBadRequest,
		Detail{"ClientComputedContentSHA256", named}, Detail{"S3ComputedContentSHA256", computed})
}

// head checks everything that needs no secret.
func (v *Verifier) head(r *http.Request, sig *Signature, now time.Time) (payload, error) {
	if err := sig.checkTime(now); err != nil {
		return payload{}, err
	}
	names := strings.Split(strings.ToLower(sig.SignedHeaders), ";")
	if !slices.IsSorted(names) { // clients send them in order
		slices.Sort(names)
	}
	for i, name := range names[1:] {
		if name == names[i] { // each adds its header's values to what is hashed
			return payload{}, invalid("'SignedHeaders' must not name a header twice in the AWS Authorization.") // unverified
		}
	}
	if _, ok := slices.BinarySearch(names, "host"); !ok {
		return payload{}, invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.") // unverified
	}
	if err := checkSigned(r, sig, names); err != nil {
		return payload{}, err
	}
	return payloadOf(r, sig)
}

// checkSigned refuses headers that change what a request means and are not signed. S3 wants every X-Amz- header signed;
// other services those that name the operation and the session. names are sorted and in lower case.
func checkSigned(r *http.Request, sig *Signature, names []string) error {
	var unsigned []string
	for name := range r.Header { // net/http has made the names canonical
		if !strings.HasPrefix(name, "X-Amz-") || name == "X-Amz-Content-Sha256" {
			continue
		}
		if _, ok := slices.BinarySearchFunc(names, name, compareFolded); !ok {
			unsigned = append(unsigned, strings.ToLower(name))
		}
	}
	if unsigned == nil {
		return nil
	}
	slices.Sort(unsigned)
	if isS3(sig.Scope.Service) {
		// Source: badslug/Paw-AWSSignature4DynamicValue issue 4, 2016-07-19.
		const text = "There were headers present in the request which were not signed"
		return invalid(text).in("AccessDenied", text, http.StatusForbidden, Detail{"HeadersNotSigned", strings.Join(unsigned, ", ")})
	}
	for _, must := range []string{"X-Amz-Security-Token", "X-Amz-Target"} {
		if slices.Contains(unsigned, strings.ToLower(must)) && (must != "X-Amz-Security-Token" || sig.Token != "" && !sig.Presigned) {
			return invalid("'" + must + "' must be a 'SignedHeader' in the AWS Authorization.") // unverified
		}
	}
	return nil
}

// compareFolded compares a name in lower case with one that net/http has made canonical.
func compareFolded(lower, canonical string) int {
	for i := range min(len(lower), len(canonical)) {
		c := canonical[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if d := int(lower[i]) - int(c); d != 0 {
			return d
		}
	}
	return len(lower) - len(canonical)
}

// match compares the signature with that of the canonical request, in the forms that clients have for it, and returns
// the derived key.
func (v *Verifier) match(r *http.Request, sig *Signature, secret, payload string) ([]byte, error) {
	key, cached := v.cache.get(secret, sig.Scope)
	forms := [...]pathForm{pathTwice, pathNormalized}
	if isS3(sig.Scope.Service) {
		forms = [...]pathForm{pathAsSent, pathReencoded}
	}
	var last string
	var first []byte
	for _, f := range forms {
		p := canonicalPath(r.URL.EscapedPath(), f)
		if p == last {
			continue
		}
		last = p
		canonical := canonicalRequest(r, sig.SignedHeaders, payload, f)
		if hmac.Equal([]byte(signature(key, sig.Stamp, sig.Scope, canonical)), []byte(sig.Hex)) {
			if !cached {
				v.cache.put(secret, sig.Scope, key)
			}
			return key, nil
		}
		if first == nil {
			first = canonical
		}
	}
	return nil, doesNotMatch(sig, first)
}

// doesNotMatch is the error of a wrong signature. It shows what was computed, from what the client itself has sent.
func doesNotMatch(sig *Signature, canonical []byte) *Error {
	text := stringToSign(sig.Stamp, sig.Scope, canonical)
	return invalid(mismatch+"\n\nThe Canonical String for this request should have been\n'"+string(canonical)+
		"'\n\nThe String-to-Sign should have been\n'"+text+"'\n").
		in("SignatureDoesNotMatch", mismatchS3, http.StatusForbidden,
			Detail{"AWSAccessKeyId", sig.AccessKeyID}, Detail{"StringToSign", text}, Detail{"SignatureProvided", sig.Hex},
			Detail{"StringToSignBytes", spaced(text)}, Detail{"CanonicalRequest", string(canonical)},
			Detail{"CanonicalRequestBytes", spaced(string(canonical))})
}

// spaced shows bytes as S3 does: "41 57 53".
func spaced(s string) string {
	return fmt.Sprintf("% x", s)
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
	if s.Presigned && (s.Expires > 0 || isS3(s.Scope.Service)) {
		if end := t.Add(s.Expires); now.After(end) {
			return s.expired(end, now)
		}
	} else if oldest := now.Add(-MaxSkew); t.Before(oldest) {
		// Source: an answer quoted in aws/aws-sdk-js issue 254, 2014-03-25.
		return s.skewed(invalid("Signature expired: "+s.Stamp+" is now earlier than "+oldest.Format(timeFormat)+
			" ("+now.Format(timeFormat)+" - 15 min.)"), now)
	}
	newest := now.Add(MaxSkew)
	if !t.After(newest) {
		return nil
	}
	e := invalid("Signature not yet current: " + s.Stamp + " is still later than " + newest.Format(timeFormat) +
		" (" + now.Format(timeFormat) + " + 15 min.)")
	if !s.Presigned {
		return s.skewed(e, now)
	}
	// Source: dmjio/s3-signer issue 16, 2019-05-23.
	return e.in("AccessDenied", "Request is not yet valid", http.StatusForbidden,
		Detail{"X-Amz-Date", strconv.FormatInt(t.UnixMilli(), 10)}, Detail{"Expires", t.Add(s.Expires).Format(time.RFC3339)},
		Detail{"ServerTime", now.Format(time.RFC3339)})
}

// expired is the error of a presigned request after its life. The text of services other than S3 is unverified.
func (s *Signature) expired(end, now time.Time) *Error {
	e := &Error{Code: "ExpiredTokenException", Message: "Signature expired: " + s.Stamp + " is now earlier than " +
		now.Add(-s.Expires).Format(timeFormat)}
	// Source: aws/aws-sdk-php issue 1333, 2017-07-20.
	return e.in("AccessDenied", "Request has expired", http.StatusForbidden,
		Detail{"X-Amz-Expires", strconv.Itoa(int(s.Expires / time.Second))},
		Detail{"Expires", end.Format(time.RFC3339)}, Detail{"ServerTime", now.Format(time.RFC3339)})
}

// skewed adds S3's form of a wrong clock.
func (s *Signature) skewed(e *Error, now time.Time) *Error {
	// Source: aws/aws-sdk-php issue 612, 2015-06-04.
	return e.in("RequestTimeTooSkewed", "The difference between the request time and the current time is too large.",
		http.StatusForbidden, Detail{"RequestTime", s.Stamp}, Detail{"ServerTime", now.Format(time.RFC3339)},
		Detail{"MaxAllowedSkewMilliseconds", strconv.FormatInt(MaxSkew.Milliseconds(), 10)})
}

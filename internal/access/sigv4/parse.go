// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Signature is what a request says about its own signature. Its strings alias the request.
type Signature struct {
	AccessKeyID   string
	Scope         Scope
	SignedHeaders string // "host;x-amz-date", as sent
	Hex           string // the signature itself
	Token         string // session token, "" for long-term keys
	Stamp         string // time of signing as sent: "20261125T101500Z"; "" when absent
	ContentSHA256 string // of a presigned request: the parameter X-Amz-Content-Sha256
	Presigned     bool
	Expires       time.Duration // of a presigned request
}

// Signs tells whether the signature covers the header of that name.
func (s *Signature) Signs(header string) bool {
	for name := range strings.SplitSeq(s.SignedHeaders, ";") {
		if strings.EqualFold(name, header) {
			return true
		}
	}
	return false
}

// Parse reads the signature of r. It returns nil, nil for a request that carries none (also for another scheme of
// Authorization), and *Error for one that is broken. It checks form only.
func Parse(r *http.Request) (*Signature, error) {
	if a := r.Header.Get("Authorization"); a != "" {
		if signedQuery(r.URL.RawQuery) {
			return nil, twoMechanisms(a)
		}
		scheme, _, _ := strings.Cut(a, " ")
		if strings.HasPrefix(scheme, "AWS4-") {
			return parseHeader(r.Header, a)
		}
		return nil, nil
	}
	if !strings.Contains(r.URL.RawQuery, "X-Amz-") {
		return nil, nil
	}
	return parseQuery(r.URL.RawQuery)
}

// signedQuery tells whether a query has parameters of a signature. Those of a presigned request must not pass for a part of
// what a header signs: its signature would be good for MaxSkew then, although its life may be a second.
func signedQuery(raw string) bool {
	if raw == "" {
		return false
	}
	for part := range strings.SplitSeq(raw, "&") {
		k, _, _ := strings.Cut(part, "=")
		switch paramName(k) {
		case "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature":
			return true
		}
	}
	return false
}

// paramName is the name of a parameter, which may be sent with escapes: the canonical query does not tell them apart.
func paramName(k string) string {
	if strings.IndexByte(k, '%') < 0 {
		return k
	}
	return reencodeQuery(k)
}

// twoMechanisms is S3's refusal of a request with a signature in its query and an Authorization header; what other services
// say is unverified. Source: catalyst/moodle-tool_objectfs issue 303, 2020-05-04.
func twoMechanisms(authorization string) *Error {
	const text = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string " +
		"parameter or the Authorization header should be specified"
	return incomplete(text).in("InvalidArgument", text, http.StatusBadRequest,
		Detail{"ArgumentName", "Authorization"}, Detail{"ArgumentValue", cut(authorization)})
}

func parseHeader(h http.Header, a string) (*Signature, error) {
	scheme, rest, _ := strings.Cut(a, " ")
	if scheme != Algorithm {
		// Gust verifies AWS4-HMAC-SHA256 only; the other one is SigV4A, AWS4-ECDSA-P256-SHA256. Unverified wording, except
		// S3's: nukulb/s3-angular-file-upload issue 23, 2017-05-17.
		return nil, incomplete("Unsupported AWS 'algorithm': '"+cut(scheme)+"'.").in("InvalidRequest",
			"The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.", http.StatusBadRequest)
	}
	s := &Signature{Token: h.Get("X-Amz-Security-Token"), Stamp: h.Get("X-Amz-Date")}
	var credential string
	for part := range strings.SplitSeq(rest, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		k, v, ok := strings.Cut(part, "=")
		if !ok {
			// Source: an answer quoted in iann0036/cloud9-sync issue 10, 2018-11-28.
			return nil, malformedHeader("'"+part+"' not a valid key=value pair (missing equal-sign) in "+
				"Authorization header: '"+a+"'.", threeComponents)
		}
		switch k {
		case "Credential":
			credential = v
		case "SignedHeaders":
			s.SignedHeaders = v
		case "Signature":
			s.Hex = v
		}
	}
	if s.Stamp == "" {
		s.Stamp = dateHeader(h)
	}
	// Source: an answer quoted in aws/chalice issue 828, 2018-05-07.
	var missing []string
	for _, p := range []struct{ name, value string }{
		{"Credential", credential}, {"Signature", s.Hex}, {"SignedHeaders", s.SignedHeaders},
	} {
		if p.value == "" {
			missing = append(missing, "Authorization header requires '"+p.name+"' parameter.")
		}
	}
	if s.Stamp == "" {
		missing = append(missing, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if missing != nil {
		return nil, malformedHeader(strings.Join(missing, " ")+" Authorization="+a, threeComponents)
	}
	return s, s.setCredential(credential)
}

// threeComponents is what S3 says of an incomplete header (unverified).
const threeComponents = "the authorization header requires three components: Credential, SignedHeaders, and Signature."

// malformedHeader is an incomplete signature in a header. S3's code: "Billing for Amazon S3 error responses", S3 User
// Guide, read 2026-11.
func malformedHeader(message, s3 string) *Error {
	return incomplete(message).in("AuthorizationHeaderMalformed", "The authorization header is malformed; "+s3, http.StatusBadRequest)
}

// badQuery is an incomplete signature in the query.
// Source of S3's code: bryanjos/aws_auth issue 31, 2017-07-18.
func badQuery(message, s3 string) *Error {
	return incomplete(message).in("AuthorizationQueryParametersError", s3, http.StatusBadRequest)
}

// dateHeader turns a Date header into the form of X-Amz-Date, "" when there is none that can be read.
func dateHeader(h http.Header) string {
	d := h.Get("Date")
	if t, err := time.Parse(timeFormat, d); err == nil {
		return t.Format(timeFormat)
	}
	if t, err := http.ParseTime(d); err == nil {
		return t.UTC().Format(timeFormat)
	}
	return ""
}

func parseQuery(raw string) (*Signature, error) {
	s := &Signature{Presigned: true}
	var algorithm, credential, expires string
	for part := range strings.SplitSeq(raw, "&") {
		k, v, _ := strings.Cut(part, "=")
		var dst *string
		switch k = paramName(k); k {
		case "X-Amz-Algorithm":
			dst = &algorithm
		case "X-Amz-Credential":
			dst = &credential
		case "X-Amz-Date":
			dst = &s.Stamp
		case "X-Amz-Expires":
			dst = &expires
		case "X-Amz-SignedHeaders":
			dst = &s.SignedHeaders
		case "X-Amz-Signature":
			dst = &s.Hex
		case "X-Amz-Security-Token":
			dst = &s.Token
		case "X-Amz-Content-Sha256":
			dst = &s.ContentSHA256
		default:
			continue
		}
		plain, err := url.QueryUnescape(v)
		if err != nil {
			const text = "' is not URL-encoded."                                       // unverified
			return nil, badQuery("Query parameter '"+k+text, "The parameter '"+k+text) // unverified
		}
		*dst = plain
	}
	if algorithm == "" && credential == "" && s.Hex == "" {
		return nil, nil // some X-Amz- parameter that is not of a signature
	}
	if err := s.checkQuery(algorithm, credential); err != nil {
		return nil, err
	}
	if err := s.setExpires(expires); err != nil {
		return nil, err
	}
	return s, s.setCredential(credential)
}

// checkQuery wants all parameters of a signature. The texts are unverified.
func (s *Signature) checkQuery(algorithm, credential string) error {
	if algorithm != Algorithm {
		return badQuery("Unsupported AWS 'algorithm': '"+cut(algorithm)+"'.", `X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"`)
	}
	for _, p := range []struct{ name, value string }{
		{"X-Amz-Credential", credential},
		{"X-Amz-Signature", s.Hex},
		{"X-Amz-SignedHeaders", s.SignedHeaders},
		{"X-Amz-Date", s.Stamp},
	} {
		if p.value == "" {
			return badQuery("AWS query-string parameters must include '"+p.name+"'.", allParameters)
		}
	}
	return nil
}

// allParameters is what S3 says where one is missing (unverified).
const allParameters = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, " +
	"X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."

// setExpires reads the life of a presigned request, in seconds; "" is its absence, which S3 refuses.
func (s *Signature) setExpires(v string) error {
	if v == "" {
		s.Expires = -1
		return nil
	}
	const text = "X-Amz-Expires must be a number of seconds from 0 to 604800." // unverified
	d, ok := parseSeconds(v)
	switch {
	case !ok:
		return badQuery(text, "X-Amz-Expires should be a number") // unverified
	case d < 0:
		return badQuery(text, "X-Amz-Expires must be non-negative") // unverified
	case d > MaxExpires: // source of S3's text: bryanjos/aws_auth issue 31, 2017-07-18
		return badQuery(text, "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must "+
			"be less than 604800 seconds")
	}
	s.Expires = d
	return nil
}

// setCredential splits "KEY/20261125/us-east-1/lambda/aws4_request".
func (s *Signature) setCredential(c string) error {
	// S3's texts are unverified.
	const expecting = `the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`
	bad := func(message string) *Error { return malformedHeader(message, expecting) }
	if s.Presigned {
		bad = func(message string) *Error {
			return badQuery(message, "Error parsing the X-Amz-Credential parameter; "+expecting)
		}
	}
	parts := strings.Split(c, "/")
	if len(parts) != 5 || parts[0] == "" || parts[3] == "" {
		// Source: an answer quoted in mhart/aws4 issue 97, 2019-08-14.
		return bad("Credential must have exactly 5 slash-delimited elements, " +
			"e.g. keyid/date/region/service/term, got '" + c + "'")
	}
	if parts[4] != terminator {
		// Unverified wording.
		e := bad("Credential should be scoped with a valid terminator: 'aws4_request', not '" + parts[4] + "'.")
		e.Code = "InvalidSignatureException"
		return e
	}
	s.AccessKeyID = parts[0]
	s.Scope = Scope{Date: parts[1], Region: parts[2], Service: parts[3]}
	if s.Presigned && s.Expires < 0 {
		s.Expires = 0
		if isS3(s.Scope.Service) {
			return badQuery("AWS query-string parameters must include 'X-Amz-Expires'.", allParameters)
		}
	}
	return nil
}

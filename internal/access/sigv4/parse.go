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
	Presigned     bool
	Expires       time.Duration // of a presigned request
}

// Parse reads the signature of r. It returns nil, nil for a request that carries none (also for another scheme of
// Authorization), and *Error for one that is broken. It checks form only.
func Parse(r *http.Request) (*Signature, error) {
	if a := r.Header.Get("Authorization"); a != "" {
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

func parseHeader(h http.Header, a string) (*Signature, error) {
	scheme, rest, _ := strings.Cut(a, " ")
	if scheme != Algorithm {
		// Unverified wording: Gust verifies AWS4-HMAC-SHA256 only.
		return nil, incomplete("Unsupported AWS 'algorithm': '" + scheme + "'.")
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
			return nil, incomplete("'" + part + "' not a valid key=value pair (missing equal-sign) in " +
				"Authorization header: '" + a + "'.")
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
		return nil, incomplete(strings.Join(missing, " ") + " Authorization=" + a)
	}
	return s, s.setCredential(credential)
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
		dst := map[string]*string{
			"X-Amz-Algorithm": &algorithm, "X-Amz-Credential": &credential, "X-Amz-Date": &s.Stamp,
			"X-Amz-Expires": &expires, "X-Amz-SignedHeaders": &s.SignedHeaders, "X-Amz-Signature": &s.Hex,
			"X-Amz-Security-Token": &s.Token,
		}[k]
		if dst == nil {
			continue
		}
		plain, err := url.QueryUnescape(v)
		if err != nil {
			return nil, incomplete("Query parameter '" + k + "' is not URL-encoded.") // unverified
		}
		*dst = plain
	}
	if algorithm == "" && credential == "" && s.Hex == "" {
		return nil, nil // some X-Amz- parameter that is not of a signature
	}
	if algorithm != Algorithm {
		return nil, incomplete("Unsupported AWS 'algorithm': '" + algorithm + "'.") // unverified
	}
	for _, p := range []struct{ name, value string }{
		{"X-Amz-Credential", credential},
		{"X-Amz-Signature", s.Hex},
		{"X-Amz-SignedHeaders", s.SignedHeaders},
		{"X-Amz-Date", s.Stamp},
	} {
		if p.value == "" {
			return nil, incomplete("AWS query-string parameters must include '" + p.name + "'.") // unverified
		}
	}
	if expires != "" {
		d, ok := parseSeconds(expires)
		if !ok || d < 0 || d > MaxExpires {
			return nil, incomplete("X-Amz-Expires must be a number of seconds from 0 to 604800.") // unverified
		}
		s.Expires = d
	}
	return s, s.setCredential(credential)
}

// setCredential splits "KEY/20261125/us-east-1/lambda/aws4_request".
func (s *Signature) setCredential(c string) error {
	parts := strings.Split(c, "/")
	if len(parts) != 5 || parts[0] == "" || parts[3] == "" {
		// Source: an answer quoted in mhart/aws4 issue 97, 2019-08-14.
		return incomplete("Credential must have exactly 5 slash-delimited elements, " +
			"e.g. keyid/date/region/service/term, got '" + c + "'")
	}
	if parts[4] != terminator {
		// Unverified wording.
		return invalid("Credential should be scoped with a valid terminator: 'aws4_request', not '" + parts[4] + "'.")
	}
	s.AccessKeyID = parts[0]
	s.Scope = Scope{Date: parts[1], Region: parts[2], Service: parts[3]}
	return nil
}

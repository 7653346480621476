// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Sign adds X-Amz-Date, X-Amz-Security-Token and Authorization to r. It signs the host, the content type and every
// X-Amz- header that r has. payload is the body's digest (SumHex) or UnsignedPayload; it is announced in
// X-Amz-Content-Sha256 where the service wants that (S3) or it is not the digest.
func Sign(r *http.Request, k Keys, region, service, payload string, now time.Time) {
	stamp := now.UTC().Format(timeFormat)
	r.Header.Set("X-Amz-Date", stamp)
	if k.SessionToken != "" {
		r.Header.Set("X-Amz-Security-Token", k.SessionToken)
	}
	if isS3(service) || !isDigest(payload) {
		r.Header.Set("X-Amz-Content-Sha256", payload)
	}
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	names := []string{"host"}
	for name := range r.Header {
		if n := strings.ToLower(name); n == "content-type" || strings.HasPrefix(n, "x-amz-") {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	signed := strings.Join(names, ";")
	scope := Scope{Date: stamp[:len(dateFormat)], Region: region, Service: service}
	hex := signature(deriveKey(k.SecretAccessKey, scope), stamp, scope, canonicalRequest(r, signed, payload, pathFormOf(service)))
	r.Header.Set("Authorization", Algorithm+" Credential="+k.AccessKeyID+"/"+scope.String()+
		", SignedHeaders="+signed+", Signature="+hex)
}

// Presign signs r in its query, so that its URL alone can be used for expires, at most MaxExpires, in whole seconds. Only
// the host and the X-Amz- headers that r has are signed: whoever uses the URL must send the same. payload is as for Sign;
// S3's URLs leave the body unsigned when it is UnsignedPayload.
func Presign(r *http.Request, k Keys, region, service, payload string, expires time.Duration, now time.Time) {
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	names := []string{"host"}
	for name := range r.Header {
		if n := strings.ToLower(name); strings.HasPrefix(n, "x-amz-") {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	signed := strings.Join(names, ";")
	stamp := now.UTC().Format(timeFormat)
	scope := Scope{Date: stamp[:len(dateFormat)], Region: region, Service: service}
	query := r.URL.RawQuery
	add := func(name, value string) {
		if query != "" {
			query += "&"
		}
		query += name + "=" + url.QueryEscape(value)
	}
	add("X-Amz-Algorithm", Algorithm)
	add("X-Amz-Credential", k.AccessKeyID+"/"+scope.String())
	add("X-Amz-Date", stamp)
	add("X-Amz-Expires", strconv.Itoa(int(expires/time.Second)))
	add("X-Amz-SignedHeaders", signed)
	if k.SessionToken != "" {
		add("X-Amz-Security-Token", k.SessionToken)
	}
	r.URL.RawQuery = query
	hex := signature(deriveKey(k.SecretAccessKey, scope), stamp, scope, canonicalRequest(r, signed, payload, pathFormOf(service)))
	r.URL.RawQuery = query + "&X-Amz-Signature=" + hex
}

// pathFormOf is how this package's own clients write the path.
func pathFormOf(service string) pathForm {
	if isS3(service) {
		return pathAsSent
	}
	return pathTwice
}

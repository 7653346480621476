// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"net/http"
	"slices"
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
	form := pathTwice
	if service == "s3" {
		form = pathAsSent
	}
	if service == "s3" || payload == UnsignedPayload {
		r.Header.Set("X-Amz-Content-Sha256", payload)
	}
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	names := []string{"host"}
	for name := range r.Header {
		n := strings.ToLower(name)
		if n == "content-type" || strings.HasPrefix(n, "x-amz-") {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	signed := strings.Join(names, ";")
	scope := Scope{Date: stamp[:len(dateFormat)], Region: region, Service: service}
	hex := signature(deriveKey(k.SecretAccessKey, scope), stamp, scope, canonicalRequest(r, signed, payload, form))
	r.Header.Set("Authorization", Algorithm+" Credential="+k.AccessKeyID+"/"+scope.String()+
		", SignedHeaders="+signed+", Signature="+hex)
}

// SPDX-License-Identifier: Apache-2.0

package access

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gustcloud/gust/internal/access/sigv4"
)

// Enforce authenticates requests by their signatures: made with the secret of an active access key, or with the
// credentials of a session. It is safe for concurrent use.
type Enforce struct {
	keys     Keys
	sessions *Sessions
	verifier sigv4.Verifier
}

// NewEnforce returns an Enforce that finds long-term keys in k and temporary ones in s.
func NewEnforce(k Keys, s *Sessions) *Enforce { return &Enforce{keys: k, sessions: s} }

// Authenticate returns who sent r, whose signature is sig, and the reader that must take the place of r.Body: where its
// end is an error instead of io.EOF the request is not what was signed (see sigv4.Verifier.Begin). The error is an
// *Error, or one of the store.
func (e *Enforce) Authenticate(r *http.Request, sig *sigv4.Signature, now time.Time) (Identity, *sigv4.Body, error) {
	if sig == nil {
		return Identity{}, nil, missingToken(r)
	}
	id, err := scopeOf(sig)
	if err != nil {
		return Identity{}, nil, err
	}
	key, longTerm, err := e.key(r, sig, now)
	if err != nil {
		return Identity{}, nil, err
	}
	body, err := e.verifier.Begin(r, sig, key.Secret, now)
	if err != nil {
		return Identity{}, nil, err
	}
	if longTerm {
		body.Then(func() { e.keys.Used(id.AccessKeyID, id.Region, id.Service, now) })
	}
	id.Principal, id.Verified = key.Principal, true
	return id, body, nil
}

// maxAccessKeyID is the longest access key id. Source: "AccessKey", IAM API reference, read 2026-11.
const maxAccessKeyID = 128

// key finds what sig claims to be made with.
func (e *Enforce) key(r *http.Request, sig *sigv4.Signature, now time.Time) (k Key, longTerm bool, err error) {
	if sig.Token != "" {
		p, err := e.sessions.Resolve(sig.AccessKeyID, sig.Token, now)
		if errors.Is(err, errForeign) {
			err = invalidToken()
		}
		return Key{Principal: p, Secret: e.sessions.secret(sig.AccessKeyID)}, false, err
	}
	if strings.HasPrefix(sig.AccessKeyID, sessionPrefix) {
		return Key{}, false, unknownKey(sig.AccessKeyID) // a session's key without its token
	}
	if len(sig.AccessKeyID) > maxAccessKeyID {
		return Key{}, false, unknownKey(sig.AccessKeyID[:maxAccessKeyID])
	}
	k, found, err := e.keys.Key(r.Context(), sig.AccessKeyID)
	if err != nil {
		return Key{}, false, fmt.Errorf("find an access key: %w", err)
	}
	if !found || !k.Active {
		return Key{}, false, unknownKey(sig.AccessKeyID)
	}
	return k, true, nil
}

// missingToken is the error of an unsigned request, also of one with S3's old signatures (version 2).
// Sources of the texts: abuzuhri/Amazon-SP-API-CSharp issue 99, 2022-02-05 (STS); "Error Responses", S3 API reference, read
// 2026-11 (AccessDenied); nukulb/s3-angular-file-upload issue 23, 2017-05-17 (InvalidRequest).
func missingToken(r *http.Request) *Error {
	err := &Error{
		Code: "MissingAuthenticationTokenException", Message: "Request is missing Authentication Token",
		S3: &sigv4.S3Error{Code: "AccessDenied", Message: "Access Denied", Status: http.StatusForbidden},
	}
	if strings.HasPrefix(r.Header.Get("Authorization"), "AWS ") || strings.Contains(r.URL.RawQuery, "AWSAccessKeyId=") {
		err.S3 = &sigv4.S3Error{
			Code: "InvalidRequest", Status: http.StatusBadRequest,
			Message: "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
		}
	}
	return err
}

// unknownKey is the error of an access key that there is not, or not any more, or that is inactive.
// Source of S3's form: raster-foundry/raster-foundry issue 289, 2015-10-30.
func unknownKey(id string) *Error {
	err := invalidToken()
	err.S3 = &sigv4.S3Error{
		Code: "InvalidAccessKeyId", Message: "The AWS Access Key Id you provided does not exist in our records.",
		Status: http.StatusForbidden, Details: []sigv4.Detail{{Name: "AWSAccessKeyId", Value: id}},
	}
	return err
}

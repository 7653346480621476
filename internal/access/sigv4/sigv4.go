// SPDX-License-Identifier: Apache-2.0

// Package sigv4 parses, verifies and makes AWS Signature Version 4 signatures of HTTP requests: in the Authorization
// header and in the query (presigned URLs), with and without a session token, and of bodies that arrive in signed chunks
// (aws-chunked), with and without trailers, or in signed event-stream frames.
//
// It does not know whose keys it checks (package access does), and it does not do S3's POST forms nor SigV4A. It signs
// heads and presigned URLs, no chunks and no frames. Read parse.go, then verify.go, payload.go, canonical.go; chunked bodies
// are chunk.go and trailer.go, event streams events.go.
//
// The algorithm is that of "Create a signed AWS API request" in the IAM User Guide and of "Authenticating Requests" in the
// S3 API reference; testdata holds requests signed by botocore, which decide where clients differ.
package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// Algorithm is the only algorithm that this package signs and verifies.
	Algorithm = "AWS4-HMAC-SHA256"
	// EmptySHA256 is the digest of an empty body.
	EmptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

	timeFormat = "20060102T150405Z"
	dateFormat = "20060102"
	terminator = "aws4_request"

	// MaxSkew is how far the time of a signature may be from now.
	MaxSkew = 15 * time.Minute
	// MaxExpires is the longest life of a presigned URL.
	MaxExpires = 7 * 24 * time.Hour
)

// Keys are what a request is signed with.
type Keys struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string // "" for long-term keys
}

// Scope is the credential scope: what a derived key is good for.
type Scope struct {
	Date    string // "20261125"
	Region  string
	Service string // the signing name: "lambda", "monitoring"
}

// String is the scope as it stands in the string to sign.
func (s Scope) String() string {
	return s.Date + "/" + s.Region + "/" + s.Service + "/" + terminator
}

// Error is a signature or a signed body that cannot be accepted. Code is AWS's, in the form of its JSON protocols.
type Error struct {
	Code    string // "IncompleteSignatureException", "InvalidSignatureException"
	Message string
	S3      *S3Error // what S3 says instead; nil: the same
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// S3Error is the form of an Error that S3 has for it: other codes, texts and statuses, and elements of its own.
type S3Error struct {
	Code, Message string
	Status        int
	Details       []Detail
}

// Detail is one element of an S3 error beside Code and Message.
type Detail struct{ Name, Value string }

func incomplete(message string) *Error {
	return &Error{Code: "IncompleteSignatureException", Message: message}
}

func invalid(message string) *Error {
	return &Error{Code: "InvalidSignatureException", Message: message}
}

// in adds the form of S3.
func (e *Error) in(code, message string, status int, details ...Detail) *Error {
	e.S3 = &S3Error{Code: code, Message: message, Status: status, Details: details}
	return e
}

// isS3 tells whether a service has S3's rules: the path as sent, the digest of the body named in a header.
func isS3(service string) bool {
	switch service {
	case "s3", "s3express", "s3-object-lambda", "s3-outposts":
		return true
	}
	return false
}

// deriveKey is four HMACs: 1.5 us, which is why Verifier keeps the result.
func deriveKey(secret string, s Scope) []byte {
	k := mac([]byte("AWS4"+secret), s.Date)
	k = mac(k, s.Region)
	k = mac(k, s.Service)
	return mac(k, terminator)
}

func mac(key []byte, data string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(data))
	return h.Sum(nil)
}

// keyCache keeps the derived keys of right signatures. When it is full it starts again: keys change once a day, and a
// flood of scopes costs only the derivations that it would cost without a cache.
type keyCache struct {
	mu   sync.RWMutex
	keys map[cacheKey][]byte
}

type cacheKey struct {
	secret string
	scope  Scope
}

const maxCachedKeys = 1024

// get derives a key when it is not there. It does not keep it: who has only an access key id could fill the memory.
func (c *keyCache) get(secret string, s Scope) (key []byte, cached bool) {
	c.mu.RLock()
	k := c.keys[cacheKey{secret, s}]
	c.mu.RUnlock()
	if k != nil {
		return k, true
	}
	return deriveKey(secret, s), false
}

// put keeps the key of a scope that a right signature named.
func (c *keyCache) put(secret string, s Scope, key []byte) {
	id := cacheKey{strings.Clone(secret), Scope{strings.Clone(s.Date), strings.Clone(s.Region), strings.Clone(s.Service)}}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys == nil || len(c.keys) >= maxCachedKeys {
		c.keys = make(map[cacheKey][]byte)
	}
	c.keys[id] = key
}

// signature is the last step, the same for signing and verifying.
func signature(key []byte, stamp string, s Scope, canonical []byte) string {
	return hex.EncodeToString(mac(key, stringToSign(stamp, s, canonical)))
}

func stringToSign(stamp string, s Scope, canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return Algorithm + "\n" + stamp + "\n" + s.String() + "\n" + hex.EncodeToString(sum[:])
}

// SumHex is the lower-case hexadecimal SHA-256 of a body.
func SumHex(body []byte) string {
	if len(body) == 0 {
		return EmptySHA256
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func parseSeconds(s string) (time.Duration, bool) {
	n, err := strconv.ParseInt(s, 10, 32)
	return time.Duration(n) * time.Second, err == nil
}

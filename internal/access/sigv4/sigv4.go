// SPDX-License-Identifier: Apache-2.0

// Package sigv4 parses, verifies and makes AWS Signature Version 4 signatures of HTTP requests: in the Authorization
// header and in the query (presigned URLs), with and without a session token.
//
// It does not know whose keys it checks (package access does), and it does not do S3's chunked bodies and POST forms,
// nor SigV4A. Read parse.go, then canonical.go.
//
// The algorithm is that of "Create a signed AWS API request" in the IAM User Guide; testdata holds requests signed by
// botocore, which decide where clients differ.
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
	// UnsignedPayload stands for the body's digest when the body is not signed.
	UnsignedPayload = "UNSIGNED-PAYLOAD"
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

// Error is a signature that cannot be accepted. Code is AWS's, in the form of its JSON protocols.
type Error struct {
	Code    string // "IncompleteSignatureException", "InvalidSignatureException"
	Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func incomplete(message string) *Error { return &Error{"IncompleteSignatureException", message} }

func invalid(message string) *Error { return &Error{"InvalidSignatureException", message} }

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

// keyCache keeps derived keys. When it is full it starts again: keys change once a day, and a flood of scopes costs
// only the derivations that it would cost without a cache.
type keyCache struct {
	mu   sync.RWMutex
	keys map[cacheKey][]byte
}

type cacheKey struct {
	secret string
	scope  Scope
}

const maxCachedKeys = 1024

func (c *keyCache) get(secret string, s Scope) []byte {
	id := cacheKey{secret, s}
	c.mu.RLock()
	k := c.keys[id]
	c.mu.RUnlock()
	if k != nil {
		return k
	}
	k = deriveKey(secret, s)
	id = cacheKey{strings.Clone(secret), Scope{strings.Clone(s.Date), strings.Clone(s.Region), strings.Clone(s.Service)}}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys == nil || len(c.keys) >= maxCachedKeys {
		c.keys = make(map[cacheKey][]byte)
	}
	c.keys[id] = k
	return k
}

// signature is the last step, the same for signing and verifying.
func signature(key []byte, stamp string, s Scope, canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(mac(key, Algorithm+"\n"+stamp+"\n"+s.String()+"\n"+hex.EncodeToString(sum[:])))
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

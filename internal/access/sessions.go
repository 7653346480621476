// SPDX-License-Identifier: Apache-2.0

package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gustcloud/gust/internal/access/sigv4"
	"github.com/gustcloud/gust/internal/base/ids"
)

// tokenVersion starts every session token. Another layout of the token takes another version; old ones then stay valid
// to their end.
const tokenVersion = "GUST1"

// sessionPrefix begins the access key ids of sessions.
const sessionPrefix = "ASIA"

// SessionKeySize is the length of a server key in bytes.
const SessionKeySize = 32

// Sessions issues and resolves the temporary credentials of roles. Nothing is stored: a session token holds its claims
// and an HMAC over them, and the secret key is derived from the access key id, so issuing costs no write and every node
// with the same server key accepts the token. A session therefore cannot be revoked before it expires.
type Sessions struct {
	key []byte
	ids ids.Source
}

// claims is the body of a token. Encoding: JSON, version 1; field names are short because clients send them with every
// request.
type claims struct {
	RoleARN string `json:"r"`
	RoleID  string `json:"i"`
	Session string `json:"s"`
	Expires int64  `json:"e"` // Unix seconds
}

// NewSessions makes Sessions of a server key that is secret and random: SessionKeySize bytes.
func NewSessions(key []byte, source ids.Source) (*Sessions, error) {
	if len(key) != SessionKeySize {
		return nil, fmt.Errorf("session key: %d bytes, want %d", len(key), SessionKeySize)
	}
	return &Sessions{key: key, ids: source}, nil
}

// Issue returns credentials of a session of role that end at expires (to the second). It fails only for a role ARN that
// is not one, or an empty id or session name.
func (s *Sessions) Issue(role Role, session string, expires time.Time) (Credentials, error) {
	if _, err := role.session(session); err != nil {
		return Credentials{}, fmt.Errorf("issue credentials of %q: %w", role.ARN, err)
	}
	body, err := json.Marshal(claims{RoleARN: role.ARN, RoleID: role.ID, Session: session, Expires: expires.Unix()})
	if err != nil {
		return Credentials{}, fmt.Errorf("issue credentials of %q: %w", role.ARN, err)
	}
	id := s.ids.Unique(sessionPrefix, 16)
	return Credentials{
		AccessKeyID:     id,
		SecretAccessKey: s.secret(id),
		SessionToken:    tokenVersion + "." + encode(body) + "." + encode(s.mac("token", id, string(body))),
		Expires:         time.Unix(expires.Unix(), 0).UTC(),
	}, nil
}

// errForeign is a token that is not of this form.
var errForeign = errors.New("not a session token of Gust")

// Sources of the texts: aws/aws-sdk-java-v2 issue 1649, 2020-02-14 (expired), badslug/Paw-AWSSignature4DynamicValue
// issue 5, 2016-10-07 (invalid); "Billing for Amazon S3 error responses", S3 User Guide, read 2026-11 (S3's ExpiredToken);
// S3's InvalidToken is unverified.
func expiredToken() *Error {
	return &Error{
		Code: "ExpiredTokenException", Message: "The security token included in the request is expired",
		S3: &sigv4.S3Error{Code: "ExpiredToken", Message: "The provided token has expired.", Status: http.StatusBadRequest},
	}
}

func invalidToken() *Error {
	return &Error{
		Code: "UnrecognizedClientException", Message: "The security token included in the request is invalid.",
		S3: &sigv4.S3Error{
			Code: "InvalidToken", Message: "The provided token is malformed or otherwise invalid.", Status: http.StatusBadRequest,
		},
	}
}

// Resolve returns whose session it is. Errors: errForeign for a token that Gust did not make in this form, and *Error
// for one that is altered, of another server key or access key id, or expired at now.
func (s *Sessions) Resolve(accessKeyID, token string, now time.Time) (Principal, error) {
	version, rest, _ := strings.Cut(token, ".")
	if version != tokenVersion {
		return Principal{}, errForeign
	}
	body64, sum64, _ := strings.Cut(rest, ".")
	body, err := base64.RawURLEncoding.DecodeString(body64)
	sum, err2 := base64.RawURLEncoding.DecodeString(sum64)
	if err != nil || err2 != nil || !hmac.Equal(sum, s.mac("token", accessKeyID, string(body))) {
		return Principal{}, invalidToken()
	}
	var c claims
	if err := json.Unmarshal(body, &c); err != nil {
		return Principal{}, invalidToken()
	}
	if now.Unix() >= c.Expires {
		return Principal{}, expiredToken()
	}
	p, err := Role{ARN: c.RoleARN, ID: c.RoleID}.session(c.Session)
	if err != nil {
		return Principal{}, invalidToken()
	}
	return p, nil
}

// secret is the secret access key that belongs to a temporary access key id: 40 characters, as AWS's.
func (s *Sessions) secret(accessKeyID string) string {
	return base64.StdEncoding.EncodeToString(s.mac("secret", accessKeyID, ""))[:40]
}

// mac is of use, accessKeyID and body, each of the first two ended by a zero byte. Uses are constants without one. An
// access key id of a query string can hold one, but no body does (JSON, or numbers and digits): so bytes cannot move between
// id and body, and what is signed for one use, id and body is signed for no other.
func (s *Sessions) mac(use, accessKeyID, body string) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte("gust session 1\x00" + use + "\x00" + accessKeyID + "\x00" + body))
	return h.Sum(nil)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/access/sigv4"
)

// keys are the access keys of a test: id to key. The id "AKIADOWN" fails.
type keys map[string]access.Key

func (k keys) Key(_ context.Context, id string) (access.Key, bool, error) {
	if id == "AKIADOWN" {
		return access.Key{}, false, errors.New("disk")
	}
	if len(id) > 128 {
		return access.Key{}, false, errors.New("too long to be a key of the store")
	}
	key, ok := k[id]
	return key, ok, nil
}

func (keys) Used(string, string, string, time.Time) {}

func TestEnforce(t *testing.T) {
	s := mustSessions(t, 1)
	c := mustIssue(t, s)
	bob := access.Principal{ARN: "arn:aws:iam::123456789012:user/bob", Account: "123456789012", UserID: "AIDABOB"}
	e := access.NewEnforce(keys{
		"AKIABOB": {Principal: bob, Secret: "secret", Active: true}, "AKIAOLD": {Principal: bob, Secret: "secret"},
	}, s)
	session := sigv4.Keys{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}
	with := func(k sigv4.Keys, change func(*sigv4.Keys)) *sigv4.Keys { change(&k); return &k }
	for _, tt := range []struct {
		name   string
		keys   *sigv4.Keys
		region string
		now    time.Time
		arn    string
		code   string
		s3     string
	}{
		{"user", &sigv4.Keys{AccessKeyID: "AKIABOB", SecretAccessKey: "secret"}, "eu-west-1", now, bob.ARN, "", ""},
		{"wrong secret", &sigv4.Keys{AccessKeyID: "AKIABOB", SecretAccessKey: "Secret"}, "eu-west-1", now, "", "InvalidSignatureException", "SignatureDoesNotMatch"},
		{"inactive", &sigv4.Keys{AccessKeyID: "AKIAOLD", SecretAccessKey: "secret"}, "eu-west-1", now, "", "UnrecognizedClientException", "InvalidAccessKeyId"},
		{"unknown", &sigv4.Keys{AccessKeyID: "AKIANONE", SecretAccessKey: "secret"}, "eu-west-1", now, "", "UnrecognizedClientException", "InvalidAccessKeyId"},
		{"unknown, and longer than any", &sigv4.Keys{AccessKeyID: strings.Repeat("A", 40_000), SecretAccessKey: "secret"}, "eu-west-1", now, "", "UnrecognizedClientException", "InvalidAccessKeyId"},
		{"an account, as in development", &sigv4.Keys{AccessKeyID: "123456789012", SecretAccessKey: "x"}, "eu-west-1", now, "", "UnrecognizedClientException", "InvalidAccessKeyId"},
		{"unsigned", nil, "", now, "", "MissingAuthenticationTokenException", "AccessDenied"},
		{"no region's characters", &sigv4.Keys{AccessKeyID: "AKIABOB", SecretAccessKey: "secret"}, "eu:west", now, "", "InvalidSignatureException", ""},
		{"session", &session, "eu-west-1", now, "arn:aws:sts::123456789012:assumed-role/Deployer/ci-42", "", ""},
		{"session, expired", &session, "eu-west-1", now.Add(2 * time.Hour), "", "ExpiredTokenException", "ExpiredToken"},
		{"session, wrong secret", with(session, func(k *sigv4.Keys) { k.SecretAccessKey = "x" }), "eu-west-1", now, "", "InvalidSignatureException", "SignatureDoesNotMatch"},
		{"session, no token", with(session, func(k *sigv4.Keys) { k.SessionToken = "" }), "eu-west-1", now, "", "UnrecognizedClientException", "InvalidAccessKeyId"},
		{"session, altered token", with(session, func(k *sigv4.Keys) { k.SessionToken += "x" }), "eu-west-1", now, "", "UnrecognizedClientException", "InvalidToken"},
		{"session of AWS", with(session, func(k *sigv4.Keys) { k.SessionToken = "IQoJb3JpZ2luX2VjE" }), "eu-west-1", now, "", "UnrecognizedClientException", "InvalidToken"},
		{"user with a session's token", &sigv4.Keys{AccessKeyID: "AKIABOB", SecretAccessKey: "secret", SessionToken: c.SessionToken}, "eu-west-1", now, "", "UnrecognizedClientException", "InvalidToken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost:4566/", nil)
			if tt.keys != nil {
				sigv4.Sign(r, *tt.keys, tt.region, "sts", sigv4.EmptySHA256, tt.now)
			}
			sig, err := access.Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			id, body, err := e.Authenticate(r, sig, tt.now)
			if id.ARN != tt.arn || code(err) != tt.code || id.Verified != (err == nil) || (body == nil) != (err != nil) {
				t.Errorf("Authenticate = %+v, %v\nwant %s %q", id, err, tt.arn, tt.code)
			}
			var refused *access.Error
			if errors.As(err, &refused) && tt.s3 != "" && (refused.S3 == nil || refused.S3.Code != tt.s3) {
				t.Errorf("S3 says %+v, want %s", refused.S3, tt.s3)
			}
		})
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost:4566/", nil)
	sigv4.Sign(r, sigv4.Keys{AccessKeyID: "AKIADOWN", SecretAccessKey: "secret"}, "eu-west-1", "sts", sigv4.EmptySHA256, now)
	sig, err := access.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	var refused *access.Error
	if _, _, err := e.Authenticate(r, sig, now); err == nil || errors.As(err, &refused) {
		t.Errorf("a store that fails: %v", err)
	}
}

func TestLinks(t *testing.T) {
	s := mustSessions(t, 1)
	link := access.Link{Account: "123456789012", Digest: strings.Repeat("ab", 32), Size: 77}
	query := s.Sign(link, now)
	change := func(name, value string) url.Values {
		q := url.Values{}
		for k := range query {
			q.Set(k, query.Get(k))
		}
		q.Set(name, value)
		return q
	}
	for _, tt := range []struct {
		name            string
		sessions        *access.Sessions
		account, digest string
		query           url.Values
		now             time.Time
		want            bool
	}{
		{"as signed", s, link.Account, link.Digest, query, now, true},
		{"another node", mustSessions(t, 1), link.Account, link.Digest, query, now, true},
		{"last second", s, link.Account, link.Digest, query, now.Add(10*time.Minute - time.Second), true},
		{"expired", s, link.Account, link.Digest, query, now.Add(10 * time.Minute), false},
		{"another server", mustSessions(t, 2), link.Account, link.Digest, query, now, false},
		{"another account", s, "210987654321", link.Digest, query, now, false},
		{"another package", s, link.Account, strings.Repeat("ac", 32), query, now, false},
		{"another size", s, link.Account, link.Digest, change("size", "78"), now, false},
		{"a later end", s, link.Account, link.Digest, change("expires", strconv.FormatInt(now.Add(time.Hour).Unix(), 10)), now, false},
		{"no number", s, link.Account, link.Digest, change("size", "x"), now, false},
		{"no signature", s, link.Account, link.Digest, change("signature", ""), now, false},
		{"nothing", s, link.Account, link.Digest, nil, now, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := access.Link{Account: tt.account, Digest: tt.digest}
			if got := tt.sessions.CheckLink(&l, tt.query, tt.now); got != tt.want || got && l.Size != link.Size {
				t.Errorf("CheckLink = %v, %+v", got, l)
			}
		})
	}
}

func TestDevelopmentTakesTheFramingOff(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "http://localhost:4566/b/k", strings.NewReader("3\r\nabc\r\n0\r\n\r\n"))
	r.Header.Set("X-Amz-Decoded-Content-Length", "3")
	sigv4.Sign(r, sigv4.Keys{AccessKeyID: "test", SecretAccessKey: "x"}, "us-east-1", "s3", sigv4.StreamingUnsignedTrailer, now)
	sig, err := access.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	_, body, err := access.Development{Sessions: mustSessions(t, 1)}.Authenticate(r, sig, now)
	if err != nil || body == nil {
		t.Fatal(body, err)
	}
	if got, err := io.ReadAll(body); err != nil || string(got) != "abc" {
		t.Errorf("%q, %v", got, err)
	}
}

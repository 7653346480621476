// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/access/sigv4"
	"github.com/gustcloud/gust/internal/base/ids"
)

var (
	now  = time.Date(2026, 11, 25, 10, 15, 0, 0, time.UTC)
	role = access.Role{ARN: "arn:aws:iam::123456789012:role/team/Deployer", ID: "AROAABCDEFGHIJKLMNOPQ"}
)

func mustSessions(t *testing.T, fill byte) *access.Sessions {
	t.Helper()
	s, err := access.NewSessions(bytes.Repeat([]byte{fill}, access.SessionKeySize), ids.System())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustIssue(t *testing.T, s *access.Sessions) access.Credentials {
	t.Helper()
	c, err := s.Issue(role, "ci-42", now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSessionResolvesToItsRole(t *testing.T) {
	s := mustSessions(t, 1)
	c := mustIssue(t, s)
	if len(c.AccessKeyID) != 20 || !strings.HasPrefix(c.AccessKeyID, "ASIA") || len(c.SecretAccessKey) != 40 ||
		!c.Expires.Equal(now.Add(time.Hour)) {
		t.Errorf("credentials = %+v", c)
	}
	p, err := mustSessions(t, 1).Resolve(c.AccessKeyID, c.SessionToken, now) // another node with the same key
	want := access.Principal{
		ARN:     "arn:aws:sts::123456789012:assumed-role/Deployer/ci-42",
		Account: "123456789012", UserID: "AROAABCDEFGHIJKLMNOPQ:ci-42",
	}
	if err != nil || p != want {
		t.Errorf("Resolve = %+v, %v, want %+v", p, err, want)
	}
}

func TestSessionsRefuse(t *testing.T) {
	s := mustSessions(t, 1)
	c := mustIssue(t, s)
	other := mustIssue(t, s)
	flipped := []byte(c.SessionToken)
	flipped[10] ^= 1
	tests := []struct {
		name, key, token string
		s                *access.Sessions
		now              time.Time
		want             string
	}{
		{"as issued, last second", c.AccessKeyID, c.SessionToken, s, now.Add(time.Hour - time.Second), ""},
		{"expired", c.AccessKeyID, c.SessionToken, s, now.Add(time.Hour), "ExpiredTokenException"},
		{"altered claims", c.AccessKeyID, string(flipped), s, now, "UnrecognizedClientException"},
		{"token of another key id", other.AccessKeyID, c.SessionToken, s, now, "UnrecognizedClientException"},
		{"another server key", c.AccessKeyID, c.SessionToken, mustSessions(t, 2), now, "UnrecognizedClientException"},
		{"cut", c.AccessKeyID, c.SessionToken[:len(c.SessionToken)-1], s, now, "UnrecognizedClientException"},
		{"version only", c.AccessKeyID, "GUST1", s, now, "UnrecognizedClientException"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.s.Resolve(tt.key, tt.token, tt.now)
			if got := code(err); got != tt.want {
				t.Errorf("Resolve: %q (%v), want %q", got, err, tt.want)
			}
		})
	}
}

func TestIssueRefusesWhatIsNotARole(t *testing.T) {
	s := mustSessions(t, 1)
	tests := []struct {
		name    string
		role    access.Role
		session string
		ok      bool
	}{
		{"role", role, "s", true},
		{"user", access.Role{ARN: "arn:aws:iam::123456789012:user/u", ID: "AIDA"}, "s", false},
		{"no account", access.Role{ARN: "arn:aws:iam:::role/r", ID: "AROA"}, "s", false},
		{"no name", access.Role{ARN: "arn:aws:iam::123456789012:role/", ID: "AROA"}, "s", false},
		{"no id", access.Role{ARN: role.ARN}, "s", false},
		{"no session", role, "", false},
		{"not an ARN", access.Role{ARN: "r", ID: "AROA"}, "s", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := s.Issue(tt.role, tt.session, now); (err == nil) != tt.ok {
				t.Errorf("Issue: %v, want ok %v", err, tt.ok)
			}
		})
	}
}

func TestDevelopmentAuthentication(t *testing.T) {
	s := mustSessions(t, 1)
	c := mustIssue(t, s)
	tests := []struct {
		name   string
		keys   *sigv4.Keys // nil: unsigned
		region string
		now    time.Time
		want   access.Identity
		code   string
	}{
		{
			"any key", &sigv4.Keys{AccessKeyID: "test"}, "eu-west-1", now,
			access.Identity{Principal: access.Root("000000000000"), AccessKeyID: "test", Region: "eu-west-1", Service: "sts"},
			"",
		},
		{
			"key is an account", &sigv4.Keys{AccessKeyID: "123456789012"}, "us-east-1", now,
			access.Identity{Principal: access.Root("123456789012"), AccessKeyID: "123456789012", Region: "us-east-1", Service: "sts"},
			"",
		},
		{
			"13 digits are no account", &sigv4.Keys{AccessKeyID: "1234567890123"}, "us-east-1", now,
			access.Identity{Principal: access.Root("000000000000"), AccessKeyID: "1234567890123", Region: "us-east-1", Service: "sts"},
			"",
		},
		{
			"global region", &sigv4.Keys{AccessKeyID: "AKIA"}, "aws-global", now,
			access.Identity{Principal: access.Root("000000000000"), AccessKeyID: "AKIA", Region: "us-east-1", Service: "sts"},
			"",
		},
		{
			"a region of one's own", &sigv4.Keys{AccessKeyID: "AKIA"}, "Local_1", now,
			access.Identity{Principal: access.Root("000000000000"), AccessKeyID: "AKIA", Region: "Local_1", Service: "sts"},
			"",
		},
		{"no region's characters", &sigv4.Keys{AccessKeyID: "AKIA"}, "eu:west", now, access.Identity{}, "InvalidSignatureException"},
		{"control characters", &sigv4.Keys{AccessKeyID: "AKIA"}, "eu\x01", now, access.Identity{}, "InvalidSignatureException"},
		{"a long region", &sigv4.Keys{AccessKeyID: "AKIA"}, strings.Repeat("r", 65), now, access.Identity{}, "InvalidSignatureException"},
		{
			"unsigned", nil, "", now,
			access.Identity{Principal: access.Root("000000000000"), Region: "us-east-1"},
			"",
		},
		{
			"our session", &sigv4.Keys{AccessKeyID: c.AccessKeyID, SessionToken: c.SessionToken}, "us-east-1", now,
			access.Identity{Principal: access.Principal{
				ARN:     "arn:aws:sts::123456789012:assumed-role/Deployer/ci-42",
				Account: "123456789012", UserID: "AROAABCDEFGHIJKLMNOPQ:ci-42",
			}, AccessKeyID: c.AccessKeyID, Region: "us-east-1", Service: "sts"},
			"",
		},
		{
			"our session, expired", &sigv4.Keys{AccessKeyID: c.AccessKeyID, SessionToken: c.SessionToken}, "us-east-1", now.Add(2 * time.Hour),
			access.Identity{},
			"ExpiredTokenException",
		},
		{
			"our session, altered", &sigv4.Keys{AccessKeyID: c.AccessKeyID, SessionToken: c.SessionToken + "x"}, "us-east-1", now,
			access.Identity{},
			"UnrecognizedClientException",
		},
		{
			"a session of AWS", &sigv4.Keys{AccessKeyID: "ASIAIOSFODNN7EXAMPLE", SessionToken: "IQoJb3JpZ2luX2VjE"}, "us-east-1", now,
			access.Identity{Principal: access.Root("000000000000"), AccessKeyID: "ASIAIOSFODNN7EXAMPLE", Region: "us-east-1", Service: "sts"},
			"",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost:4566/", nil)
			if tt.keys != nil {
				sigv4.Sign(r, *tt.keys, tt.region, "sts", sigv4.EmptySHA256, now)
			}
			sig, err := access.Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := access.Development{Sessions: s}.Authenticate(r, sig, tt.now)
			if got != tt.want || code(err) != tt.code {
				t.Errorf("Authenticate = %+v, %v\nwant %+v, %q", got, err, tt.want, tt.code)
			}
		})
	}
}

func TestParseGivesAccessErrors(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost:4566/", nil)
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x")
	if _, err := access.Parse(r); code(err) != "IncompleteSignatureException" {
		t.Errorf("Parse: %v", err)
	}
}

// FuzzResolve: no token that Gust did not issue resolves, and none ends in a panic.
func FuzzResolve(f *testing.F) {
	// Fuzzing runs in several processes, which must agree on the one good token.
	s, err := access.NewSessions(make([]byte, access.SessionKeySize), ids.Source{Random: strings.NewReader(strings.Repeat("a", 64))})
	if err != nil {
		f.Fatal(err)
	}
	c, err := s.Issue(role, "s", now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(c.AccessKeyID, c.SessionToken)
	f.Add("ASIA", "GUST1.e30.AA")
	f.Fuzz(func(t *testing.T, key, token string) {
		p, err := s.Resolve(key, token, now.Add(-time.Hour))
		if err == nil && (key != c.AccessKeyID || p.UserID != role.ID+":s") {
			t.Errorf("resolved %q to %+v", token, p)
		}
	})
}

// code returns the code of an *access.Error, "" for nil.
func code(err error) string {
	var e *access.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	}
	return "not an access error: " + err.Error()
}

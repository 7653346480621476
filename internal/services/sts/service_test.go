// SPDX-License-Identifier: Apache-2.0

package sts

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/access"
	iamapi "github.com/gustcloud/gust/internal/awsapi/iam"
	api "github.com/gustcloud/gust/internal/awsapi/sts"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/services/iam"
	"github.com/gustcloud/gust/internal/store/storetest"
	"github.com/gustcloud/gust/internal/wire/wiretest"
)

// roles is an IAM with one role, or one that fails.
type roles struct {
	iamapi.API
	account string // where it was asked
	err     error
}

func (r *roles) GetRole(ctx context.Context, in *iamapi.GetRoleRequest) (*iamapi.GetRoleResponse, error) {
	r.account = reqctx.From(ctx).Account
	switch {
	case r.err != nil:
		return nil, r.err
	case in.RoleName != "known":
		return nil, &iamapi.NoSuchEntityException{}
	}
	return &iamapi.GetRoleResponse{Role: &iamapi.Role{
		RoleId: "AROAKNOWNKNOWNKNOWN12", Arn: "arn:aws:iam::210987654321:role/p/known", MaxSessionDuration: new(int32(7200)),
	}}, nil
}

func newService(t *testing.T) (*Service, *roles) {
	t.Helper()
	sessions, err := access.NewSessions(bytes.Repeat([]byte{1}, access.SessionKeySize), ids.System())
	if err != nil {
		t.Fatal(err)
	}
	iam := &roles{}
	checked := iamapi.Client{Caller: wiretest.NewCaller(iamapi.Bind(iam))}
	return New(Deps{Sessions: sessions, IAM: checked, Clock: clock.System{}}), iam
}

func scoped(ctx context.Context) context.Context {
	return reqctx.With(ctx, reqctx.Request{
		Scope: reqctx.Scope{Account: "123456789012", Region: "eu-central-1"}, PrincipalARN: "arn:aws:iam::123456789012:root", UserID: "123456789012",
	})
}

func TestGetCallerIdentity(t *testing.T) {
	s, _ := newService(t)
	out, err := s.GetCallerIdentity(scoped(t.Context()), &api.GetCallerIdentityRequest{})
	if err != nil || *out.Account != "123456789012" || *out.Arn != "arn:aws:iam::123456789012:root" || *out.UserId != "123456789012" {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestAssumeRole(t *testing.T) {
	const tooLong = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
	for _, c := range []struct {
		name, role string
		seconds    int32 // 0: absent
		want       string
		id, arn    string
		lasts      time.Duration
	}{
		{
			name: "known", role: "arn:aws:iam::210987654321:role/p/known", id: "AROAKNOWNKNOWNKNOWN12",
			arn: "arn:aws:sts::210987654321:assumed-role/known/me", lasts: time.Hour,
		},
		{
			name: "longest", role: "arn:aws:iam::210987654321:role/p/known", seconds: 7200, id: "AROAKNOWNKNOWNKNOWN12",
			arn: "arn:aws:sts::210987654321:assumed-role/known/me", lasts: 2 * time.Hour,
		},
		{name: "too long", role: "arn:aws:iam::210987654321:role/p/known", seconds: 7201, want: tooLong},
		{
			name: "another path is another role", role: "arn:aws:iam::210987654321:role/known", seconds: 43200,
			arn: "arn:aws:sts::210987654321:assumed-role/known/me", lasts: 12 * time.Hour,
		},
		{name: "unknown", role: "arn:aws:iam::210987654321:role/a/b/unknown", arn: "arn:aws:sts::210987654321:assumed-role/unknown/me", lasts: time.Hour},
		{
			name: "a name that no role can have", role: "arn:aws:iam::210987654321:role/a b",
			arn: "arn:aws:sts::210987654321:assumed-role/a b/me", lasts: time.Hour,
		},
		{name: "a user", role: "arn:aws:iam::210987654321:user/known", want: "arn:aws:iam::210987654321:user/known is invalid"},
		{name: "no ARN", role: "aaaaaaaaaaaaaaaaaaaaaaaa", want: "aaaaaaaaaaaaaaaaaaaaaaaa is invalid"},
		{name: "another service", role: "arn:aws:s3::210987654321:role/known", want: "arn:aws:s3::210987654321:role/known is invalid"},
		{name: "no name", role: "arn:aws:iam::210987654321:role/", want: "arn:aws:iam::210987654321:role/ is invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, iam := newService(t)
			in := &api.AssumeRoleRequest{RoleArn: c.role, RoleSessionName: "me"}
			if c.seconds > 0 {
				in.DurationSeconds = &c.seconds
			}
			before := s.Clock.Now()
			out, err := s.AssumeRole(scoped(t.Context()), in)
			var refused *api.ValidationError
			if c.want != "" {
				if !errors.As(err, &refused) || refused.Message != c.want {
					t.Errorf("error %v, want %s", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if iam.account != "210987654321" && !strings.Contains(c.role, " ") {
				t.Errorf("IAM was asked in account %s", iam.account)
			}
			id, session, _ := strings.Cut(out.AssumedRoleUser.AssumedRoleId, ":")
			if session != "me" || len(id) != 21 || !strings.HasPrefix(id, "AROA") || c.id != "" && id != c.id || out.AssumedRoleUser.Arn != c.arn {
				t.Errorf("user %+v", out.AssumedRoleUser)
			}
			if d := out.Credentials.Expiration.Sub(before); d < c.lasts-time.Second || d > c.lasts+time.Minute {
				t.Errorf("lasts %v, want %v", d, c.lasts)
			}
			p, err := s.Sessions.Resolve(out.Credentials.AccessKeyId, out.Credentials.SessionToken, before)
			if err != nil || p.ARN != c.arn || p.Account != "210987654321" {
				t.Errorf("the credentials are of %+v, %v", p, err)
			}
		})
	}
}

func TestChainedSessionsLastAnHour(t *testing.T) {
	s, _ := newService(t)
	r := reqctx.From(scoped(t.Context()))
	r.PrincipalARN = "arn:aws:sts::123456789012:assumed-role/first/me"
	ctx := reqctx.With(t.Context(), r)
	for _, c := range []struct {
		seconds int32
		want    string
	}{
		{3600, ""},
		{3601, "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"},
	} {
		_, err := s.AssumeRole(ctx, &api.AssumeRoleRequest{
			RoleArn: "arn:aws:iam::210987654321:role/p/known", RoleSessionName: "me", DurationSeconds: &c.seconds,
		})
		var refused *api.ValidationError
		if (c.want == "") != (err == nil) || err != nil && (!errors.As(err, &refused) || refused.Message != c.want) {
			t.Errorf("%d s: %v, want %q", c.seconds, err, c.want)
		}
	}
}

func TestRoleIDIsStable(t *testing.T) {
	s, _ := newService(t)
	var ids []string
	for _, role := range []string{"arn:aws:iam::210987654321:role/a", "arn:aws:iam::210987654321:role/a", "arn:aws:iam::210987654321:role/b"} {
		out, err := s.AssumeRole(scoped(t.Context()), &api.AssumeRoleRequest{RoleArn: role, RoleSessionName: "me"})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, out.AssumedRoleUser.AssumedRoleId)
	}
	if ids[0] != ids[1] || ids[0] == ids[2] {
		t.Errorf("ids %v", ids)
	}
}

func TestSessionPoliciesAreRefused(t *testing.T) {
	s, _ := newService(t)
	var refused *api.ValidationError
	_, err := s.AssumeRole(scoped(t.Context()), &api.AssumeRoleRequest{RoleArn: "arn:aws:iam::210987654321:role/a", RoleSessionName: "me", Policy: new("{}")})
	if !errors.As(err, &refused) || !strings.Contains(refused.Message, "session policies") {
		t.Errorf("error %v", err)
	}
}

func TestFunctionCredentials(t *testing.T) {
	s, iam := newService(t)
	c, err := s.FunctionCredentials(t.Context(), "arn:aws:iam::210987654321:role/p/known", "f")
	if err != nil {
		t.Fatal(err)
	}
	if p, err := s.Sessions.Resolve(c.AccessKeyID, c.SessionToken, s.Clock.Now().Add(11*time.Hour)); err != nil || p.ARN != "arn:aws:sts::210987654321:assumed-role/known/f" {
		t.Errorf("%+v, %v", p, err)
	}
	iam.err = errors.New("down")
	if _, err := s.FunctionCredentials(t.Context(), "arn:aws:iam::210987654321:role/p/known", "f"); !errors.Is(err, iam.err) {
		t.Errorf("IAM is down: %v", err)
	}
	if _, err := s.FunctionCredentials(t.Context(), "x", "f"); err == nil {
		t.Error("credentials of no role")
	}
}

// TestAssumeRoleOfARealRole runs both services behind callers that overwrite inputs: neither keeps what it was lent.
func TestAssumeRoleOfARealRole(t *testing.T) {
	s, _ := newService(t)
	roles := iam.New(iam.Deps{Store: storetest.New(t), Clock: clock.System{}, IDs: ids.System(), Log: slog.New(slog.DiscardHandler)})
	caller := wiretest.NewCaller(iamapi.Bind(roles), api.Bind(s))
	s.IAM = iamapi.Client{Caller: caller}
	ctx := scoped(t.Context())
	const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}`
	made, err := s.IAM.CreateRole(ctx, &iamapi.CreateRoleRequest{
		RoleName: "builder", AssumeRolePolicyDocument: trust, Description: new("builds"), Path: new("/team/"),
		Tags: []iamapi.Tag{{Key: "team", Value: "blue"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.IAM.GetRole(ctx, &iamapi.GetRoleRequest{RoleName: "builder"})
	if err != nil || *found.Role.Description != "builds" || found.Role.Arn != "arn:aws:iam::123456789012:role/team/builder" ||
		found.Role.Tags[0].Value != "blue" {
		t.Errorf("%+v, %v", found, err)
	}
	out, err := api.Client{Caller: caller}.AssumeRole(ctx, &api.AssumeRoleRequest{RoleArn: made.Role.Arn, RoleSessionName: "me"})
	if err != nil || out.AssumedRoleUser.AssumedRoleId != made.Role.RoleId+":me" {
		t.Fatalf("%+v, %v", out, err)
	}
	p, err := s.Sessions.Resolve(out.Credentials.AccessKeyId, out.Credentials.SessionToken, s.Clock.Now())
	if err != nil || p.ARN != "arn:aws:sts::123456789012:assumed-role/builder/me" {
		t.Errorf("%+v, %v", p, err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package sts

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gustcloud/gust/internal/access"
	iamapi "github.com/gustcloud/gust/internal/awsapi/iam"
	api "github.com/gustcloud/gust/internal/awsapi/sts"
	"github.com/gustcloud/gust/internal/base/arn"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/wire"
)

// GetCallerIdentity tells the caller who it is.
//
// Source: "GetCallerIdentity", AWS STS API reference, read 2026-11.
func (s *Service) GetCallerIdentity(ctx context.Context, _ *api.GetCallerIdentityRequest) (*api.GetCallerIdentityResponse, error) {
	r := reqctx.From(ctx)
	return &api.GetCallerIdentityResponse{UserId: &r.UserID, Account: &r.Account, Arn: &r.PrincipalARN}, nil
}

// AssumeRole returns temporary credentials; later calls with them resolve to the role's session. The trust policy is not
// evaluated in development mode.
//
// Limits: DurationSeconds 900 s..MaxSessionDuration of the role, default 3,600; at most 3,600 when the caller is a role's
// session itself.
// Errors: ValidationError.
// Source: "AssumeRole", AWS STS API reference, read 2026-11.
func (s *Service) AssumeRole(ctx context.Context, in *api.AssumeRoleRequest) (*api.AssumeRoleResponse, error) {
	if in.Policy != nil || len(in.PolicyArns) > 0 {
		return nil, &api.ValidationError{Message: "Gust does not support session policies (Policy, PolicyArns) yet."}
	}
	a, err := arn.Parse(in.RoleArn)
	if err != nil || a.Service != "iam" || !strings.HasPrefix(a.Resource, "role/") {
		return nil, &api.ValidationError{Message: in.RoleArn + " is invalid"} // text known from public reports
	}
	duration := defaultDuration
	if in.DurationSeconds != nil {
		duration = time.Duration(*in.DurationSeconds) * time.Second
	}
	role, longest, err := s.roleOf(ctx, in.RoleArn)
	if err != nil {
		return nil, err
	}
	if duration > longest { // text known from public reports
		return nil, &api.ValidationError{Message: "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."}
	}
	if duration > maxChained && strings.Contains(reqctx.From(ctx).PrincipalARN, ":assumed-role/") { // text known from public reports
		return nil, &api.ValidationError{
			Message: "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
		}
	}
	c, err := s.Sessions.Issue(role, in.RoleSessionName, s.Clock.Now().Add(duration))
	if err != nil {
		return nil, &api.ValidationError{Message: in.RoleArn + " is invalid"}
	}
	name := a.Resource[strings.LastIndexByte(a.Resource, '/')+1:]
	return &api.AssumeRoleResponse{
		Credentials: &api.Credentials{
			AccessKeyId: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken, Expiration: c.Expires,
		},
		AssumedRoleUser: &api.AssumedRoleUser{
			AssumedRoleId: role.ID + ":" + in.RoleSessionName,
			Arn:           arn.Make("sts", "", a.Account, "assumed-role/"+name+"/"+in.RoleSessionName),
		},
		SourceIdentity: in.SourceIdentity,
	}, nil
}

// FunctionCredentials returns credentials of a function's execution role, for its environments.
func (s *Service) FunctionCredentials(ctx context.Context, roleARN, session string) (access.Credentials, error) {
	role, _, err := s.roleOf(ctx, roleARN)
	if err != nil {
		return access.Credentials{}, err
	}
	return s.Sessions.Issue(role, session, s.Clock.Now().Add(functionDuration))
}

// roleOf finds a role's id and how long its sessions may last. A role that IAM does not have is taken as it is named
// (development mode): its id is made from its ARN, so that it is the same each time.
func (s *Service) roleOf(ctx context.Context, roleARN string) (role access.Role, longest time.Duration, err error) {
	a, err := arn.Parse(roleARN)
	if err != nil {
		return access.Role{}, 0, fmt.Errorf("role %q: %w", roleARN, err)
	}
	r := reqctx.From(ctx)
	r.Account = a.Account
	out, err := s.IAM.GetRole(reqctx.With(ctx, r), &iamapi.GetRoleRequest{RoleName: a.Resource[strings.LastIndexByte(a.Resource, '/')+1:]})
	var absent *iamapi.NoSuchEntityException
	var invalid *wire.ValidationError // no role can have that name
	switch {
	case errors.As(err, &absent), errors.As(err, &invalid), err == nil && out.Role.Arn != roleARN: // another path is another role
		sum := sha256.Sum256([]byte(roleARN))
		id := "AROA" + base32.StdEncoding.EncodeToString(sum[:])[:17]
		return access.Role{ARN: strings.Clone(roleARN), ID: id}, maxDuration, nil
	case err != nil:
		return access.Role{}, 0, fmt.Errorf("role %q: %w", roleARN, err)
	}
	longest = defaultDuration
	if out.Role.MaxSessionDuration != nil {
		longest = time.Duration(*out.Role.MaxSessionDuration) * time.Second
	}
	return access.Role{ARN: strings.Clone(roleARN), ID: out.Role.RoleId}, longest, nil
}

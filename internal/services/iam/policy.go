// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"
	"fmt"
	"slices"
	"strings"

	api "github.com/gustcloud/gust/internal/awsapi/iam"
	"github.com/gustcloud/gust/internal/base/arn"
)

// PutRolePolicy stores an inline policy of a role.
//
// Limits: 10,240 characters of all inline policies of the role.
// Errors: NoSuchEntity, MalformedPolicyDocument, LimitExceeded.
// Source: "PutRolePolicy", IAM API reference, read 2026-11.
func (s *Service) PutRolePolicy(ctx context.Context, in *api.PutRolePolicyRequest) (*api.PutRolePolicyOutput, error) {
	if err := checkDocument(in.PolicyDocument); err != nil {
		return nil, err
	}
	return &api.PutRolePolicyOutput{}, s.change(ctx, in.RoleName, func(r *role) error {
		if r.Inline == nil {
			r.Inline = map[string]string{}
		}
		r.Inline[strings.Clone(in.PolicyName)] = strings.Clone(in.PolicyDocument)
		total := 0
		for _, document := range r.Inline {
			total += size(document)
		}
		if total > maxInlinePolicy {
			return &api.LimitExceededException{Message: fmt.Sprintf("Maximum policy size of %d bytes exceeded for role %s", maxInlinePolicy, r.Name)}
		}
		return nil
	})
}

// GetRolePolicy returns an inline policy of a role.
//
// Errors: NoSuchEntity.
// Source: "GetRolePolicy", IAM API reference, read 2026-11.
func (s *Service) GetRolePolicy(ctx context.Context, in *api.GetRolePolicyRequest) (*api.GetRolePolicyResponse, error) {
	r, err := s.role(ctx, in.RoleName)
	if err != nil {
		return nil, err
	}
	document, ok := r.Inline[in.PolicyName]
	if !ok {
		return nil, noRolePolicy(in.PolicyName)
	}
	return &api.GetRolePolicyResponse{RoleName: r.Name, PolicyName: in.PolicyName, PolicyDocument: encodeDocument(document)}, nil
}

func noRolePolicy(name string) error {
	return &api.NoSuchEntityException{Message: "The role policy with name " + name + " cannot be found."}
}

// DeleteRolePolicy removes an inline policy of a role.
//
// Errors: NoSuchEntity.
// Source: "DeleteRolePolicy", IAM API reference, read 2026-11.
func (s *Service) DeleteRolePolicy(ctx context.Context, in *api.DeleteRolePolicyRequest) (*api.DeleteRolePolicyOutput, error) {
	return &api.DeleteRolePolicyOutput{}, s.change(ctx, in.RoleName, func(r *role) error {
		if _, ok := r.Inline[in.PolicyName]; !ok {
			return noRolePolicy(in.PolicyName)
		}
		delete(r.Inline, in.PolicyName)
		return nil
	})
}

// ListRolePolicies returns the names of the inline policies of a role.
//
// Limits: MaxItems 1..1,000, default 100.
// Errors: NoSuchEntity, InvalidInput.
// Source: "ListRolePolicies", IAM API reference, read 2026-11.
func (s *Service) ListRolePolicies(ctx context.Context, in *api.ListRolePoliciesRequest) (*api.ListRolePoliciesResponse, error) {
	r, err := s.role(ctx, in.RoleName)
	if err != nil {
		return nil, err
	}
	cut, truncated, next, err := page(sortedKeys(r.Inline), func(name string) string { return name }, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &api.ListRolePoliciesResponse{PolicyNames: cut, IsTruncated: &truncated, Marker: next}, nil
}

// AttachRolePolicy attaches a managed policy; attaching it again changes nothing. Every policy of AWS is taken to exist,
// none of the account's own does, as policies cannot be created yet.
//
// Limits: 10 policies a role.
// Errors: NoSuchEntity, LimitExceeded, InvalidInput.
// Source: "AttachRolePolicy", IAM API reference, read 2026-11.
func (s *Service) AttachRolePolicy(ctx context.Context, in *api.AttachRolePolicyRequest) (*api.AttachRolePolicyOutput, error) {
	a, err := arn.Parse(in.PolicyArn)
	if err != nil || !strings.HasPrefix(a.Resource, "policy/") {
		return nil, &api.InvalidInputException{Message: "ARN " + in.PolicyArn + " is not valid."}
	}
	if a.Account != "aws" {
		return nil, &api.NoSuchEntityException{Message: "Policy " + in.PolicyArn + " does not exist or is not attachable."}
	}
	return &api.AttachRolePolicyOutput{}, s.change(ctx, in.RoleName, func(r *role) error {
		switch {
		case slices.Contains(r.Attached, in.PolicyArn):
			return nil
		case len(r.Attached) == maxAttached:
			return &api.LimitExceededException{Message: fmt.Sprintf("Cannot exceed quota for PoliciesPerRole: %d", maxAttached)}
		}
		r.Attached = append(r.Attached, strings.Clone(in.PolicyArn))
		return nil
	})
}

// DetachRolePolicy detaches a managed policy.
//
// Errors: NoSuchEntity.
// Source: "DetachRolePolicy", IAM API reference, read 2026-11.
func (s *Service) DetachRolePolicy(ctx context.Context, in *api.DetachRolePolicyRequest) (*api.DetachRolePolicyOutput, error) {
	return &api.DetachRolePolicyOutput{}, s.change(ctx, in.RoleName, func(r *role) error {
		i := slices.Index(r.Attached, in.PolicyArn)
		if i < 0 {
			return &api.NoSuchEntityException{Message: "Policy " + in.PolicyArn + " was not found."}
		}
		r.Attached = slices.Delete(r.Attached, i, i+1)
		return nil
	})
}

// ListAttachedRolePolicies returns the managed policies of a role below a path, sorted by name.
//
// Limits: MaxItems 1..1,000, default 100.
// Errors: NoSuchEntity, InvalidInput.
// Source: "ListAttachedRolePolicies", IAM API reference, read 2026-11.
func (s *Service) ListAttachedRolePolicies(ctx context.Context, in *api.ListAttachedRolePoliciesRequest) (*api.ListAttachedRolePoliciesResponse, error) {
	r, err := s.role(ctx, in.RoleName)
	if err != nil {
		return nil, err
	}
	prefix := "policy" + clone(in.PathPrefix, "/")
	all := []api.AttachedPolicy{}
	for _, text := range r.Attached {
		a, err := arn.Parse(text)
		if err != nil || !strings.HasPrefix(a.Resource, prefix) {
			continue
		}
		name := a.Resource[strings.LastIndexByte(a.Resource, '/')+1:]
		all = append(all, api.AttachedPolicy{PolicyName: &name, PolicyArn: &text})
	}
	name := func(p api.AttachedPolicy) string { return *p.PolicyName }
	slices.SortFunc(all, func(a, b api.AttachedPolicy) int { return strings.Compare(name(a), name(b)) })
	cut, truncated, next, err := page(all, name, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &api.ListAttachedRolePoliciesResponse{AttachedPolicies: cut, IsTruncated: &truncated, Marker: next}, nil
}

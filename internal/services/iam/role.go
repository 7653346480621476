// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	api "github.com/gustcloud/gust/internal/awsapi/iam"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/store"
)

func account(ctx context.Context) string { return reqctx.From(ctx).Account }

// Texts of this file are known from public reports of AWS's answers.
func noRole(name string) error {
	return &api.NoSuchEntityException{Message: "The role with name " + name + " cannot be found."}
}

// CreateRole stores a role.
//
// Limits: name 64 characters; trust policy 2,048 characters; 50 tags; MaxSessionDuration 3,600..43,200 s.
// Errors: EntityAlreadyExists, MalformedPolicyDocument, LimitExceeded, InvalidInput.
// Source: "CreateRole", IAM API reference, read 2026-11.
func (s *Service) CreateRole(ctx context.Context, in *api.CreateRoleRequest) (*api.CreateRoleResponse, error) {
	if err := checkTrust(in.AssumeRolePolicyDocument); err != nil {
		return nil, err
	}
	r := role{
		Name: strings.Clone(in.RoleName), ID: s.IDs.Unique("AROA", 17), Path: clone(in.Path, "/"), Created: s.Clock.Now().UTC(),
		TrustPolicy: strings.Clone(in.AssumeRolePolicyDocument), Description: clone(in.Description, ""), MaxSession: defaultSession,
		Boundary: clone(in.PermissionsBoundary, ""),
	}
	if in.MaxSessionDuration != nil {
		r.MaxSession = *in.MaxSessionDuration
	}
	if err := r.Tags.add(in.Tags, "TagsPerRole"); err != nil {
		return nil, err
	}
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		key := roleKey(account(ctx), r.Name)
		_, found, err := roles.Get(tx, key)
		if err != nil {
			return err
		}
		if found {
			return &api.EntityAlreadyExistsException{Message: "Role with name " + r.Name + " already exists."}
		}
		return put(tx, key, &r)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateRoleResponse{Role: r.shown(account(ctx))}, nil
}

func checkTrust(document string) error {
	if size(document) > maxTrustPolicy {
		return &api.LimitExceededException{Message: fmt.Sprintf("Cannot exceed quota for ACLSizePerRole: %d", maxTrustPolicy)}
	}
	return checkDocument(document)
}

// shown is how the API shows a role.
func (r *role) shown(account string) *api.Role {
	out := &api.Role{
		Path: r.Path, RoleName: r.Name, RoleId: r.ID, Arn: r.arn(account), CreateDate: r.Created,
		AssumeRolePolicyDocument: new(encodeDocument(r.TrustPolicy)), MaxSessionDuration: &r.MaxSession,
		Tags: r.Tags.list(), RoleLastUsed: &api.RoleLastUsed{},
	}
	if r.Description != "" {
		out.Description = &r.Description
	}
	if r.Boundary != "" {
		out.PermissionsBoundary = &api.AttachedPermissionsBoundary{
			PermissionsBoundaryType: new("Policy"), PermissionsBoundaryArn: &r.Boundary,
		}
	}
	return out
}

// GetRole returns a role.
//
// Errors: NoSuchEntity.
// Source: "GetRole", IAM API reference, read 2026-11.
func (s *Service) GetRole(ctx context.Context, in *api.GetRoleRequest) (*api.GetRoleResponse, error) {
	r, err := s.role(ctx, in.RoleName)
	if err != nil {
		return nil, err
	}
	return &api.GetRoleResponse{Role: r.shown(account(ctx))}, nil
}

// role reads one role, or NoSuchEntity.
func (s *Service) role(ctx context.Context, name string) (*role, error) {
	var r role
	err := s.Store.View(ctx, func(rd store.Reader) error {
		var found bool
		var err error
		if r, found, err = roles.Get(rd, roleKey(account(ctx), name)); err == nil && !found {
			err = noRole(name)
		}
		return err
	})
	return &r, err
}

// change rewrites one role in a transaction.
func (s *Service) change(ctx context.Context, name string, fn func(*role) error) error {
	return s.Store.Update(ctx, func(tx store.Tx) error {
		key := roleKey(account(ctx), name)
		r, found, err := roles.Get(tx, key)
		if err != nil {
			return err
		}
		if !found {
			return noRole(name)
		}
		if err := fn(&r); err != nil {
			return err
		}
		return put(tx, key, &r)
	})
}

// ListRoles returns the roles below a path, in the order of their names.
//
// Limits: MaxItems 1..1,000, default 100.
// Errors: InvalidInput.
// Source: "ListRoles", IAM API reference, read 2026-11.
func (s *Service) ListRoles(ctx context.Context, in *api.ListRolesRequest) (*api.ListRolesResponse, error) {
	prefix := clone(in.PathPrefix, "/")
	var all []api.Role
	err := s.Store.View(ctx, func(rd store.Reader) error {
		all = nil
		for e, err := range roles.Scan(rd, roleRange(account(ctx)), store.ScanOptions{}) {
			if err != nil {
				return err
			}
			if strings.HasPrefix(e.Value.Path, prefix) {
				shown := e.Value.shown(account(ctx))
				shown.Tags, shown.PermissionsBoundary, shown.RoleLastUsed = nil, nil, nil // AWS leaves them out of lists
				all = append(all, *shown)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	cut, truncated, next, err := page(all, func(r api.Role) string { return folded(r.RoleName) }, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &api.ListRolesResponse{Roles: cut, IsTruncated: &truncated, Marker: next}, nil
}

// DeleteRole removes a role that has no policies.
//
// Errors: NoSuchEntity, DeleteConflict.
// Source: "DeleteRole", IAM API reference, read 2026-11.
func (s *Service) DeleteRole(ctx context.Context, in *api.DeleteRoleRequest) (*api.DeleteRoleOutput, error) {
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		key := roleKey(account(ctx), in.RoleName)
		r, found, err := roles.Get(tx, key)
		switch {
		case err != nil:
			return err
		case !found:
			return noRole(in.RoleName)
		case len(r.Attached) > 0:
			return &api.DeleteConflictException{Message: "Cannot delete entity, must detach all policies first."}
		case len(r.Inline) > 0:
			return &api.DeleteConflictException{Message: "Cannot delete entity, must delete policies first."}
		}
		tx.Delete(key)
		return nil
	})
	return &api.DeleteRoleOutput{}, err
}

// UpdateAssumeRolePolicy replaces the trust policy of a role.
//
// Limits: 2,048 characters.
// Errors: NoSuchEntity, MalformedPolicyDocument, LimitExceeded.
// Source: "UpdateAssumeRolePolicy", IAM API reference, read 2026-11.
func (s *Service) UpdateAssumeRolePolicy(ctx context.Context, in *api.UpdateAssumeRolePolicyRequest) (*api.UpdateAssumeRolePolicyOutput, error) {
	if err := checkTrust(in.PolicyDocument); err != nil {
		return nil, err
	}
	return &api.UpdateAssumeRolePolicyOutput{}, s.change(ctx, in.RoleName, func(r *role) error {
		r.TrustPolicy = strings.Clone(in.PolicyDocument)
		return nil
	})
}

// ListInstanceProfilesForRole answers that there are none: Terraform asks before it deletes a role.
//
// Errors: NoSuchEntity.
// Source: "ListInstanceProfilesForRole", IAM API reference, read 2026-11.
func (s *Service) ListInstanceProfilesForRole(ctx context.Context, in *api.ListInstanceProfilesForRoleRequest) (*api.ListInstanceProfilesForRoleResponse, error) {
	if _, err := s.role(ctx, in.RoleName); err != nil {
		return nil, err
	}
	return &api.ListInstanceProfilesForRoleResponse{InstanceProfiles: []api.InstanceProfile{}, IsTruncated: new(false)}, nil
}

func clone(p *string, otherwise string) string {
	if p == nil {
		return otherwise
	}
	return strings.Clone(*p)
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

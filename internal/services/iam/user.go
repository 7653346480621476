// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"
	"strings"

	"github.com/gustcloud/gust/internal/access"
	api "github.com/gustcloud/gust/internal/awsapi/iam"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/store"
)

// The texts of this file without another source are known from public reports of AWS's answers.
func noUser(name string) error {
	return &api.NoSuchEntityException{Message: "The user with name " + name + " cannot be found."}
}

// CreateUser stores a user. It has no access keys yet.
//
// Limits: name 64 characters; 50 tags.
// Errors: EntityAlreadyExists, LimitExceeded, InvalidInput.
// Source: "CreateUser", IAM API reference, read 2026-11.
func (s *Service) CreateUser(ctx context.Context, in *api.CreateUserRequest) (*api.CreateUserResponse, error) {
	u := user{
		Name: strings.Clone(in.UserName), ID: s.IDs.Unique("AIDA", 17), Path: clone(in.Path, "/"), Created: s.Clock.Now().UTC(),
		Boundary: clone(in.PermissionsBoundary, ""),
	}
	if err := u.Tags.add(in.Tags, "TagsPerUser"); err != nil {
		return nil, err
	}
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		key := userKey(account(ctx), u.Name)
		_, found, err := users.Get(tx, key)
		if err != nil {
			return err
		}
		if found { // source of the text: ucopacme/aws-orgs issue 12, 2018-11-26
			return &api.EntityAlreadyExistsException{Message: "User with name " + u.Name + " already exists."}
		}
		return users.Put(tx, key, u)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateUserResponse{User: u.shown(account(ctx))}, nil
}

// shown is how the API shows a user.
func (u *user) shown(account string) *api.User {
	out := &api.User{
		Path: u.Path, UserName: u.Name, UserId: u.ID, Arn: u.arn(account), CreateDate: u.Created, Tags: u.Tags.list(),
	}
	if u.Boundary != "" {
		out.PermissionsBoundary = &api.AttachedPermissionsBoundary{
			PermissionsBoundaryType: new("Policy"), PermissionsBoundaryArn: &u.Boundary,
		}
	}
	return out
}

// GetUser returns a user, the caller when no name is given.
//
// Errors: NoSuchEntity, ValidationError.
// Source: "GetUser", IAM API reference, read 2026-11.
func (s *Service) GetUser(ctx context.Context, in *api.GetUserRequest) (*api.GetUserResponse, error) {
	name, err := nameOrCaller(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	if name == "" {
		root := access.Root(account(ctx))
		return &api.GetUserResponse{User: &api.User{Path: "/", UserId: root.UserID, Arn: root.ARN}}, nil
	}
	var u user
	err = s.Store.View(ctx, func(rd store.Reader) (err error) {
		u, err = findUser(ctx, rd, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &api.GetUserResponse{User: u.shown(account(ctx))}, nil
}

// findUser reads one user, or NoSuchEntity.
func findUser(ctx context.Context, rd store.Reader, name string) (user, error) {
	u, found, err := users.Get(rd, userKey(account(ctx), name))
	if err == nil && !found {
		err = noUser(name)
	}
	return u, err
}

// nameOrCaller is the user that a request is about: the one it names, else the one whose key signed it. It is "" for the
// root of the account.
//
// Errors: ValidationError for the session of a role, which is no user. The text is known from public reports.
func nameOrCaller(ctx context.Context, name *string) (string, error) {
	if name != nil {
		return strings.Clone(*name), nil
	}
	caller := reqctx.From(ctx).PrincipalARN
	if caller == access.Root(account(ctx)).ARN {
		return "", nil
	}
	path, ok := strings.CutPrefix(caller, "arn:aws:iam::"+account(ctx)+":user/")
	if !ok {
		return "", &api.ValidationError{Message: "Must specify userName when calling with non-User credentials"}
	}
	return path[strings.LastIndexByte(path, '/')+1:], nil
}

// ListUsers returns the users below a path, in the order of their names.
//
// Limits: MaxItems 1..1,000, default 100.
// Errors: InvalidInput.
// Source: "ListUsers", IAM API reference, read 2026-11.
func (s *Service) ListUsers(ctx context.Context, in *api.ListUsersRequest) (*api.ListUsersResponse, error) {
	prefix := clone(in.PathPrefix, "/")
	var all []api.User
	err := s.Store.View(ctx, func(rd store.Reader) error {
		all = nil
		for e, err := range users.Scan(rd, userRange(account(ctx)), store.ScanOptions{}) {
			if err != nil {
				return err
			}
			if strings.HasPrefix(e.Value.Path, prefix) {
				shown := e.Value.shown(account(ctx))
				shown.Tags, shown.PermissionsBoundary = nil, nil // AWS leaves them out of lists
				all = append(all, *shown)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	cut, truncated, next, err := page(all, func(u api.User) string { return folded(u.UserName) }, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &api.ListUsersResponse{Users: cut, IsTruncated: &truncated, Marker: next}, nil
}

// DeleteUser removes a user that has no access keys.
//
// Errors: NoSuchEntity, DeleteConflict.
// Source: "DeleteUser", IAM API reference, read 2026-11; the text: aws-controllers-k8s/community issue 2229, 2024-12-11.
func (s *Service) DeleteUser(ctx context.Context, in *api.DeleteUserRequest) (*api.DeleteUserOutput, error) {
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		u, err := findUser(ctx, tx, in.UserName)
		switch {
		case err != nil:
			return err
		case len(u.Keys) > 0:
			return &api.DeleteConflictException{Message: "Cannot delete entity, must delete access keys first."}
		}
		tx.Delete(userKey(account(ctx), in.UserName))
		return nil
	})
	return &api.DeleteUserOutput{}, err
}

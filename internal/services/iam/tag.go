// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"
	"fmt"
	"maps"
	"strings"

	api "github.com/gustcloud/gust/internal/awsapi/iam"
)

// tags are those of a role or user.
type tags map[string]string

// add adds tags or changes their values. quota names the limit in the error.
func (t *tags) add(more []api.Tag, quota string) error {
	if *t == nil && len(more) > 0 {
		*t = tags{}
	}
	seen := map[string]bool{}
	for _, m := range more {
		if seen[folded(m.Key)] { // text known from public reports
			return &api.InvalidInputException{Message: "Duplicate tag keys found. Please note that Tag keys are case insensitive."}
		}
		seen[folded(m.Key)] = true
		maps.DeleteFunc(*t, func(old, _ string) bool { return strings.EqualFold(old, m.Key) })
		(*t)[strings.Clone(m.Key)] = strings.Clone(m.Value)
	}
	if len(*t) > maxTags {
		return &api.LimitExceededException{Message: fmt.Sprintf("Cannot exceed quota for %s: %d", quota, maxTags)} // unverified
	}
	return nil
}

// list returns the tags sorted by key.
func (t tags) list() []api.Tag {
	var out []api.Tag
	for _, key := range sortedKeys(t) {
		out = append(out, api.Tag{Key: key, Value: t[key]})
	}
	return out
}

// TagRole adds tags to a role, or changes their values.
//
// Limits: 50 tags.
// Errors: NoSuchEntity, LimitExceeded, InvalidInput.
// Source: "TagRole", IAM API reference, read 2026-11.
func (s *Service) TagRole(ctx context.Context, in *api.TagRoleRequest) (*api.TagRoleOutput, error) {
	return &api.TagRoleOutput{}, s.change(ctx, in.RoleName, func(r *role) error { return r.Tags.add(in.Tags, "TagsPerRole") })
}

// UntagRole removes tags from a role; keys that it does not have are ignored.
//
// Errors: NoSuchEntity.
// Source: "UntagRole", IAM API reference, read 2026-11.
func (s *Service) UntagRole(ctx context.Context, in *api.UntagRoleRequest) (*api.UntagRoleOutput, error) {
	return &api.UntagRoleOutput{}, s.change(ctx, in.RoleName, func(r *role) error {
		for _, key := range in.TagKeys {
			maps.DeleteFunc(r.Tags, func(old, _ string) bool { return strings.EqualFold(old, key) })
		}
		return nil
	})
}

// ListRoleTags returns the tags of a role, sorted by key.
//
// Limits: MaxItems 1..1,000, default 100.
// Errors: NoSuchEntity, InvalidInput.
// Source: "ListRoleTags", IAM API reference, read 2026-11.
func (s *Service) ListRoleTags(ctx context.Context, in *api.ListRoleTagsRequest) (*api.ListRoleTagsResponse, error) {
	r, err := s.role(ctx, in.RoleName)
	if err != nil {
		return nil, err
	}
	cut, truncated, next, err := page(r.Tags.list(), func(t api.Tag) string { return t.Key }, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &api.ListRoleTagsResponse{Tags: cut, IsTruncated: &truncated, Marker: next}, nil
}

// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"
	"fmt"
	"maps"
	"strings"

	api "github.com/gustcloud/gust/internal/awsapi/iam"
)

// tag adds tags to the record or changes their values.
func (r *role) tag(tags []api.Tag) error {
	if r.Tags == nil && len(tags) > 0 {
		r.Tags = map[string]string{}
	}
	seen := map[string]bool{}
	for _, t := range tags {
		if seen[folded(t.Key)] { // text known from public reports
			return &api.InvalidInputException{Message: "Duplicate tag keys found. Please note that Tag keys are case insensitive."}
		}
		seen[folded(t.Key)] = true
		maps.DeleteFunc(r.Tags, func(old, _ string) bool { return strings.EqualFold(old, t.Key) })
		r.Tags[strings.Clone(t.Key)] = strings.Clone(t.Value)
	}
	if len(r.Tags) > maxTags {
		return &api.LimitExceededException{Message: fmt.Sprintf("Cannot exceed quota for TagsPerRole: %d", maxTags)} // unverified
	}
	return nil
}

// tags are the role's tags, sorted by key.
func (r *role) tags() []api.Tag {
	var out []api.Tag
	for _, key := range sortedKeys(r.Tags) {
		out = append(out, api.Tag{Key: key, Value: r.Tags[key]})
	}
	return out
}

// TagRole adds tags to a role, or changes their values.
//
// Limits: 50 tags.
// Errors: NoSuchEntity, LimitExceeded, InvalidInput.
// Source: "TagRole", IAM API reference, read 2026-11.
func (s *Service) TagRole(ctx context.Context, in *api.TagRoleRequest) (*api.TagRoleOutput, error) {
	return &api.TagRoleOutput{}, s.change(ctx, in.RoleName, func(r *role) error { return r.tag(in.Tags) })
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
	cut, truncated, next, err := page(r.tags(), func(t api.Tag) string { return t.Key }, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &api.ListRoleTagsResponse{Tags: cut, IsTruncated: &truncated, Marker: next}, nil
}

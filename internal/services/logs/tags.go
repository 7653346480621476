// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"fmt"
	"strings"

	api "github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/store"
)

// tag adds tags to the record or changes their values.
func (g *group) tag(tags map[string]string, resource string) error {
	if g.Tags == nil && len(tags) > 0 {
		g.Tags = map[string]string{}
	}
	for k, v := range tags {
		g.Tags[strings.Clone(k)] = strings.Clone(v)
	}
	if len(g.Tags) > maxTags { // unverified
		return &api.TooManyTagsException{Message: fmt.Sprintf("A resource can have at most %d tags.", maxTags), ResourceName: resource}
	}
	return nil
}

// TagResource adds tags to a log group, or changes their values.
//
// Limits: 50 tags.
// Errors: InvalidParameterException, ResourceNotFoundException, TooManyTagsException.
// Source: "TagResource", CloudWatch Logs API reference, read 2026-11.
func (s *Service) TagResource(ctx context.Context, in *api.TagResourceRequest) (*api.TagResourceOutput, error) {
	name, err := parseResource(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &api.TagResourceOutput{}, s.change(ctx, name, func(g *group) error { return g.tag(in.Tags, in.ResourceArn) })
}

// UntagResource removes tags from a log group; keys that it does not have are ignored.
//
// Errors: InvalidParameterException, ResourceNotFoundException.
// Source: "UntagResource", CloudWatch Logs API reference, read 2026-11.
func (s *Service) UntagResource(ctx context.Context, in *api.UntagResourceRequest) (*api.UntagResourceOutput, error) {
	name, err := parseResource(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &api.UntagResourceOutput{}, s.change(ctx, name, func(g *group) error {
		for _, k := range in.TagKeys {
			delete(g.Tags, k)
		}
		return nil
	})
}

// ListTagsForResource returns the tags of a log group.
//
// Errors: InvalidParameterException, ResourceNotFoundException.
// Source: "ListTagsForResource", CloudWatch Logs API reference, read 2026-11.
func (s *Service) ListTagsForResource(ctx context.Context, in *api.ListTagsForResourceRequest) (*api.ListTagsForResourceResponse, error) {
	name, err := parseResource(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	var g group
	err = s.Store.View(ctx, func(r store.Reader) (err error) {
		g, err = readGroup(r, scopeOf(ctx), name)
		return err
	})
	if err != nil {
		return nil, err
	}
	if g.Tags == nil {
		g.Tags = map[string]string{}
	}
	return &api.ListTagsForResourceResponse{Tags: g.Tags}, nil
}

// parseResource takes the ARN of a log group; a bare name is none.
func parseResource(ctx context.Context, text string) (string, error) {
	if !strings.HasPrefix(text, "arn:") { // unverified
		return "", invalid("The specified ARN is not that of a log group: " + text)
	}
	return parseIdentifier(scopeOf(ctx), text)
}

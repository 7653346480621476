// SPDX-License-Identifier: Apache-2.0

package lambda

import (
	"context"
	"fmt"
	"strings"

	api "github.com/gustcloud/gust/internal/awsapi/lambda"
	"github.com/gustcloud/gust/internal/store"
)

// Source of the limits: "Using tags on Lambda functions", AWS Lambda Developer Guide, read 2026-11; the texts are unverified.
const (
	maxTagKey   = 128 // characters
	maxTagValue = 256
)

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return invalid(fmt.Sprintf("Number of tags exceeds resource tag limit of %d.", maxTags))
	}
	for key, text := range tags {
		switch {
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return invalid("Tag keys that start with aws: are reserved for system use.")
		case key == "" || len([]rune(key)) > maxTagKey:
			return invalid(fmt.Sprintf("Tag keys must have 1 to %d characters.", maxTagKey))
		case len([]rune(text)) > maxTagValue:
			return invalid(fmt.Sprintf("Tag values must have at most %d characters.", maxTagValue))
		}
	}
	return nil
}

func cloneTags(tags map[string]string) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	out := make(map[string]string, len(tags))
	for key, text := range tags {
		out[strings.Clone(key)] = strings.Clone(text)
	}
	return out
}

// TagResource adds tags to a function, or changes their values.
//
// Limits: 50 tags; keys 128 and values 256 characters.
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Source: "TagResource", AWS Lambda API reference, read 2026-11.
func (s *Service) TagResource(ctx context.Context, in *api.TagResourceRequest) (*api.TagResourceOutput, error) {
	return &api.TagResourceOutput{}, s.changeTags(ctx, in.Resource, func(tags map[string]string) error {
		for key, text := range in.Tags {
			tags[strings.Clone(key)] = strings.Clone(text)
		}
		return checkTags(tags)
	})
}

// UntagResource removes tags from a function; keys that it does not have are ignored.
//
// Errors: ResourceNotFoundException.
// Source: "UntagResource", AWS Lambda API reference, read 2026-11.
func (s *Service) UntagResource(ctx context.Context, in *api.UntagResourceRequest) (*api.UntagResourceOutput, error) {
	return &api.UntagResourceOutput{}, s.changeTags(ctx, in.Resource, func(tags map[string]string) error {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
		return nil
	})
}

// ListTags returns the tags of a function.
//
// Errors: ResourceNotFoundException.
// Source: "ListTags", AWS Lambda API reference, read 2026-11.
func (s *Service) ListTags(ctx context.Context, in *api.ListTagsRequest) (*api.ListTagsResponse, error) {
	f, _, err := s.lookup(ctx, in.Resource, nil)
	if err != nil {
		return nil, err
	}
	if f.Tags == nil {
		f.Tags = map[string]string{}
	}
	return &api.ListTagsResponse{Tags: f.Tags}, nil
}

func (s *Service) changeTags(ctx context.Context, resource string, change func(map[string]string) error) error {
	scope := scopeOf(ctx)
	ref, err := parseReference(scope, resource, nil)
	if err != nil {
		return err
	}
	return s.Store.Update(ctx, func(tx store.Tx) error {
		key := functionKey(scope, ref.name)
		f, found, err := functions.Get(tx, key)
		if err != nil {
			return err
		}
		if !found {
			return notFound("Function not found: " + functionARN(scope, ref.name))
		}
		if f.Tags == nil {
			f.Tags = map[string]string{}
		}
		if err := change(f.Tags); err != nil {
			return err
		}
		return put(tx, key, &f)
	})
}

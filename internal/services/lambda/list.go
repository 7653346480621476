// SPDX-License-Identifier: Apache-2.0

package lambda

import (
	"context"
	"encoding/base64"

	api "github.com/gustcloud/gust/internal/awsapi/lambda"
	"github.com/gustcloud/gust/internal/store"
)

const defaultPage = 50 // functions; AWS returns no more of them in one answer whatever MaxItems says

// ListFunctions returns functions in the order of their names.
//
// Limits: MaxItems 1..10,000, at most 50 in one answer.
// Errors: InvalidParameterValueException (a marker that this operation did not give).
// Source: "ListFunctions", AWS Lambda API reference, read 2026-11.
func (s *Service) ListFunctions(ctx context.Context, in *api.ListFunctionsRequest) (*api.ListFunctionsResponse, error) {
	scope := scopeOf(ctx)
	qualifier := ""
	if value(in.FunctionVersion, "") == api.FunctionVersionAll {
		qualifier = latest // with ALL each entry is a version and its ARN says which
	}
	limit := min(int(value(in.MaxItems, defaultPage)), defaultPage)
	out := &api.ListFunctionsResponse{Functions: []api.FunctionConfiguration{}}
	rng := functionRange(scope)
	if in.Marker != nil {
		name, err := base64.RawURLEncoding.DecodeString(*in.Marker)
		if err != nil || len(name) == 0 || len(name) > maxName {
			return nil, invalid("Invalid Marker") // unverified
		}
		rng.Lo = functionKey(scope, string(name))
	}
	err := s.Store.View(ctx, func(r store.Reader) error {
		for e, err := range functions.Scan(r, rng, store.ScanOptions{Limit: limit + 1}) {
			if err != nil {
				return err
			}
			if len(out.Functions) == limit {
				out.NextMarker = new(base64.RawURLEncoding.EncodeToString([]byte(e.Value.Name)))
				return nil
			}
			out.Functions = append(out.Functions, e.Value.listed(scope, qualifier))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ListVersionsByFunction returns the versions of a function: $LATEST, the only one so far.
//
// Errors: ResourceNotFoundException.
// Source: "ListVersionsByFunction", AWS Lambda API reference, read 2026-11.
func (s *Service) ListVersionsByFunction(ctx context.Context, in *api.ListVersionsByFunctionRequest) (*api.ListVersionsByFunctionResponse, error) {
	f, _, err := s.lookup(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	return &api.ListVersionsByFunctionResponse{Versions: []api.FunctionConfiguration{f.listed(scopeOf(ctx), latest)}}, nil
}

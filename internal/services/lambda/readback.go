// SPDX-License-Identifier: Apache-2.0

package lambda

import (
	"context"

	api "github.com/gustcloud/gust/internal/awsapi/lambda"
	"github.com/gustcloud/gust/internal/store"
)

// This file holds what tools read back after each create although they never set it: Terraform breaks off a plan when
// one of these calls is unknown.

// GetFunctionCodeSigningConfig answers that no code signing is configured.
//
// Errors: ResourceNotFoundException.
// Source: "GetFunctionCodeSigningConfig", AWS Lambda API reference, read 2026-11; the empty ARN is unverified.
func (s *Service) GetFunctionCodeSigningConfig(ctx context.Context, in *api.GetFunctionCodeSigningConfigRequest) (*api.GetFunctionCodeSigningConfigResponse, error) {
	f, _, err := s.lookup(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	return &api.GetFunctionCodeSigningConfigResponse{FunctionName: f.Name}, nil
}

// GetFunctionConcurrency answers that no concurrency is reserved.
//
// Errors: ResourceNotFoundException.
// Source: "GetFunctionConcurrency", AWS Lambda API reference, read 2026-11.
func (s *Service) GetFunctionConcurrency(ctx context.Context, in *api.GetFunctionConcurrencyRequest) (*api.GetFunctionConcurrencyResponse, error) {
	if _, _, err := s.lookup(ctx, in.FunctionName, nil); err != nil {
		return nil, err
	}
	return &api.GetFunctionConcurrencyResponse{}, nil
}

// GetRuntimeManagementConfig answers that runtimes are updated automatically: the host's interpreters are used as they are.
//
// Errors: ResourceNotFoundException.
// Source: "GetRuntimeManagementConfig", AWS Lambda API reference, read 2026-11.
func (s *Service) GetRuntimeManagementConfig(ctx context.Context, in *api.GetRuntimeManagementConfigRequest) (*api.GetRuntimeManagementConfigResponse, error) {
	f, _, err := s.lookup(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return &api.GetRuntimeManagementConfigResponse{
		UpdateRuntimeOn: new(api.UpdateRuntimeOnAuto), FunctionArn: new(functionARN(scopeOf(ctx), f.Name) + ":" + latest),
	}, nil
}

// GetAccountSettings returns the account's limits and what its functions use of them in this region.
//
// Source: "GetAccountSettings", AWS Lambda API reference, read 2026-11.
func (s *Service) GetAccountSettings(ctx context.Context, _ *api.GetAccountSettingsRequest) (*api.GetAccountSettingsResponse, error) {
	var size, count int64
	err := s.Store.View(ctx, func(r store.Reader) error {
		for e, err := range functions.Scan(r, functionRange(scopeOf(ctx)), store.ScanOptions{}) {
			if err != nil {
				return err
			}
			count++
			size += e.Value.shown().Code.Size
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.GetAccountSettingsResponse{
		AccountLimit: &api.AccountLimit{
			TotalCodeSize: new(int64(totalCodeSize)), CodeSizeUnzipped: new(int64(maxUnzipped)), CodeSizeZipped: new(int64(maxZip)),
			ConcurrentExecutions: new(int32(accountExecutions)), UnreservedConcurrentExecutions: new(int32(accountExecutions)),
		},
		AccountUsage: &api.AccountUsage{TotalCodeSize: &size, FunctionCount: &count},
	}, nil
}

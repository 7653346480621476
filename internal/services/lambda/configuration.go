// SPDX-License-Identifier: Apache-2.0

package lambda

import (
	"maps"

	api "github.com/gustcloud/gust/internal/awsapi/lambda"
	"github.com/gustcloud/gust/internal/base/reqctx"
)

// modifiedLayout is the form of LastModified.
const modifiedLayout = "2006-01-02T15:04:05.000-0700"

// configuration is how the API shows a function. arn is qualified when the caller qualified it.
func (f *function) configuration(s reqctx.Scope, qualifier string) *api.FunctionConfiguration {
	r := f.shown()
	arn := functionARN(s, f.Name)
	if qualifier != "" {
		arn += ":" + qualifier
	}
	c := &api.FunctionConfiguration{
		FunctionName: &f.Name, FunctionArn: &arn, Runtime: optional(r.Runtime), Role: &r.Role, Handler: optional(r.Handler),
		CodeSize: &r.Code.Size, CodeSha256: new(r.Code.SHA256.Base64()), Description: &r.Description,
		Timeout: &r.Timeout, MemorySize: &r.Memory, LastModified: new(r.Modified.UTC().Format(modifiedLayout)),
		Version: new(latest), RevisionId: &r.ID, PackageType: new(api.PackageTypeZip),
		Architectures:    []string{r.Architecture},
		EphemeralStorage: &api.EphemeralStorage{Size: r.Ephemeral},
		TracingConfig:    &api.TracingConfigResponse{Mode: new(orElse(r.Tracing, api.TracingModePassThrough))},
		SnapStart: &api.SnapStartResponse{
			ApplyOn: new(api.SnapStartApplyOnNone), OptimizationStatus: new(api.SnapStartOptimizationStatusOff),
		},
		LoggingConfig: &api.LoggingConfig{LogFormat: new(api.LogFormatText), LogGroup: new(f.logGroup(r))},
		KMSKeyArn:     optional(r.KMSKeyARN),
		State:         optional(f.State), StateReason: optional(f.StateReason), StateReasonCode: optional(f.StateReasonCode),
		LastUpdateStatus: optional(f.UpdateStatus), LastUpdateStatusReason: optional(f.UpdateReason),
		LastUpdateStatusReasonCode: optional(f.UpdateCode),
	}
	if len(r.Environment) > 0 {
		c.Environment = &api.EnvironmentResponse{Variables: maps.Clone(r.Environment)}
	}
	if r.DeadLetter != "" {
		c.DeadLetterConfig = &api.DeadLetterConfig{TargetArn: &r.DeadLetter}
	}
	return c
}

// listed is the shorter form of ListFunctions and ListVersionsByFunction, which leave the states out.
func (f *function) listed(s reqctx.Scope, qualifier string) api.FunctionConfiguration {
	c := f.configuration(s, qualifier)
	c.State, c.StateReason, c.StateReasonCode = nil, nil, nil
	c.LastUpdateStatus, c.LastUpdateStatusReason, c.LastUpdateStatusReasonCode = nil, nil, nil
	return *c
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func value[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// SPDX-License-Identifier: Apache-2.0

package lambda

import (
	"strings"

	api "github.com/gustcloud/gust/internal/awsapi/lambda"
	"github.com/gustcloud/gust/internal/base/arn"
)

// settings are the members that CreateFunction and UpdateFunctionConfiguration share; nil means absent.
type settings struct {
	Role, Runtime, Handler, Description, KMSKeyArn *string
	Timeout, MemorySize                            *int32
	Environment                                    *api.Environment
	EphemeralStorage                               *api.EphemeralStorage
	DeadLetterConfig                               *api.DeadLetterConfig
	TracingConfig                                  *api.TracingConfig
	LoggingConfig                                  *api.LoggingConfig
	SnapStart                                      *api.SnapStart
	VpcConfig                                      *api.VpcConfig
	Layers                                         []string
	FileSystemConfigs                              []api.FileSystemConfig
	ImageConfig                                    *api.ImageConfig
	Durable                                        *api.DurableConfig
	CapacityProvider                               *api.CapacityProviderConfig
	Accelerator                                    *api.AcceleratorConfig
	RuntimeVersion                                 *api.FunctionRuntimeConfig
}

func settingsOfCreate(in *api.CreateFunctionRequest) settings {
	return settings{
		Role: &in.Role, Runtime: in.Runtime, Handler: in.Handler, Description: in.Description, KMSKeyArn: in.KMSKeyArn,
		Timeout: in.Timeout, MemorySize: in.MemorySize, Environment: in.Environment, EphemeralStorage: in.EphemeralStorage,
		DeadLetterConfig: in.DeadLetterConfig, TracingConfig: in.TracingConfig, LoggingConfig: in.LoggingConfig, SnapStart: in.SnapStart,
		VpcConfig: in.VpcConfig, Layers: in.Layers, FileSystemConfigs: in.FileSystemConfigs, ImageConfig: in.ImageConfig,
		Durable: in.DurableConfig, CapacityProvider: in.CapacityProviderConfig, Accelerator: in.AcceleratorConfig,
		RuntimeVersion: in.RuntimeConfig,
	}
}

func settingsOfUpdate(in *api.UpdateFunctionConfigurationRequest) settings {
	return settings{
		Role: in.Role, Runtime: in.Runtime, Handler: in.Handler, Description: in.Description, KMSKeyArn: in.KMSKeyArn,
		Timeout: in.Timeout, MemorySize: in.MemorySize, Environment: in.Environment, EphemeralStorage: in.EphemeralStorage,
		DeadLetterConfig: in.DeadLetterConfig, TracingConfig: in.TracingConfig, LoggingConfig: in.LoggingConfig, SnapStart: in.SnapStart,
		VpcConfig: in.VpcConfig, Layers: in.Layers, FileSystemConfigs: in.FileSystemConfigs, ImageConfig: in.ImageConfig,
		Durable: in.DurableConfig, CapacityProvider: in.CapacityProviderConfig, Accelerator: in.AcceleratorConfig,
		RuntimeVersion: in.RuntimeConfig,
	}
}

// check refuses values that the model's constraints do not cover, and what Gust does not have.
func (v settings) check() error {
	if v.Runtime != nil {
		if err := checkRuntime(*v.Runtime); err != nil {
			return err
		}
	}
	if v.Environment != nil {
		if err := checkEnvironment(v.Environment.Variables); err != nil {
			return err
		}
	}
	if v.Role != nil && !isRole(*v.Role) { // text from public reports, which get it for roles that do not trust Lambda
		return invalid("The role defined for the function cannot be assumed by Lambda.")
	}
	if strings.Contains(value(v.Handler, ""), "\x00") { // the model's pattern lets it pass, an environment cannot hold it
		return invalid("Handler must not contain NUL characters.")
	}
	return v.checkSupported()
}

// isRole tells whether an ARN names a role. The model's pattern also passes "role/", "role/path/" and "roleName".
func isRole(text string) bool {
	a, err := arn.Parse(text)
	name, ok := strings.CutPrefix(a.Resource, "role/")
	return err == nil && ok && name != "" && !strings.HasSuffix(name, "/")
}

// checkSupported names each member that would otherwise be taken without effect.
func (v settings) checkSupported() error {
	switch {
	case len(v.Layers) > 0:
		return unsupported("layers")
	case v.VpcConfig != nil && (len(v.VpcConfig.SubnetIds) > 0 || len(v.VpcConfig.SecurityGroupIds) > 0):
		return unsupported("VPC access (VpcConfig)")
	case len(v.FileSystemConfigs) > 0:
		return unsupported("file systems (FileSystemConfigs)")
	case v.ImageConfig != nil:
		return unsupported("container images (ImageConfig)")
	case v.SnapStart != nil && value(v.SnapStart.ApplyOn, "") == api.SnapStartApplyOnPublishedVersions:
		return unsupported("SnapStart")
	case v.LoggingConfig != nil && value(v.LoggingConfig.LogFormat, "") == api.LogFormatJson:
		return unsupported("the JSON log format (LoggingConfig.LogFormat)")
	case v.LoggingConfig != nil && (v.LoggingConfig.ApplicationLogLevel != nil || v.LoggingConfig.SystemLogLevel != nil):
		return unsupported("log levels (LoggingConfig)")
	case v.Durable != nil:
		return unsupported("durable functions (DurableConfig)")
	case v.CapacityProvider != nil || v.Accelerator != nil:
		return unsupported("capacity providers")
	case v.RuntimeVersion != nil:
		return unsupported("pinned runtime versions (RuntimeConfig)")
	}
	return nil
}

// apply changes r to what v says. Strings are cloned: a record outlives the request.
func (v settings) apply(r *revision) {
	set(&r.Role, v.Role)
	set(&r.Runtime, v.Runtime)
	set(&r.Handler, v.Handler)
	set(&r.Description, v.Description)
	set(&r.KMSKeyARN, v.KMSKeyArn)
	r.Timeout, r.Memory = value(v.Timeout, r.Timeout), value(v.MemorySize, r.Memory)
	if v.EphemeralStorage != nil {
		r.Ephemeral = v.EphemeralStorage.Size
	}
	if v.Environment != nil {
		r.Environment = make(map[string]string, len(v.Environment.Variables))
		for name, text := range v.Environment.Variables {
			r.Environment[strings.Clone(name)] = strings.Clone(text)
		}
	}
	if v.DeadLetterConfig != nil {
		r.DeadLetter = strings.Clone(value(v.DeadLetterConfig.TargetArn, ""))
	}
	if v.TracingConfig != nil {
		set(&r.Tracing, v.TracingConfig.Mode)
	}
	if v.LoggingConfig != nil {
		r.LogGroup = strings.Clone(value(v.LoggingConfig.LogGroup, ""))
	}
}

func set(field, to *string) {
	if to != nil {
		*field = strings.Clone(*to)
	}
}

// SPDX-License-Identifier: Apache-2.0

package lambda

import (
	"context"
	"fmt"
	"strings"

	api "github.com/gustcloud/gust/internal/awsapi/lambda"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/store"
)

func scopeOf(ctx context.Context) reqctx.Scope { return reqctx.From(ctx).Scope }

// CreateFunction stores a function; it is Pending until Run has activated it.
//
// Limits: ZipFile 50 MB, unzipped 250 MB; MemorySize 128..10,240 MB; Timeout 1..900 s; EphemeralStorage 512..10,240 MB; variables 4 KB.
// Errors: InvalidParameterValueException, ResourceConflictException, RequestEntityTooLargeException.
// Source: "CreateFunction", AWS Lambda API reference, read 2026-11.
func (s *Service) CreateFunction(ctx context.Context, in *api.CreateFunctionRequest) (*api.FunctionConfiguration, error) {
	scope := scopeOf(ctx)
	ref, err := parseReference(scope, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if len(ref.name) > maxName { // the model's limit is that of an ARN
		return nil, &api.ValidationException{Type: userFault, Message: fmt.Sprintf("1 validation error detected: Value '%s' at 'functionName' "+
			"failed to satisfy constraint: Member must have length less than or equal to %d", in.FunctionName, maxName)}
	}
	f, err := s.newFunction(in, strings.Clone(ref.name))
	if err != nil {
		return nil, err
	}
	if err := s.refuseExisting(ctx, scope, f.Name); err != nil {
		return nil, err
	}
	if err := s.storePackage(ctx, codeSource{
		zip: in.Code.ZipFile, s3Bucket: in.Code.S3Bucket, imageURI: in.Code.ImageUri, sourceKMSKey: in.Code.SourceKMSKeyArn,
		architectures: in.Architectures, operation: "CreateFunction", publish: value(in.Publish, false), publishTo: in.PublishTo != nil,
	}, f.Next); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx, f, f.Next); err != nil {
		return nil, err
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		key := functionKey(scope, f.Name)
		if _, found, err := functions.Get(tx, key); err != nil || found {
			return orConflict(err, f.Name)
		}
		if f.ID, err = store.AllocateID(tx); err != nil {
			return err
		}
		tx.Set(waitingKey(scope, f.Name), []byte(f.Next.ID))
		s.changed(tx, scope, f.Name)
		return put(tx, key, f)
	})
	if err != nil {
		return nil, err
	}
	s.enqueue(deployment{scope: scope, name: f.Name, revision: f.Next.ID})
	return f.configuration(scope, ""), nil
}

// newFunction builds the record of a function that is to be created.
func (s *Service) newFunction(in *api.CreateFunctionRequest, name string) (*function, error) {
	if value(in.PackageType, api.PackageTypeZip) != api.PackageTypeZip {
		return nil, unsupported("container images (PackageType Image)")
	}
	if in.CodeSigningConfigArn != nil {
		return nil, unsupported("code signing (CodeSigningConfigArn)")
	}
	if in.TenancyConfig != nil {
		return nil, unsupported("tenant isolation (TenancyConfig)")
	}
	if in.Runtime == nil || in.Handler == nil { // text from public reports
		return nil, invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	v := settingsOfCreate(in)
	if err := v.check(); err != nil {
		return nil, err
	}
	now := s.Clock.Now().UTC()
	r := &revision{
		ID: s.IDs.UUID(), Modified: now, Timeout: defaultTimeout, Memory: defaultMemory, Ephemeral: defaultEphemeral,
		Architecture: s.Architecture,
	}
	v.apply(r)
	return &function{
		Name: name, Tags: cloneTags(in.Tags), Created: now, Next: r,
		State: api.StatePending, StateReason: "The function is being created.", StateReasonCode: api.StateReasonCodeCreating,
	}, nil
}

// refuseExisting spares the work of a package whose name is taken; the transaction checks again.
func (s *Service) refuseExisting(ctx context.Context, scope reqctx.Scope, name string) error {
	return s.Store.View(ctx, func(r store.Reader) error {
		_, found, err := functions.Get(r, functionKey(scope, name))
		if err != nil || found {
			return orConflict(err, name)
		}
		return nil
	})
}

func orConflict(err error, name string) error {
	if err != nil {
		return err
	}
	return conflict("Function already exist: " + name)
}

// lookup reads a function's record. Only $LATEST exists so far: any other qualifier is a version that is not there.
func (s *Service) lookup(ctx context.Context, text string, qualifier *string) (*function, reference, error) {
	scope := scopeOf(ctx)
	ref, err := parseReference(scope, text, qualifier)
	if err != nil {
		return nil, ref, err
	}
	f, found, err := s.find(ctx, scope, ref)
	if err == nil && !found {
		err = notFound("Function not found: " + ref.arn(scope))
	}
	return f, ref, err
}

// find reads the record of what ref names.
func (s *Service) find(ctx context.Context, scope reqctx.Scope, ref reference) (*function, bool, error) {
	if ref.qualifier != "" && ref.qualifier != latest {
		return nil, false, nil
	}
	var f function
	var found bool
	err := s.Store.View(ctx, func(r store.Reader) (err error) {
		f, found, err = functions.Get(r, functionKey(scope, ref.name))
		return err
	})
	return &f, found, err
}

// GetFunction returns a function's configuration, tags and where its code is.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Source: "GetFunction", AWS Lambda API reference, read 2026-11.
func (s *Service) GetFunction(ctx context.Context, in *api.GetFunctionRequest) (*api.GetFunctionResponse, error) {
	f, ref, err := s.lookup(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return &api.GetFunctionResponse{
		Configuration: f.configuration(scopeOf(ctx), ref.qualifier),
		Code:          s.codeLocation(ctx, f),
		Tags:          f.Tags,
	}, nil
}

// codeLocation tells where the caller can fetch the package. A call from another service of this process has no host on
// which it could.
func (s *Service) codeLocation(ctx context.Context, f *function) *api.FunctionCodeLocation {
	at := &api.FunctionCodeLocation{RepositoryType: new("S3")}
	if r := reqctx.From(ctx); r.Host != "" {
		at.Location = new(s.CodeLink(r.Host, r.Account, f.shown().Code))
	}
	return at
}

// GetFunctionConfiguration returns a function's configuration.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Source: "GetFunctionConfiguration", AWS Lambda API reference, read 2026-11.
func (s *Service) GetFunctionConfiguration(ctx context.Context, in *api.GetFunctionConfigurationRequest) (*api.FunctionConfiguration, error) {
	f, ref, err := s.lookup(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return f.configuration(scopeOf(ctx), ref.qualifier), nil
}

// DeleteFunction removes a function. Running invocations end; its log group stays.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Source: "DeleteFunction", AWS Lambda API reference, read 2026-11; the text for $LATEST is known from public reports.
func (s *Service) DeleteFunction(ctx context.Context, in *api.DeleteFunctionRequest) (*api.DeleteFunctionResponse, error) {
	scope := scopeOf(ctx)
	ref, err := parseReference(scope, in.FunctionName, in.Qualifier)
	switch {
	case err != nil:
		return nil, err
	case ref.qualifier == latest:
		return nil, invalid("$LATEST version cannot be deleted without deleting the function.")
	case ref.qualifier != "":
		return nil, notFound("Function not found: " + ref.arn(scope))
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		key := functionKey(scope, ref.name)
		_, found, err := functions.Get(tx, key)
		if err != nil {
			return err
		}
		if !found {
			return notFound("Function not found: " + ref.arn(scope))
		}
		tx.Delete(key)
		tx.Delete(waitingKey(scope, ref.name))
		s.changed(tx, scope, ref.name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.Environments.Retire(functionARN(scope, ref.name), latest, "")
	return &api.DeleteFunctionResponse{StatusCode: new(int32(204))}, nil
}

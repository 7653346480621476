// SPDX-License-Identifier: Apache-2.0

package lambda

import (
	"context"
	"maps"

	api "github.com/gustcloud/gust/internal/awsapi/lambda"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/store"
)

// UpdateFunctionCode gives a function new code. Invocations run the old code until Run has activated the new one.
//
// Limits: as CreateFunction.
// Errors: ResourceNotFoundException, ResourceConflictException, PreconditionFailedException, InvalidParameterValueException,
// RequestEntityTooLargeException.
// Source: "UpdateFunctionCode", AWS Lambda API reference, read 2026-11.
func (s *Service) UpdateFunctionCode(ctx context.Context, in *api.UpdateFunctionCodeRequest) (*api.FunctionConfiguration, error) {
	f, _, err := s.lookup(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if err := updatable(scopeOf(ctx), f, in.RevisionId); err != nil {
		return nil, err
	}
	code := *f.shown()
	if err := s.storePackage(ctx, codeSource{
		zip: in.ZipFile, s3Bucket: in.S3Bucket, imageURI: in.ImageUri, sourceKMSKey: in.SourceKMSKeyArn,
		architectures: in.Architectures, operation: "UpdateFunctionCode", publish: value(in.Publish, false), publishTo: in.PublishTo != nil,
	}, &code); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx, f, &code); err != nil {
		return nil, err
	}
	if value(in.DryRun, false) {
		f.Next = &code
		return f.configuration(scopeOf(ctx), ""), nil
	}
	return s.update(ctx, f.Name, in.RevisionId, func(r *revision) {
		r.Code = code.Code
	})
}

// UpdateFunctionConfiguration changes settings of a function; members that the request leaves out stay as they are.
//
// Limits: as CreateFunction.
// Errors: ResourceNotFoundException, ResourceConflictException, PreconditionFailedException, InvalidParameterValueException.
// Source: "UpdateFunctionConfiguration", AWS Lambda API reference, read 2026-11.
func (s *Service) UpdateFunctionConfiguration(ctx context.Context, in *api.UpdateFunctionConfigurationRequest) (*api.FunctionConfiguration, error) {
	f, _, err := s.lookup(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	v := settingsOfUpdate(in)
	if err := v.check(); err != nil {
		return nil, err
	}
	if in.Runtime != nil {
		changed := *f.shown()
		v.apply(&changed)
		if err := s.prepare(ctx, f, &changed); err != nil {
			return nil, err
		}
	}
	return s.update(ctx, f.Name, in.RevisionId, v.apply)
}

// update writes a new revision, made by change from the one that is shown, and has it activated.
func (s *Service) update(ctx context.Context, name string, revisionID *string, change func(*revision)) (*api.FunctionConfiguration, error) {
	scope := scopeOf(ctx)
	id, now := s.IDs.UUID(), s.Clock.Now().UTC()
	var f function
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		key := functionKey(scope, name)
		var found bool
		var err error
		if f, found, err = functions.Get(tx, key); err != nil {
			return err
		}
		if !found {
			return notFound("Function not found: " + functionARN(scope, name))
		}
		if err := updatable(scope, &f, revisionID); err != nil {
			return err
		}
		next := *f.shown()
		next.Environment = maps.Clone(next.Environment)
		change(&next)
		next.ID, next.Modified = id, now
		f.Next = &next
		f.UpdateStatus = api.LastUpdateStatusInProgress
		f.UpdateReason, f.UpdateCode = "The function is being created.", api.StateReasonCodeCreating // recorded on AWS: "created" here too
		tx.Set(waitingKey(scope, name), []byte(id))
		s.changed(tx, scope, name)
		return put(tx, key, &f)
	})
	if err != nil {
		return nil, err
	}
	s.enqueue(deployment{scope: scope, name: name, revision: id})
	return f.configuration(scope, ""), nil
}

// updatable refuses an update while another is in progress, and one that was made for another revision.
//
// Source: texts from public reports of AWS's answers.
func updatable(scope reqctx.Scope, f *function, revisionID *string) error {
	if f.State == api.StatePending {
		return conflict("The operation cannot be performed at this time. The function is currently in the following state: Pending")
	}
	if f.UpdateStatus == api.LastUpdateStatusInProgress {
		return conflict("The operation cannot be performed at this time. An update is in progress for resource: " + functionARN(scope, f.Name))
	}
	if revisionID != nil && *revisionID != f.shown().ID {
		return &api.PreconditionFailedException{Type: userFault, Message: "The Revision Id provided does not match the latest Revision Id. " +
			"Call the GetFunction/GetAlias API to retrieve the latest Revision Id"}
	}
	return nil
}

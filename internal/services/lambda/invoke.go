// SPDX-License-Identifier: Apache-2.0

package lambda

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	api "github.com/gustcloud/gust/internal/awsapi/lambda"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/invoke"
)

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }

// Invoke runs a function and returns its answer, or with DryRun only checks that it could.
//
// Limits: payload 6,291,556 bytes each way; ClientContext 3,583 bytes decoded; LogResult the last 4 KB.
// Errors: ResourceNotFoundException, ResourceConflictException, InvalidRequestContentException, RequestEntityTooLargeException,
// InvalidParameterValueException, TooManyRequestsException.
// Source: "Invoke", AWS Lambda API reference, read 2026-11.
func (s *Service) Invoke(ctx context.Context, in *api.InvocationRequest) (*api.InvocationResponse, error) {
	kind := value(in.InvocationType, api.InvocationTypeRequestResponse)
	switch {
	case kind == api.InvocationTypeEvent:
		return nil, unsupported("asynchronous invocation (InvocationType Event)")
	case in.DurableExecutionName != nil:
		return nil, unsupported("durable executions (DurableExecutionName)")
	case in.TenantId != nil: // unverified
		return nil, invalid("The invoked function is not enabled for tenancy configuration. Remove the tenant ID from your request and try again.")
	}
	clientContext, err := decodeClientContext(in.ClientContext)
	if err != nil {
		return nil, err
	}
	r := request{
		Request: invoke.Request{
			Function: in.FunctionName, Payload: in.Payload, ClientContext: clientContext,
			LogTail: value(in.LogType, "") == api.LogTypeTail,
		},
		qualifier: in.Qualifier, dryRun: kind == api.InvocationTypeDryRun,
	}
	result, err := s.run(ctx, r)
	if err != nil {
		return nil, err
	}
	if r.dryRun {
		return &api.InvocationResponse{StatusCode: new(int32(204)), ExecutedVersion: new(latest)}, nil
	}
	out := &api.InvocationResponse{
		StatusCode: new(int32(200)), Payload: result.Payload,
		FunctionError: optional(result.FunctionError), ExecutedVersion: &result.ExecutedVersion,
	}
	if r.LogTail {
		out.LogResult = new(base64.StdEncoding.EncodeToString(result.LogTail))
	}
	return out, nil
}

// Invoker returns the way in for everything else that calls functions.
func (s *Service) Invoker() invoke.Invoker { return invoker{s} }

type invoker struct{ s *Service }

// Invoke runs a function synchronously. Errors: as the operation Invoke.
func (i invoker) Invoke(ctx context.Context, r invoke.Request) (*invoke.Result, error) {
	return i.s.run(ctx, request{Request: r, qualifier: optional(r.Qualifier)})
}

type request struct {
	invoke.Request
	qualifier *string
	dryRun    bool
}

// run is the one way to a function: resolve, check the payload, hold an environment, send the event.
func (s *Service) run(ctx context.Context, r request) (*invoke.Result, error) {
	if len(r.Payload) > maxPayload { // code and text from public reports of 2018 to 2025, with 6291456 for the number
		return nil, &api.RequestEntityTooLargeException{Type: userFault, Message: fmt.Sprintf(
			"%d byte payload is too large for the RequestResponse invocation type (limit %d bytes)", len(r.Payload), maxPayload)}
	}
	v, ref, err := s.resolve(ctx, r.Function, r.qualifier)
	if err != nil {
		return nil, err
	}
	payload := r.Payload
	if len(payload) == 0 {
		payload = []byte("{}")
	} else if !json.Valid(payload) {
		return nil, &api.InvalidRequestContentException{Type: userFault, Message: "Could not parse request body into json: Could not parse payload into json: " +
			jacksonText(payload)}
	}
	if r.dryRun {
		return &invoke.Result{}, nil
	}
	event := invoke.Event{
		RequestID: s.requestID(ctx), InvokedARN: ref.arn(v.Scope), Payload: payload, ClientContext: r.ClientContext,
		CognitoIdentity: r.CognitoIdentity, TraceID: r.TraceID, LogTail: r.LogTail,
	}
	var result *invoke.Result
	err = s.Environments.Try(ctx, v, func(e invoke.Environment) (err error) {
		result, err = e.Invoke(ctx, event)
		return err
	})
	if err != nil {
		return nil, invokeError(err)
	}
	result.ExecutedVersion = v.Version
	return result, nil
}

// requestID is the id of the API call: AWS gives both the same.
func (s *Service) requestID(ctx context.Context) string {
	if id := reqctx.From(ctx).ID; id != "" {
		return id
	}
	return s.IDs.UUID()
}

// invokeError turns what the execution plane refuses into the API's error.
func invokeError(err error) error {
	var busy *invoke.BusyError
	if errors.As(err, &busy) {
		return &api.TooManyRequestsException{
			Type: userFault, Message: "Rate Exceeded.", Reason: api.ThrottleReasonConcurrentInvocationLimitExceeded,
			RetryAfterSeconds: "1",
		}
	}
	var pack *invoke.PackError
	if errors.As(err, &pack) { // the interpreter was removed after the function became Active
		return &api.InvalidRuntimeException{Type: userFault, Message: pack.Error()}
	}
	return codeError(err)
}

// decodeClientContext reads the header, which holds JSON in base64.
//
// Source: "Invoke", AWS Lambda API reference ("up to 3,583 bytes of base64-encoded data"), read 2026-11; the texts are unverified.
func decodeClientContext(header *string) (string, error) {
	if header == nil || *header == "" {
		return "", nil
	}
	b, err := base64.StdEncoding.DecodeString(*header)
	switch {
	case err != nil || !json.Valid(b):
		return "", &api.InvalidRequestContentException{Type: userFault, Message: "Client context must be a valid Base64-encoded JSON object."}
	case len(b) > maxClientContext:
		return "", &api.InvalidRequestContentException{Type: userFault, Message: fmt.Sprintf("Client context must be no more than %d bytes.", maxClientContext)}
	}
	return string(b), nil
}

// SPDX-License-Identifier: Apache-2.0

package lambda

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	api "github.com/gustcloud/gust/internal/awsapi/lambda"
	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/store/blob"
)

// codeSource are the members that CreateFunction and UpdateFunctionCode share.
type codeSource struct {
	zip                              []byte
	s3Bucket, imageURI, sourceKMSKey *string
	architectures                    []string
	operation                        string // for AWS's text
	publish, publishTo               bool
}

// storePackage checks a package and stores it; r then names it. Nothing refers to it until the record is written, so a
// request that fails later leaves only a file that the sweep takes.
//
// Errors: InvalidParameterValueException, RequestEntityTooLargeException.
func (s *Service) storePackage(ctx context.Context, c codeSource, r *revision) error {
	if err := s.checkSource(c); err != nil {
		return err
	}
	if err := s.Environments.CheckCode(ctx, bytes.NewReader(c.zip), int64(len(c.zip))); err != nil {
		return codeError(err)
	}
	ref, err := blob.PutContent(ctx, s.Blobs, c.zip)
	if err != nil {
		return fmt.Errorf("store package: %w", err)
	}
	r.Code = ref
	return nil
}

func (s *Service) checkSource(c codeSource) error {
	switch {
	case c.imageURI != nil:
		return unsupported("container images (ImageUri)")
	case c.s3Bucket != nil && c.zip != nil: // unverified
		return invalid("Please do not provide other FunctionCode parameters when providing a ZipFile.")
	case c.s3Bucket != nil:
		return unsupported("code from S3 (S3Bucket): upload the package with ZipFile")
	case c.zip == nil:
		return invalid("Please provide a source for your zip file.") // unverified
	case len(c.zip) == 0: // text from public reports
		return invalid("Uploaded file must be a non-empty zip")
	case len(c.zip) > maxZip:
		return &api.RequestEntityTooLargeException{Type: userFault, Message: fmt.Sprintf( // text from public reports
			"Request must be smaller than %d bytes for the %s operation", maxUploadBody, c.operation)}
	case c.publish || c.publishTo:
		return unsupported("versions (Publish)")
	case c.sourceKMSKey != nil:
		return unsupported("encrypted packages (SourceKMSKeyArn)")
	}
	return s.checkArchitecture(c.architectures)
}

func (s *Service) checkArchitecture(names []string) error {
	if len(names) == 0 || len(names) == 1 && names[0] == s.Architecture {
		return nil
	}
	if len(names) > 1 { // unverified
		return invalid("Only one architecture can be specified")
	}
	return invalid("This host runs " + s.Architecture + " functions; it has no worker for the architecture " + names[0] + ".")
}

// prepare makes sure, before anything is stored, that a revision could run here.
func (s *Service) prepare(ctx context.Context, f *function, r *revision) error {
	err := s.Environments.Prepare(ctx, s.version(scopeOf(ctx), f, r))
	return codeError(err)
}

// codeError turns what the execution plane says of a package or a runtime into the API's error.
func codeError(err error) error {
	var code *invoke.CodeError
	var pack *invoke.PackError
	switch {
	case errors.As(err, &code):
		return invalid(code.Message)
	case errors.As(err, &pack):
		return invalid(pack.Error())
	}
	return err
}

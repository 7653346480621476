// SPDX-License-Identifier: Apache-2.0

package frontdoor

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/wire"
)

// authCodes are the codes of query and XML protocols for the refusals that JSON protocols know under another name.
// Source: answers quoted in public issues: prowler-cloud/prowler 789, 2021-05-01 (ExpiredToken), barnybug/cli53 278,
// 2019-09-26 (InvalidClientTokenId), aws/aws-sdk-go 1042, 2017-01-17 (IncompleteSignature); SignatureDoesNotMatch and
// MissingAuthenticationToken are unverified.
var authCodes = map[string]string{
	"ExpiredTokenException":               "ExpiredToken",
	"IncompleteSignatureException":        "IncompleteSignature",
	"InvalidSignatureException":           "SignatureDoesNotMatch",
	"MissingAuthenticationTokenException": "MissingAuthenticationToken",
	"UnrecognizedClientException":         "InvalidClientTokenId",
}

// refusal turns an *access.Error into that of the protocol: AWS JSON answers 400, the others 403, and an incomplete
// signature is 400 everywhere. S3 and EC2 have codes of their own. Other errors stay as they are.
// Source of the statuses: the issues above; aws/aws-sdk-js 254, 2014-03-25 (AWS JSON); badslug/
// Paw-AWSSignature4DynamicValue 5, 2016-10-07 (REST-JSON).
func refusal(t target, err error) error {
	var e *access.Error
	if !errors.As(err, &e) {
		return err
	}
	f := &wire.FrameworkError{
		Code: e.Code, QueryCode: authCodes[e.Code], Message: e.Message, Status: http.StatusForbidden, Sender: true, Cause: e,
	}
	switch {
	case t.name == "s3" && e.S3 != nil:
		f.Code, f.QueryCode, f.Message, f.Status = e.S3.Code, "", e.S3.Message, e.S3.Status
	case t.name == "s3" && f.QueryCode != "":
		f.Code = f.QueryCode
	case t.name == "ec2" && e.Code != "IncompleteSignatureException": // known from public reports of AWS's answers
		f.Code, f.QueryCode, f.Status = "AuthFailure", "", http.StatusUnauthorized
		f.Message = "AWS was not able to validate the provided access credentials"
	case t.shape == wire.ProtocolJSON, e.Code == "IncompleteSignatureException":
		f.Status = http.StatusBadRequest
	}
	return f
}

// cut bounds what logs and messages show of a client's text.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "..."
}

// forLog is what the audit says of a refused call: not the canonical string, which holds session tokens.
func forLog(err error) error {
	var e *access.Error
	if !errors.As(err, &e) {
		return err
	}
	line, _, _ := strings.Cut(e.Message, "\n")
	line, _, _ = strings.Cut(line, " Authorization=")
	line, _, _ = strings.Cut(line, " in Authorization header: ")
	return &access.Error{Code: e.Code, Message: cut(line, 256)}
}

// SPDX-License-Identifier: Apache-2.0

package lambda

import (
	"strings"

	api "github.com/gustcloud/gust/internal/awsapi/lambda"
	"github.com/gustcloud/gust/internal/base/arn"
	"github.com/gustcloud/gust/internal/base/reqctx"
)

// reference is a function as a caller names it.
type reference struct {
	name      string
	qualifier string // "" when the caller gave none
}

// parseReference reads a FunctionName member: a name, account:function:name, or an ARN, each with or without a
// qualifier; qualifier is the request's own Qualifier member. The model's pattern was checked already.
//
// Errors: InvalidParameterValueException, ResourceNotFoundException (another region), AccessDeniedException (another account).
// Source: "FunctionName" in the AWS Lambda API reference, read 2026-11; the texts are unverified but for "derived qualifier",
// known from public issue reports.
func parseReference(s reqctx.Scope, text string, qualifier *string) (reference, error) {
	account, region := s.Account, s.Region
	var rest string
	if a, err := arn.Parse(text); err == nil {
		account, region = a.Account, a.Region
		rest = strings.TrimPrefix(a.Resource, "function:")
	} else if before, after, ok := strings.Cut(text, ":function:"); ok {
		rest = after
		if i := strings.LastIndexByte(before, ':'); i >= 0 {
			region, account = before[:i], before[i+1:]
		} else {
			account = before
		}
	} else {
		rest = strings.TrimPrefix(text, "function:")
	}
	name, derived, _ := strings.Cut(rest, ":")
	switch {
	case region != s.Region:
		return reference{}, notFound("Functions from '" + region + "' are not reachable in this region ('" + s.Region + "')")
	case account != s.Account:
		return reference{}, &api.AccessDeniedException{Type: userFault, Message: "User is not authorized to perform this action on resource: " + text}
	case qualifier != nil && derived != "" && *qualifier != derived:
		return reference{}, invalid("The derived qualifier from the function name does not match the specified qualifier.")
	case qualifier != nil:
		derived = *qualifier
	}
	return reference{name: name, qualifier: derived}, nil
}

// arn is the ARN as the caller qualified it.
func (r reference) arn(s reqctx.Scope) string {
	a := functionARN(s, r.name)
	if r.qualifier != "" {
		a += ":" + r.qualifier
	}
	return a
}

// userFault is the Type member of errors that the caller can mend.
const userFault = "User"

func invalid(message string) error {
	return &api.InvalidParameterValueException{Type: userFault, Message: message}
}

func notFound(message string) error {
	return &api.ResourceNotFoundException{Type: userFault, Message: message}
}

func conflict(message string) error {
	return &api.ResourceConflictException{Type: userFault, Message: message}
}

// unsupported is the honest answer to a field of AWS that has no effect here yet.
func unsupported(what string) error { return invalid("Gust does not support " + what + " yet.") }

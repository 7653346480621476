// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"strings"
	"testing"

	"github.com/gustcloud/gust/test/harness"
)

// TestMissingOperationsAreNamed: whatever a client calls of a service that AWS has, it shows which operation is missing.
func TestMissingOperationsAreNamed(t *testing.T) {
	s := harness.StartAny(t)
	for _, c := range []struct{ command, code, message string }{
		{"dynamodb list-tables", "UnknownOperationException", "dynamodb: Gust does not implement the operation ListTables."}, // AWS JSON
		{"sns list-topics", "InvalidAction", "sns: Gust does not implement the operation ListTopics."},                       // Query
		{"ec2 describe-vpcs", "InvalidAction", "ec2: Gust does not implement the operation DescribeVpcs."},                   // EC2 Query
		{"s3api list-parts --bucket b --key k --upload-id u", "NotImplemented", "s3: Gust does not implement the operation ListParts."},
		{"route53 list-hosted-zones", "UnknownOperationException", "route53: Gust does not implement the operation ListHostedZones."}, // REST-XML
		{"apigatewayv2 get-apis", "UnknownOperationException", "apigatewayv2: Gust does not implement the operation GetApis."},        // REST-JSON
		{"cognito-idp initiate-auth --auth-flow USER_PASSWORD_AUTH --client-id abc", "UnknownOperationException", // unsigned
			"cognito-idp: Gust does not implement the operation InitiateAuth."},
		{"eks list-clusters", "UnknownOperationException", `Gust does not implement the service "eks"`}, // no model is imported
	} {
		_, stderr, exit := s.AWS(t, strings.Fields(c.command)...)
		if exit == 0 || !strings.Contains(stderr, "("+c.code+")") || !strings.Contains(stderr, c.message) {
			t.Errorf("%s: exit %d, %s", c.command, exit, stderr)
		}
	}
}

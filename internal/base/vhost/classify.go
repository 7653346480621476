// SPDX-License-Identifier: Apache-2.0

package vhost

import "strings"

// classify reads what stands before a base domain. Sources of the forms: "AWS service endpoints" and the endpoint tables of
// each service in the AWS General Reference, "Virtual hosting of general purpose buckets" and "Website endpoints" in the
// Amazon S3 User Guide, and the endpoint rule sets of botocore 1.43.
func classify(sub string) Name {
	n := Name{Sub: sub}
	if sub == "" || sub == "aws" {
		return n // aws.localhost is the name of the API for clients that glue a prefix onto it
	}
	if rest, ok := strings.CutSuffix(sub, ".aws"); ok {
		sub, n.Sub = rest, rest
	}
	rest, last := cutLast(sub)
	if isRegion(last) && rest != "" {
		n.Region = last
		rest = strings.TrimSuffix(rest, ".dualstack")
		rest, last = cutLast(rest)
	} else if last == "dualstack" {
		rest, last = cutLast(rest)
	}
	if kind, ok := owners[last]; ok && rest != "" {
		n.Kind, n.ID = kind, rest
		if kind == ExecuteAPI {
			n.ID, _, _ = strings.Cut(rest, "-vpce-") // the name of a private API at a VPC endpoint
		}
		return n
	}
	if n.storage(rest, last) || n.delivery(rest, last) {
		return n
	}
	n.Kind = Endpoint
	n.ID = join(rest, last)
	if n.Region == "" && rest != "" && isRegion(rest) && last == "queue" { // us-west-2.queue: SQS's names before 2012
		n.Region, n.ID = rest, last
	}
	return n.endpoint()
}

// owners are the labels before which the id of a customer's resource stands: ID.lambda-url.us-east-1.
var owners = map[string]Kind{
	"execute-api": ExecuteAPI, "lambda-url": FunctionURL, "cloudfront": Distribution, "s3-website": Website,
	"s3-accesspoint": AccessPoint, "s3-accesspoint-fips": AccessPoint, "s3-object-lambda": AccessPoint,
	"s3-outposts": AccessPoint, "s3-global": AccessPoint, "auth": SignIn,
	"s3": Bucket, "s3-accelerate": Bucket, "s3-fips": Bucket, "s3-external-1": Bucket,
}

// storage reads the names of S3 in which a label holds more than a word.
func (n *Name) storage(rest, last string) bool {
	switch {
	case strings.HasPrefix(last, "s3-website-") && isRegion(last[len("s3-website-"):]) && rest != "":
		n.Kind, n.ID, n.Region = Website, rest, last[len("s3-website-"):]
	case strings.HasPrefix(last, "s3-") && isRegion(last[len("s3-"):]): // the names of regions before 2019
		n.Region = last[len("s3-"):]
		n.Kind, n.ID = Bucket, rest
		if rest == "" {
			n.Kind, n.ID = Endpoint, "s3"
		}
	case strings.HasPrefix(last, "s3express-") && rest != "": // BUCKET.s3express-ZONE.REGION
		n.Kind, n.ID = Bucket, rest
	case last == "s3-control" && isAccount(rest):
		n.Kind, n.ID, n.Account = Endpoint, last, rest
	case rest == "" && (last == "s3-accelerate" || last == "s3-fips" || last == "s3-external-1" ||
		strings.HasPrefix(last, "s3express-")):
		n.Kind, n.ID = Endpoint, "s3"
	default:
		return false
	}
	return true
}

// delivery reads the other names in which the parts stand in an order of their own.
func (n *Name) delivery(rest, last string) bool {
	switch {
	case (last == "ecr" || last == "dkr-ecr") && rest != "": // ACCOUNT.dkr.ecr.REGION, ACCOUNT.dkr-ecr.REGION
		account := strings.TrimSuffix(rest, ".dkr")
		if !isAccount(account) || (last == "ecr") == (account == rest) {
			return false
		}
		n.Kind, n.ID, n.Account = Registry, "", account
	case last == "elb" && rest != "": // NAME.REGION.elb (application), NAME.elb.REGION (network)
		if head, region := cutLast(rest); n.Region == "" && head != "" && isRegion(region) {
			rest, n.Region = head, region
		}
		if n.Region == "" {
			return false
		}
		n.Kind, n.ID = Balancer, rest
	case isAccount(rest) && (last == "ddb" || last == "data-kinesis" || last == "control-kinesis"):
		n.Kind, n.Account = Endpoint, rest
		n.ID = map[bool]string{true: "dynamodb", false: "kinesis"}[last == "ddb"]
	default:
		return false
	}
	return true
}

// endpoint takes off what models and partitions put around the name of a service: "sync-states", "sts-fips". What is left
// of "sync-aws" is no service, but the API's own name.
func (n Name) endpoint() Name {
	for _, prefix := range hostPrefixes {
		if rest, ok := strings.CutPrefix(n.ID, prefix); ok && rest != "" {
			n.ID = rest
			break
		}
	}
	n.ID = strings.TrimSuffix(n.ID, "-fips")
	if n.ID == "aws" {
		n.Kind, n.ID = Plain, ""
	}
	return n
}

// cutLast splits at the last dot.
func cutLast(s string) (rest, last string) {
	if i := strings.LastIndexByte(s, '.'); i >= 0 {
		return s[:i], s[i+1:]
	}
	return "", s
}

func join(rest, last string) string {
	if rest == "" {
		return last
	}
	return rest + "." + last
}

// isRegion tells whether s has the form of a region: us-east-1, us-gov-west-1, eusc-de-east-1.
func isRegion(s string) bool {
	dashes := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '-':
			dashes++
		case c >= 'a' && c <= 'z':
			if i > 0 && s[i-1] >= '0' && s[i-1] <= '9' {
				return false
			}
		case c >= '0' && c <= '9':
			if dashes < 2 {
				return false
			}
		default:
			return false
		}
	}
	return dashes >= 2 && dashes <= 4 && len(s) >= 9 && len(s) <= 20 && s[0] != '-' && s[len(s)-1] >= '0' && s[len(s)-1] <= '9'
}

// isAccount tells whether s has the form of an account id.
func isAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

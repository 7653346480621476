// SPDX-License-Identifier: Apache-2.0

// Package arn takes Amazon Resource Names apart and puts them together. It does not know what any service puts into
// the resource part.
package arn

import (
	"errors"
	"strings"
)

// ARN is arn:Partition:Service:Region:Account:Resource.
// Source: "Identify AWS resources with Amazon Resource Names (ARNs)", AWS IAM User Guide, read 2026-11.
type ARN struct {
	Partition string // "aws"
	Service   string // "lambda"
	Region    string // "" for global services
	Account   string // 12 digits, or "" (S3)
	Resource  string // everything after the fifth colon: "function:name", "role/path/name"
}

// ErrInvalid is returned for text that is not an ARN.
var ErrInvalid = errors.New("not an ARN")

// Parse splits s. It checks the number of parts, the prefix, and that partition, service and resource are not empty.
func Parse(s string) (ARN, error) {
	p := strings.SplitN(s, ":", 6)
	if len(p) != 6 || p[0] != "arn" || p[1] == "" || p[2] == "" || p[5] == "" {
		return ARN{}, ErrInvalid
	}
	return ARN{Partition: p[1], Service: p[2], Region: p[3], Account: p[4], Resource: p[5]}, nil
}

// String puts the ARN together.
func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}

// Make returns the ARN of a resource in the aws partition.
func Make(service, region, account, resource string) string {
	return ARN{Partition: "aws", Service: service, Region: region, Account: account, Resource: resource}.String()
}

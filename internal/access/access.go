// SPDX-License-Identifier: Apache-2.0

// Package access answers who is asking and, later, whether they may: principals, the access keys and temporary
// credentials that prove them, and the authentication of requests. Signatures themselves are package access/sigv4.
//
// It does not route, speaks no wire format and evaluates no policies yet: Development accepts every caller, Enforce every
// caller with a right signature, both every action. Read development.go and enforce.go, then keys.go and sessions.go.
package access

import (
	"errors"
	"strings"
	"time"

	"github.com/gustcloud/gust/internal/access/sigv4"
	"github.com/gustcloud/gust/internal/base/arn"
)

const (
	// DefaultAccount is whose request it is when nothing in it names an account.
	DefaultAccount = "000000000000"
	// DefaultRegion is the region of a request without a credential scope.
	DefaultRegion = "us-east-1"
)

// Principal is who makes a request.
type Principal struct {
	ARN     string // "arn:aws:iam::123456789012:root", "arn:aws:sts::123456789012:assumed-role/Role/session"
	Account string // 12 digits
	UserID  string // the account of a root, "AROA...:session" of a role session
}

// Root is the owner of an account.
func Root(account string) Principal {
	return Principal{ARN: arn.Make("iam", "", account, "root"), Account: account, UserID: account}
}

// Credentials are what a client signs with.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string    // "" for long-term keys
	Expires         time.Time // zero for long-term keys
}

// Role is what a session is made of.
type Role struct {
	ARN string // "arn:aws:iam::123456789012:role/path/Name"
	ID  string // "AROA" and 17 more letters and digits
}

// errNotRole is returned for an ARN that is not a role's.
var errNotRole = errors.New("not the ARN of an IAM role")

// session returns the principal of a session of the role.
func (r Role) session(name string) (Principal, error) {
	a, err := arn.Parse(r.ARN)
	path, ok := strings.CutPrefix(a.Resource, "role/")
	if err != nil || a.Service != "iam" || !isAccount(a.Account) || !ok {
		return Principal{}, errNotRole
	}
	roleName := path[strings.LastIndexByte(path, '/')+1:]
	if roleName == "" || r.ID == "" || name == "" {
		return Principal{}, errNotRole
	}
	return Principal{
		ARN:     arn.Make("sts", "", a.Account, "assumed-role/"+roleName+"/"+name),
		Account: a.Account,
		UserID:  r.ID + ":" + name,
	}, nil
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// Error is a request that is not let in. Code is AWS's, in the form of its JSON protocols, S3 that of S3; the doors turn
// it into that of the request's protocol.
type Error = sigv4.Error

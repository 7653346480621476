// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"errors"
	"strings"
	"time"

	api "github.com/gustcloud/gust/internal/awsapi/iam"
	"github.com/gustcloud/gust/internal/base/arn"
	"github.com/gustcloud/gust/internal/store"
)

// Quotas. Source: "IAM and AWS STS quotas", AWS IAM User Guide, read 2026-11.
const (
	maxTrustPolicy   = 2048  // characters, white space not counted
	maxInlinePolicy  = 10240 // characters of all inline policies of a role, white space not counted
	maxAttached      = 10    // managed policies of a role
	maxTags          = 50
	maxAccessKeys    = 2    // of a user, active or not
	defaultSession   = 3600 // seconds
	defaultPageItems = 100
)

// role is the record of a role. Encoding: JSON, version 1.
type role struct {
	Name        string
	ID          string // "AROA" and 17 more
	Path        string // "/" or "/a/b/"
	Created     time.Time
	TrustPolicy string
	Description string            `json:",omitempty"`
	MaxSession  int32             // seconds
	Boundary    string            `json:",omitempty"` // ARN of the permissions boundary; stored, no effect
	Tags        tags              `json:",omitempty"`
	Inline      map[string]string `json:",omitempty"` // policy name -> document
	Attached    []string          `json:",omitempty"` // ARNs, in the order of their attachment
}

func (r *role) arn(account string) string {
	return arn.Make("iam", "", account, "role"+r.Path+r.Name)
}

//nolint:gochecknoglobals // a codec without state
var roles = store.Record[role]{Name: "iam role", Version: 1}

// user is the record of a user. Encoding: JSON, version 1. The root of an account has one too, with Keys only.
type user struct {
	Name     string
	ID       string // "AIDA" and 17 more
	Path     string // "/" or "/a/b/"
	Created  time.Time
	Boundary string   `json:",omitempty"` // ARN of the permissions boundary; stored, no effect
	Tags     tags     `json:",omitempty"`
	Keys     []string `json:",omitempty"` // ids of the access keys, at most maxAccessKeys
}

func (u *user) arn(account string) string {
	return arn.Make("iam", "", account, "user"+u.Path+u.Name)
}

// accessKey is the record of a long-term access key. Encoding: JSON, version 1. The secret stands in it as it is:
// signatures are checked with it.
type accessKey struct {
	ID      string // "AKIA" and 16 more
	Account string
	User    string `json:",omitempty"` // "": the root
	Secret  string
	Status  string // "Active", "Inactive"
	Created time.Time
}

// lastUse is the record of the last use of an access key. Encoding: JSON, version 1.
type lastUse struct {
	At              time.Time
	Region, Service string
}

//nolint:gochecknoglobals // codecs without state
var (
	users      = store.Record[user]{Name: "iam user", Version: 1}
	accessKeys = store.Record[accessKey]{Name: "iam access key", Version: 1}
	uses       = store.Record[lastUse]{Name: "iam access key last used", Version: 1}
)

const (
	kindRole      = "role"
	kindUser      = "user"
	kindRoot      = "root"
	kindAccessKey = "access-key"
	kindUse       = "access-key-used"
)

// userKey is the same for names that differ in case only.
// Source: "CreateUser", UserName, IAM API reference, read 2026-11.
func userKey(account, name string) []byte {
	return store.Key(store.PrefixIAM, account, kindUser, folded(name))
}

func userRange(account string) store.Range {
	return store.PrefixRange(store.Key(store.PrefixIAM, account, kindUser))
}

func rootKey(account string) []byte { return store.Key(store.PrefixIAM, account, kindRoot) }

// accessKeyKey and usedKey stand under no account: a request's account is known only when its key was found.
func accessKeyKey(id string) []byte { return store.Key(store.PrefixIAM, "", kindAccessKey, id) }

func usedKey(id string) []byte { return store.Key(store.PrefixIAM, "", kindUse, id) }

// roleKey is the same for names that differ in case only: AWS does not tell them apart.
// Source: "CreateRole", RoleName, IAM API reference, read 2026-11.
func roleKey(account, name string) []byte {
	return store.Key(store.PrefixIAM, account, kindRole, folded(name))
}

func folded(name string) string { return strings.ToLower(name) }

// put writes a role's record. White space of policies is not counted by the quotas, so a record can be too large for the
// store and within them; the text is unverified.
func put(tx store.Tx, key []byte, r *role) error {
	err := roles.Put(tx, key, *r)
	if errors.Is(err, store.ErrTooLarge) {
		return &api.LimitExceededException{Message: "Role " + r.Name + " is too large: its policies and tags hold too much white space or text."}
	}
	return err
}

func roleRange(account string) store.Range {
	return store.PrefixRange(store.Key(store.PrefixIAM, account, kindRole))
}

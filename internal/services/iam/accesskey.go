// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	api "github.com/gustcloud/gust/internal/awsapi/iam"
	"github.com/gustcloud/gust/internal/store"
)

// Source of the text: known from public reports of AWS's answers.
func noKey(id string) error {
	return &api.NoSuchEntityException{Message: "The Access Key with id " + id + " cannot be found."}
}

// CreateAccessKey makes an access key for a user; its secret is shown in this answer only. Without a name it is made for
// the caller.
//
// Limits: 2 access keys a user, and 2 for the root of the account.
// Errors: NoSuchEntity, LimitExceeded, ValidationError.
// Source: "CreateAccessKey", IAM API reference, read 2026-11; the text: simonw/s3-credentials issue 64, 2022-01-19.
func (s *Service) CreateAccessKey(ctx context.Context, in *api.CreateAccessKeyRequest) (*api.CreateAccessKeyResponse, error) {
	name, err := nameOrCaller(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	k := s.newKey(account(ctx), name)
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		o, err := ownerOf(tx, account(ctx), name)
		if err != nil {
			return err
		}
		if len(o.keys()) >= maxAccessKeys {
			return &api.LimitExceededException{Message: fmt.Sprintf("Cannot exceed quota for AccessKeysPerUser: %d", maxAccessKeys)}
		}
		k.User = o.user.Name // as it was created: names are found in any case
		return o.put(tx, append(o.keys(), k.ID), &k)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateAccessKeyResponse{AccessKey: &api.AccessKey{
		UserName: k.User, AccessKeyId: k.ID, Status: k.Status, SecretAccessKey: k.Secret, CreateDate: k.Created,
	}}, nil
}

// newKey makes the record of a key with a random id and secret.
func (s *Service) newKey(account, user string) accessKey {
	secret := make([]byte, 30) // 40 characters of base64, as AWS's
	if _, err := io.ReadFull(s.IDs.Random, secret); err != nil {
		panic("iam: the random source failed: " + err.Error()) // crypto/rand itself aborts the process here
	}
	return accessKey{
		ID: s.IDs.Unique("AKIA", 16), Account: account, User: user, Secret: base64.StdEncoding.EncodeToString(secret),
		Status: api.StatusTypeActive, Created: s.Clock.Now().UTC(),
	}
}

// owner is a user or the root of an account, with the ids of its access keys.
type owner struct {
	key  []byte // of the record
	user user   // without a name for the root, whose record holds keys only
}

func (o *owner) keys() []string { return o.user.Keys }

// ownerOf reads the owner of access keys; name is "" for the root. Errors: NoSuchEntity.
func ownerOf(rd store.Reader, account, name string) (*owner, error) {
	o := &owner{key: userKey(account, name)}
	if name == "" {
		o.key = rootKey(account)
	}
	var found bool
	var err error
	o.user, found, err = users.Get(rd, o.key)
	if err == nil && !found && name != "" {
		err = noUser(name)
	}
	return o, err
}

// put writes the owner with other keys, and one of them.
func (o *owner) put(tx store.Tx, keys []string, k *accessKey) error {
	o.user.Keys = keys
	if err := users.Put(tx, o.key, o.user); err != nil {
		return err
	}
	return accessKeys.Put(tx, accessKeyKey(k.ID), *k)
}

// ListAccessKeys returns the access keys of a user, without their secrets; without a name the caller's.
//
// Limits: MaxItems 1..1,000, default 100.
// Errors: NoSuchEntity, ValidationError, InvalidInput.
// Source: "ListAccessKeys", IAM API reference, read 2026-11.
func (s *Service) ListAccessKeys(ctx context.Context, in *api.ListAccessKeysRequest) (*api.ListAccessKeysResponse, error) {
	name, err := nameOrCaller(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	var all []api.AccessKeyMetadata
	err = s.Store.View(ctx, func(rd store.Reader) error {
		all = nil
		o, err := ownerOf(rd, account(ctx), name)
		if err != nil {
			return err
		}
		for _, id := range o.keys() {
			k, found, err := accessKeys.Get(rd, accessKeyKey(id))
			if err != nil {
				return err
			}
			if found {
				all = append(all, api.AccessKeyMetadata{
					UserName: &k.User, AccessKeyId: &k.ID, Status: &k.Status, CreateDate: k.Created,
				})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	id := func(k api.AccessKeyMetadata) string { return *k.AccessKeyId }
	slices.SortFunc(all, func(a, b api.AccessKeyMetadata) int { return strings.Compare(id(a), id(b)) })
	cut, truncated, next, err := page(all, id, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &api.ListAccessKeysResponse{AccessKeyMetadata: cut, IsTruncated: &truncated, Marker: next}, nil
}

// UpdateAccessKey makes an access key active or inactive; requests signed with an inactive one are refused at once.
//
// Errors: NoSuchEntity, ValidationError.
// Source: "UpdateAccessKey", IAM API reference, read 2026-11.
func (s *Service) UpdateAccessKey(ctx context.Context, in *api.UpdateAccessKeyRequest) (*api.UpdateAccessKeyOutput, error) {
	if in.Status == api.StatusTypeExpired { // in the enumeration, but for other kinds of keys; the text is unverified
		return nil, &api.ValidationError{Message: "Status can only be Active or Inactive."}
	}
	return &api.UpdateAccessKeyOutput{}, s.changeKey(ctx, in.UserName, in.AccessKeyId, func(tx store.Tx, o *owner, k *accessKey) error {
		k.Status = strings.Clone(in.Status)
		return o.put(tx, o.keys(), k)
	})
}

// DeleteAccessKey removes an access key; requests signed with it are refused at once.
//
// Errors: NoSuchEntity, ValidationError.
// Source: "DeleteAccessKey", IAM API reference, read 2026-11.
func (s *Service) DeleteAccessKey(ctx context.Context, in *api.DeleteAccessKeyRequest) (*api.DeleteAccessKeyOutput, error) {
	return &api.DeleteAccessKeyOutput{}, s.changeKey(ctx, in.UserName, in.AccessKeyId, func(tx store.Tx, o *owner, k *accessKey) error {
		o.user.Keys = slices.DeleteFunc(o.keys(), func(id string) bool { return id == k.ID })
		tx.Delete(accessKeyKey(k.ID))
		tx.Delete(usedKey(k.ID))
		return users.Put(tx, o.key, o.user)
	})
}

// changeKey changes one access key of a user, of the caller when name is nil, and makes this process forget what it knew
// of the key before it returns.
func (s *Service) changeKey(ctx context.Context, name *string, id string, fn func(store.Tx, *owner, *accessKey) error) error {
	user, err := nameOrCaller(ctx, name)
	if err != nil {
		return err
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		o, err := ownerOf(tx, account(ctx), user)
		if err != nil {
			return err
		}
		if !slices.Contains(o.keys(), id) {
			return noKey(id)
		}
		k, found, err := accessKeys.Get(tx, accessKeyKey(id))
		if err == nil && !found {
			err = noKey(id)
		}
		if err != nil {
			return err
		}
		return fn(tx, o, &k)
	})
	s.cache.forget(id) // whatever the outcome: it may be unknown
	return err
}

// GetAccessKeyLastUsed tells when, where and for what an access key was used last.
//
// Errors: NoSuchEntity.
// Source: "GetAccessKeyLastUsed", IAM API reference, read 2026-11, also for "N/A".
func (s *Service) GetAccessKeyLastUsed(ctx context.Context, in *api.GetAccessKeyLastUsedRequest) (*api.GetAccessKeyLastUsedResponse, error) {
	var k accessKey
	used := lastUse{Region: "N/A", Service: "N/A"}
	err := s.Store.View(ctx, func(rd store.Reader) error {
		var found bool
		var err error
		if k, found, err = accessKeys.Get(rd, accessKeyKey(in.AccessKeyId)); err != nil {
			return err
		}
		if !found || k.Account != account(ctx) {
			return noKey(in.AccessKeyId)
		}
		stored, found, err := uses.Get(rd, usedKey(in.AccessKeyId))
		if found {
			used = stored
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if u, ok := s.cache.lastUse(in.AccessKeyId); ok {
		used = u
	}
	return &api.GetAccessKeyLastUsedResponse{UserName: &k.User, AccessKeyLastUsed: &api.AccessKeyLastUsed{
		LastUsedDate: used.At.Truncate(time.Second), Region: used.Region, ServiceName: used.Service,
	}}, nil
}

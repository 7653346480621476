// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/access"
	api "github.com/gustcloud/gust/internal/awsapi/iam"
	"github.com/gustcloud/gust/internal/base/reqctx"
)

// as is a request of a principal of account 123456789012.
func as(ctx context.Context, arn string) context.Context {
	return reqctx.With(ctx, reqctx.Request{Scope: reqctx.Scope{Account: "123456789012", Region: "eu-central-1"}, PrincipalARN: arn})
}

func (s *Service) mustUser(ctx context.Context, t *testing.T, name, path string) {
	t.Helper()
	if _, err := s.CreateUser(ctx, &api.CreateUserRequest{UserName: name, Path: &path}); err != nil {
		t.Fatal(err)
	}
}

func (s *Service) mustKey(ctx context.Context, t *testing.T, user *string) *api.AccessKey {
	t.Helper()
	out, err := s.CreateAccessKey(ctx, &api.CreateAccessKeyRequest{UserName: user})
	if err != nil {
		t.Fatal(err)
	}
	return out.AccessKey
}

func TestUsersAreReadBack(t *testing.T) {
	s, ctx := newService(t), scoped(t.Context())
	made, err := s.CreateUser(ctx, &api.CreateUserRequest{UserName: "Bob", Path: new("/team/"), Tags: []api.Tag{{Key: "b", Value: "2"}, {Key: "a", Value: "1"}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.GetUser(ctx, &api.GetUserRequest{UserName: new("bOB")})
	if err != nil {
		t.Fatal(err)
	}
	u := got.User
	if u.UserName != "Bob" || u.Arn != "arn:aws:iam::123456789012:user/team/Bob" || u.UserId != made.User.UserId ||
		!strings.HasPrefix(u.UserId, "AIDA") || len(u.UserId) != 21 || len(u.Tags) != 2 || u.Tags[0].Key != "a" {
		t.Errorf("user %+v", u)
	}
	_, err = s.CreateUser(ctx, &api.CreateUserRequest{UserName: "BOB"})
	if text(err) != "exists: User with name BOB already exists." {
		t.Errorf("a second one: %v", err)
	}
	s.mustUser(ctx, t, "alice", "/")
	for prefix, want := range map[string]string{"/": "alice Bob", "/team/": "Bob", "/x/": ""} {
		list, err := s.ListUsers(ctx, &api.ListUsersRequest{PathPrefix: &prefix})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, u := range list.Users {
			names = append(names, u.UserName)
			if u.Tags != nil {
				t.Errorf("%s has tags in a list", u.UserName)
			}
		}
		if strings.Join(names, " ") != want {
			t.Errorf("below %s: %v, want %s", prefix, names, want)
		}
	}
	other := reqctx.With(ctx, reqctx.Request{Scope: reqctx.Scope{Account: "210987654321"}})
	if _, err := s.GetUser(other, &api.GetUserRequest{UserName: new("Bob")}); text(err) != "absent: The user with name Bob cannot be found." {
		t.Errorf("another account: %v", err)
	}
}

func TestAccessKeyLimitsAndConflicts(t *testing.T) {
	s, ctx := newService(t), scoped(t.Context())
	s.mustUser(ctx, t, "bob", "/")
	first := s.mustKey(ctx, t, new("BOB"))
	if first.UserName != "bob" || len(first.AccessKeyId) != 20 || !strings.HasPrefix(first.AccessKeyId, "AKIA") ||
		len(first.SecretAccessKey) != 40 || first.Status != "Active" {
		t.Errorf("key %+v", first)
	}
	second := s.mustKey(ctx, t, new("bob"))
	_, err := s.CreateAccessKey(ctx, &api.CreateAccessKeyRequest{UserName: new("bob")})
	if text(err) != "limit: Cannot exceed quota for AccessKeysPerUser: 2" {
		t.Errorf("a third key: %v", err)
	}
	if _, err := s.DeleteUser(ctx, &api.DeleteUserRequest{UserName: "bob"}); text(err) != "conflict: Cannot delete entity, must delete access keys first." {
		t.Errorf("delete with keys: %v", err)
	}
	list, err := s.ListAccessKeys(ctx, &api.ListAccessKeysRequest{UserName: new("bob")})
	if err != nil || len(list.AccessKeyMetadata) != 2 {
		t.Fatalf("keys %+v, %v", list, err)
	}
	s.mustUser(ctx, t, "eve", "/")
	for _, id := range []string{first.AccessKeyId, "AKIAIOSFODNN7EXAMPLE"} {
		_, err := s.DeleteAccessKey(ctx, &api.DeleteAccessKeyRequest{UserName: new("eve"), AccessKeyId: id})
		if text(err) != "absent: The Access Key with id "+id+" cannot be found." {
			t.Errorf("eve deletes %s: %v", id, err)
		}
	}
	for _, id := range []string{first.AccessKeyId, second.AccessKeyId} {
		if _, err := s.DeleteAccessKey(ctx, &api.DeleteAccessKeyRequest{UserName: new("bob"), AccessKeyId: id}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.DeleteUser(ctx, &api.DeleteUserRequest{UserName: "bob"}); err != nil {
		t.Error(err)
	}
	for _, err := range []error{
		failed(s.CreateAccessKey(ctx, &api.CreateAccessKeyRequest{UserName: new("bob")})),
		failed(s.ListAccessKeys(ctx, &api.ListAccessKeysRequest{UserName: new("bob")})),
		failed(s.DeleteUser(ctx, &api.DeleteUserRequest{UserName: "bob"})),
	} {
		if text(err) != "absent: The user with name bob cannot be found." {
			t.Errorf("of a deleted user: %v", err)
		}
	}
}

func failed[T any](_ T, err error) error { return err }

func TestWhoseKeysAreMeant(t *testing.T) {
	s := newService(t)
	root, bob := as(t.Context(), "arn:aws:iam::123456789012:root"), as(t.Context(), "arn:aws:iam::123456789012:user/a/b/bob")
	s.mustUser(root, t, "bob", "/a/b/")
	if k := s.mustKey(bob, t, nil); k.UserName != "bob" {
		t.Errorf("bob's own key: %+v", k)
	}
	if k := s.mustKey(root, t, nil); k.UserName != "" {
		t.Errorf("root's own key: %+v", k)
	}
	for want, ctx := range map[string]context.Context{"bob": bob, "": root} {
		out, err := s.ListAccessKeys(ctx, &api.ListAccessKeysRequest{})
		if err != nil || len(out.AccessKeyMetadata) != 1 || *out.AccessKeyMetadata[0].UserName != want {
			t.Errorf("%q: %+v, %v", want, out, err)
		}
		u, err := s.GetUser(ctx, &api.GetUserRequest{})
		if err != nil || u.User.UserName != want {
			t.Errorf("%q: %+v, %v", want, u, err)
		}
	}
	session := as(t.Context(), "arn:aws:sts::123456789012:assumed-role/r/s")
	var refused *api.ValidationError
	if _, err := s.CreateAccessKey(session, &api.CreateAccessKeyRequest{}); !errors.As(err, &refused) {
		t.Errorf("a session's own key: %v", err)
	}
}

func TestKeysAreFoundAsTheyAreNow(t *testing.T) {
	s, ctx := newService(t), scoped(t.Context())
	s.mustUser(ctx, t, "bob", "/x/")
	k := s.mustKey(ctx, t, new("bob"))
	find := func() (access.Key, bool) {
		t.Helper()
		got, found, err := s.Key(t.Context(), k.AccessKeyId) // no account: that is what a key tells
		if err != nil {
			t.Fatal(err)
		}
		return got, found
	}
	want := access.Key{
		Principal: access.Principal{ARN: "arn:aws:iam::123456789012:user/x/bob", Account: "123456789012"},
		Secret:    k.SecretAccessKey, Active: true,
	}
	for range 2 { // from the store, then from memory
		got, found := find()
		want.Principal.UserID = got.Principal.UserID
		if !found || got != want || !strings.HasPrefix(got.Principal.UserID, "AIDA") {
			t.Errorf("found %v %+v, want %+v", found, got, want)
		}
	}
	if _, found, err := s.Key(t.Context(), "AKIAIOSFODNN7EXAMPLE"); found || err != nil {
		t.Errorf("a made-up id: %v, %v", found, err)
	}
	for _, status := range []string{"Inactive", "Active"} {
		if _, err := s.UpdateAccessKey(ctx, &api.UpdateAccessKeyRequest{UserName: new("bob"), AccessKeyId: k.AccessKeyId, Status: status}); err != nil {
			t.Fatal(err)
		}
		if got, found := find(); !found || got.Active != (status == "Active") {
			t.Errorf("%s: %v %+v", status, found, got)
		}
	}
	if _, err := s.UpdateAccessKey(ctx, &api.UpdateAccessKeyRequest{UserName: new("bob"), AccessKeyId: k.AccessKeyId, Status: "Expired"}); err == nil {
		t.Error("a key expires by hand")
	}
	if _, err := s.DeleteAccessKey(ctx, &api.DeleteAccessKeyRequest{UserName: new("bob"), AccessKeyId: k.AccessKeyId}); err != nil {
		t.Fatal(err)
	}
	if _, found := find(); found {
		t.Error("a deleted key is found")
	}
}

// A reader that read before a change and comes to remember it after must not: the change was acknowledged meanwhile.
func TestCacheForgetsForSlowReaders(t *testing.T) {
	var c keyCache
	now := time.Date(2026, 11, 25, 10, 15, 0, 0, time.UTC)
	_, _, before := c.get("AKIA", now)
	c.forget("AKIA")
	c.put("AKIA", cachedKey{access.Key{Secret: "old", Active: true}, now}, before)
	if k, ok, _ := c.get("AKIA", now); ok {
		t.Errorf("remembered %+v", k)
	}
	c.put("AKIA", cachedKey{access.Key{Secret: "new", Active: true}, now}, c.changes)
	for age, want := range map[time.Duration]bool{0: true, maxKeyAge - 1: true, maxKeyAge: false} {
		if _, ok, _ := c.get("AKIA", now.Add(age)); ok != want {
			t.Errorf("after %v: %v", age, ok)
		}
	}
	for i := range maxCachedKeys + 10 {
		c.put(strings.Repeat("x", i%7)+string(rune(i)), cachedKey{}, c.changes)
	}
	if len(c.found) > maxCachedKeys {
		t.Errorf("%d keys are remembered", len(c.found))
	}
}

func TestLastUses(t *testing.T) {
	s, ctx := newService(t), scoped(t.Context())
	s.mustUser(ctx, t, "bob", "/")
	k := s.mustKey(ctx, t, new("bob"))
	used := func(s *Service) *api.AccessKeyLastUsed {
		t.Helper()
		out, err := s.GetAccessKeyLastUsed(ctx, &api.GetAccessKeyLastUsedRequest{AccessKeyId: k.AccessKeyId})
		if err != nil || *out.UserName != "bob" {
			t.Fatalf("%+v, %v", out, err)
		}
		return out.AccessKeyLastUsed
	}
	if u := used(s); u.ServiceName != "N/A" || u.Region != "N/A" || !u.LastUsedDate.IsZero() {
		t.Errorf("never used: %+v", u)
	}
	at := time.Date(2026, 11, 25, 10, 15, 7, 5, time.UTC)
	s.Used(k.AccessKeyId, "eu-central-1", "s3", at) // nobody has found it yet: it may be deleted
	if u := used(s); u.ServiceName != "N/A" {
		t.Errorf("used without being found: %+v", u)
	}
	if _, _, err := s.Key(ctx, k.AccessKeyId); err != nil {
		t.Fatal(err)
	}
	s.Used(k.AccessKeyId, "eu-central-1", "s3", at)
	if u := used(s); u.ServiceName != "s3" || u.Region != "eu-central-1" || !u.LastUsedDate.Equal(at.Truncate(time.Second)) {
		t.Errorf("not written yet: %+v", u)
	}
	if err := s.writeUses(ctx); err != nil {
		t.Fatal(err)
	}
	if u := used(New(s.Deps)); u.ServiceName != "s3" || !u.LastUsedDate.Equal(at.Truncate(time.Second)) {
		t.Errorf("after a restart: %+v", u)
	}
	other := reqctx.With(ctx, reqctx.Request{Scope: reqctx.Scope{Account: "210987654321"}})
	if _, err := s.GetAccessKeyLastUsed(other, &api.GetAccessKeyLastUsedRequest{AccessKeyId: k.AccessKeyId}); !strings.HasPrefix(text(err), "absent: ") {
		t.Errorf("another account: %v", err)
	}
	s.Used(k.AccessKeyId, "eu-central-1", "s3", at.Add(time.Hour))
	if _, err := s.DeleteAccessKey(ctx, &api.DeleteAccessKeyRequest{UserName: new("bob"), AccessKeyId: k.AccessKeyId}); err != nil {
		t.Fatal(err)
	}
	if err := s.writeUses(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := s.GetAccessKeyLastUsed(ctx, &api.GetAccessKeyLastUsedRequest{AccessKeyId: k.AccessKeyId}); !strings.HasPrefix(text(err), "absent: ") {
		t.Errorf("deleted: %v", err)
	}
}

func TestRootKey(t *testing.T) {
	s := newService(t)
	first, made, err := s.RootKey(t.Context(), "000000000000", false)
	if err != nil || !made {
		t.Fatal(made, err)
	}
	got, found, err := s.Key(t.Context(), first.AccessKeyID)
	if err != nil || !found || got != (access.Key{Principal: access.Root("000000000000"), Secret: first.SecretAccessKey, Active: true}) {
		t.Errorf("%+v, %v, %v", got, found, err)
	}
	if again, made, err := s.RootKey(t.Context(), "000000000000", false); made || err != nil || again.SecretAccessKey != "" {
		t.Errorf("made again: %v, %v", made, err)
	}
	second, made, err := s.RootKey(t.Context(), "000000000000", true)
	if err != nil || !made || second.AccessKeyID == first.AccessKeyID {
		t.Errorf("reset: %v, %v", made, err)
	}
	if _, found, err := s.Key(t.Context(), first.AccessKeyID); found || err != nil {
		t.Errorf("the old root key: %v, %v", found, err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	api "github.com/gustcloud/gust/internal/awsapi/iam"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/store/engine/pebble"
)

const (
	trust   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	managed = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
)

func newService(t *testing.T) *Service {
	t.Helper()
	st, err := pebble.Open(pebble.Options{Ephemeral: true, Clock: clock.System{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return New(Deps{Store: st, Clock: clock.System{}, IDs: ids.System(), Log: slog.New(slog.DiscardHandler)})
}

func scoped(ctx context.Context) context.Context {
	return reqctx.With(ctx, reqctx.Request{Scope: reqctx.Scope{Account: "123456789012", Region: "eu-central-1"}})
}

func (s *Service) create(ctx context.Context, t *testing.T, name, path string) {
	t.Helper()
	if _, err := s.CreateRole(ctx, &api.CreateRoleRequest{RoleName: name, Path: &path, AssumeRolePolicyDocument: trust}); err != nil {
		t.Fatal(err)
	}
}

// text is the kind of an error and its message.
func text(err error) string {
	var (
		absent    *api.NoSuchEntityException
		exists    *api.EntityAlreadyExistsException
		malformed *api.MalformedPolicyDocumentException
		limit     *api.LimitExceededException
		invalid   *api.InvalidInputException
		conflict  *api.DeleteConflictException
	)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &absent):
		return "absent: " + absent.Message
	case errors.As(err, &exists):
		return "exists: " + exists.Message
	case errors.As(err, &malformed):
		return "malformed: " + malformed.Message
	case errors.As(err, &limit):
		return "limit: " + limit.Message
	case errors.As(err, &invalid):
		return "invalid: " + invalid.Message
	case errors.As(err, &conflict):
		return "conflict: " + conflict.Message
	}
	return "internal: " + err.Error()
}

func TestRoleIsReadBack(t *testing.T) {
	s, ctx := newService(t), scoped(t.Context())
	made, err := s.CreateRole(ctx, &api.CreateRoleRequest{
		RoleName: "r", Path: new("/service-role/"), AssumeRolePolicyDocument: trust, Description: new("d"),
		MaxSessionDuration: new(int32(7200)), Tags: []api.Tag{{Key: "b", Value: "2"}, {Key: "a", Value: "1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.GetRole(ctx, &api.GetRoleRequest{RoleName: "r"})
	if err != nil {
		t.Fatal(err)
	}
	r := got.Role
	if r.Arn != "arn:aws:iam::123456789012:role/service-role/r" || r.RoleId != made.Role.RoleId || len(r.RoleId) != 21 || !strings.HasPrefix(r.RoleId, "AROA") ||
		*r.MaxSessionDuration != 7200 || *r.Description != "d" || !r.CreateDate.Equal(made.Role.CreateDate) {
		t.Errorf("role: %+v", r)
	}
	if fmt.Sprint(r.Tags) != "[{a 1} {b 2}]" {
		t.Errorf("tags %v", r.Tags)
	}
	if d := *r.AssumeRolePolicyDocument; !strings.HasPrefix(d, "%7B%22Version%22%3A%222012-10-17%22%2C") || strings.ContainsAny(d, `+*"{ `) {
		t.Errorf("document %s", d)
	}
	other := reqctx.With(ctx, reqctx.Request{Scope: reqctx.Scope{Account: "210987654321"}})
	if _, err := s.GetRole(other, &api.GetRoleRequest{RoleName: "r"}); text(err) != "absent: The role with name r cannot be found." {
		t.Errorf("another account: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	s, ctx := newService(t), scoped(t.Context())
	s.create(ctx, t, "r", "/")
	create := func(name, document string, tags ...api.Tag) error {
		_, err := s.CreateRole(ctx, &api.CreateRoleRequest{RoleName: name, AssumeRolePolicyDocument: document, Tags: tags})
		return err
	}
	put := func(role, document string) error {
		_, err := s.PutRolePolicy(ctx, &api.PutRolePolicyRequest{RoleName: role, PolicyName: "p", PolicyDocument: document})
		return err
	}
	attach := func(arn string) error {
		_, err := s.AttachRolePolicy(ctx, &api.AttachRolePolicyRequest{RoleName: "r", PolicyArn: arn})
		return err
	}
	statement := func(n int) string { // a document of n characters
		return `{"Statement":[],"Id":"` + strings.Repeat("x", n-24) + `"}`
	}
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"taken", create("r", trust), "exists: Role with name r already exists."},
		{"taken in another case", create("R", trust), "exists: Role with name R already exists."},
		{"no JSON", create("n", "{"), "malformed: This policy contains invalid Json"},
		{"something behind the JSON", create("n", trust+"}"), "malformed: This policy contains invalid Json"},
		{"no statement", create("n", `{"Version":"2012-10-17"}`), "malformed: Syntax errors in policy."},
		{"null statement", create("n", `{"Statement":null}`), "malformed: Syntax errors in policy."},
		{"text for statement", create("n", `{"Statement":"x"}`), "malformed: Syntax errors in policy."},
		{"version", create("n", `{"Version":"2020-01-01","Statement":[]}`), "malformed: Syntax errors in policy."},
		{"longest trust policy", create("longest", statement(2048)), ""},
		{"trust policy too long", create("n", statement(2049)), "limit: Cannot exceed quota for ACLSizePerRole: 2048"},
		{"white space is free", create("spaces", strings.ReplaceAll(trust, ",", ",\n"+strings.Repeat(" ", 3000))), ""},
		{
			"white space over the store's limit", create("n", strings.ReplaceAll(trust, ",", ","+strings.Repeat(" ", 40000))),
			"limit: Role n is too large: its policies and tags hold too much white space or text.",
		},
		{
			"same tag twice", create("n", trust, api.Tag{Key: "a"}, api.Tag{Key: "A"}),
			"invalid: Duplicate tag keys found. Please note that Tag keys are case insensitive.",
		},
		{"policy of no role", put("none", trust), "absent: The role with name none cannot be found."},
		{"longest policy", put("r", statement(10240)), ""},
		{"policy too long", put("r", statement(10241)), "limit: Maximum policy size of 10240 bytes exceeded for role r"},
		{"attach", attach(managed), ""},
		{"attach again", attach(managed), ""},
		{"attach no ARN", attach("x"), "invalid: ARN x is not valid."},
		{"attach a role", attach("arn:aws:iam::123456789012:role/r"), "invalid: ARN arn:aws:iam::123456789012:role/r is not valid."},
		{
			"attach own policy", attach("arn:aws:iam::123456789012:policy/p"),
			"absent: Policy arn:aws:iam::123456789012:policy/p does not exist or is not attachable.",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := text(c.err); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestDeleteWantsARoleWithoutPolicies(t *testing.T) {
	s, ctx := newService(t), scoped(t.Context())
	s.create(ctx, t, "r", "/")
	remove := func() string {
		_, err := s.DeleteRole(ctx, &api.DeleteRoleRequest{RoleName: "r"})
		return text(err)
	}
	steps := []struct {
		name string
		do   func() error
		want string // of the deletion that follows
	}{
		{"attach", func() error {
			_, err := s.AttachRolePolicy(ctx, &api.AttachRolePolicyRequest{RoleName: "r", PolicyArn: managed})
			return err
		}, "conflict: Cannot delete entity, must detach all policies first."},
		{"put", func() error {
			_, err := s.PutRolePolicy(ctx, &api.PutRolePolicyRequest{RoleName: "r", PolicyName: "p", PolicyDocument: trust})
			return err
		}, "conflict: Cannot delete entity, must detach all policies first."},
		{"detach", func() error {
			_, err := s.DetachRolePolicy(ctx, &api.DetachRolePolicyRequest{RoleName: "r", PolicyArn: managed})
			return err
		}, "conflict: Cannot delete entity, must delete policies first."},
		{"delete the policy", func() error {
			_, err := s.DeleteRolePolicy(ctx, &api.DeleteRolePolicyRequest{RoleName: "r", PolicyName: "p"})
			return err
		}, ""},
		{"again", func() error { return nil }, "absent: The role with name r cannot be found."},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := remove(); got != step.want {
			t.Errorf("delete after %s: %q, want %q", step.name, got, step.want)
		}
	}
}

func TestWhatIsNotThere(t *testing.T) {
	s, ctx := newService(t), scoped(t.Context())
	s.create(ctx, t, "r", "/")
	_, get := s.GetRolePolicy(ctx, &api.GetRolePolicyRequest{RoleName: "r", PolicyName: "p"})
	_, remove := s.DeleteRolePolicy(ctx, &api.DeleteRolePolicyRequest{RoleName: "r", PolicyName: "p"})
	_, detach := s.DetachRolePolicy(ctx, &api.DetachRolePolicyRequest{RoleName: "r", PolicyArn: managed})
	_, profiles := s.ListInstanceProfilesForRole(ctx, &api.ListInstanceProfilesForRoleRequest{RoleName: "none"})
	_, trusted := s.UpdateAssumeRolePolicy(ctx, &api.UpdateAssumeRolePolicyRequest{RoleName: "none", PolicyDocument: trust})
	for i, c := range []struct {
		err  error
		want string
	}{
		{get, "absent: The role policy with name p cannot be found."},
		{remove, "absent: The role policy with name p cannot be found."},
		{detach, "absent: Policy " + managed + " was not found."},
		{profiles, "absent: The role with name none cannot be found."},
		{trusted, "absent: The role with name none cannot be found."},
	} {
		if got := text(c.err); got != c.want {
			t.Errorf("%d: %q, want %q", i, got, c.want)
		}
	}
}

func TestListRolesGivesEachRoleOnce(t *testing.T) {
	s, ctx := newService(t), scoped(t.Context())
	for i, name := range []string{"b", "A", "d", "C", "e"} {
		s.create(ctx, t, name, []string{"/", "/x/"}[i%2])
	}
	for _, c := range []struct {
		prefix, want string
		items        int32
	}{
		{"/", "A b C d e", 100}, {"/", "A b C d e", 2}, {"/", "A b C d e", 1}, {"/x/", "A C", 1}, {"/none/", "", 1},
	} {
		in := &api.ListRolesRequest{PathPrefix: &c.prefix, MaxItems: &c.items}
		var names []string
		for {
			out, err := s.ListRoles(ctx, in)
			if err != nil {
				t.Fatal(err)
			}
			if out.Roles == nil || len(out.Roles) > int(c.items) || *out.IsTruncated != (out.Marker != nil) {
				t.Errorf("%+v: answer %+v", c, out)
			}
			for _, r := range out.Roles {
				names = append(names, r.RoleName)
			}
			if in.Marker = out.Marker; in.Marker == nil {
				break
			}
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
	if _, err := s.ListRoles(ctx, &api.ListRolesRequest{Marker: new("%")}); text(err) != "invalid: Invalid Marker." {
		t.Errorf("marker: %v", err)
	}
}

func TestTags(t *testing.T) {
	s, ctx := newService(t), scoped(t.Context())
	s.create(ctx, t, "r", "/")
	tag := func(tags ...api.Tag) error {
		_, err := s.TagRole(ctx, &api.TagRoleRequest{RoleName: "r", Tags: tags})
		return err
	}
	list := func() string {
		out, err := s.ListRoleTags(ctx, &api.ListRoleTagsRequest{RoleName: "r"})
		if err != nil || out.Tags == nil {
			t.Fatalf("tags %v, %v", out, err)
		}
		return fmt.Sprint(out.Tags)
	}
	if got := list(); got != "[]" {
		t.Errorf("no tags: %s", got)
	}
	if err := tag(api.Tag{Key: "b", Value: "1"}, api.Tag{Key: "a", Value: "1"}); err != nil {
		t.Fatal(err)
	}
	if err := tag(api.Tag{Key: "B", Value: "2"}); err != nil {
		t.Fatal(err)
	}
	if got := list(); got != "[{B 2} {a 1}]" {
		t.Errorf("changed in another case: %s", got)
	}
	var many []api.Tag
	for i := range 49 {
		many = append(many, api.Tag{Key: fmt.Sprint(i)})
	}
	if got := text(tag(many...)); got != "limit: Cannot exceed quota for TagsPerRole: 50" {
		t.Errorf("51 tags: %q", got)
	}
	if _, err := s.UntagRole(ctx, &api.UntagRoleRequest{RoleName: "r", TagKeys: []string{"b", "none"}}); err != nil {
		t.Fatal(err)
	}
	if got := list(); got != "[{a 1}]" {
		t.Errorf("after removal and a refused change: %s", got)
	}
}

func TestPolicyLists(t *testing.T) {
	s, ctx := newService(t), scoped(t.Context())
	s.create(ctx, t, "r", "/")
	for i := range maxAttached {
		if _, err := s.AttachRolePolicy(ctx, &api.AttachRolePolicyRequest{RoleName: "r", PolicyArn: fmt.Sprintf("arn:aws:iam::aws:policy/x/p%d", 9-i)}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.AttachRolePolicy(ctx, &api.AttachRolePolicyRequest{RoleName: "r", PolicyArn: managed})
	if got := text(err); got != "limit: Cannot exceed quota for PoliciesPerRole: 10" {
		t.Errorf("11 policies: %q", got)
	}
	out, err := s.ListAttachedRolePolicies(ctx, &api.ListAttachedRolePoliciesRequest{RoleName: "r", MaxItems: new(int32(3))})
	if err != nil || len(out.AttachedPolicies) != 3 || *out.AttachedPolicies[0].PolicyName != "p0" || !*out.IsTruncated {
		t.Errorf("attached: %+v, %v", out, err)
	}
	out, err = s.ListAttachedRolePolicies(ctx, &api.ListAttachedRolePoliciesRequest{RoleName: "r", PathPrefix: new("/y/")})
	if err != nil || len(out.AttachedPolicies) != 0 || *out.IsTruncated {
		t.Errorf("attached below another path: %+v, %v", out, err)
	}
	inline, err := s.ListRolePolicies(ctx, &api.ListRolePoliciesRequest{RoleName: "r"})
	if err != nil || inline.PolicyNames == nil || len(inline.PolicyNames) != 0 {
		t.Errorf("inline: %+v, %v", inline, err)
	}
	if _, err := s.PutRolePolicy(ctx, &api.PutRolePolicyRequest{RoleName: "r", PolicyName: "p", PolicyDocument: trust}); err != nil {
		t.Fatal(err)
	}
	got, err := s.GetRolePolicy(ctx, &api.GetRolePolicyRequest{RoleName: "r", PolicyName: "p"})
	if err != nil || got.PolicyDocument != encodeDocument(trust) {
		t.Errorf("policy: %+v, %v", got, err)
	}
}

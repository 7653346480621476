// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"slices"
	"strings"

	api "github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/base/arn"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/store"
)

func scopeOf(ctx context.Context) reqctx.Scope { return reqctx.From(ctx).Scope }

// Texts of these errors are known from public reports of AWS's answers.

func invalid(text string) error { return &api.InvalidParameterException{Message: text} }
func invalidToken() error       { return invalid("The specified nextToken is invalid.") }

func noGroup() error {
	return &api.ResourceNotFoundException{Message: "The specified log group does not exist."}
}

func noStream() error {
	return &api.ResourceNotFoundException{Message: "The specified log stream does not exist."}
}

func value[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// readGroup reads a group's record, or ResourceNotFoundException.
func readGroup(r store.Reader, scope reqctx.Scope, name string) (group, error) {
	g, there, err := groups.Get(r, groupKey(scope, name))
	if err == nil && !there {
		err = noGroup()
	}
	return g, err
}

// groupNameOf returns the name of the group that a request names by its name or by its name or ARN.
func groupNameOf(scope reqctx.Scope, name, identifier *string) (string, error) {
	switch {
	case name != nil && identifier != nil: // unverified
		return "", invalid("Only one of logGroupName and logGroupIdentifier may be given.")
	case name != nil:
		return *name, nil
	case identifier == nil: // unverified
		return "", invalid("One of logGroupName and logGroupIdentifier must be given.")
	}
	return parseIdentifier(scope, *identifier)
}

// parseIdentifier takes a group's name or its ARN. The text is unverified.
func parseIdentifier(scope reqctx.Scope, text string) (string, error) {
	if !strings.HasPrefix(text, "arn:") {
		return text, nil
	}
	a, err := arn.Parse(text)
	name, ok := strings.CutPrefix(a.Resource, "log-group:")
	if name = strings.TrimSuffix(name, ":*"); err != nil || !ok || a.Service != service || name == "" || strings.Contains(name, ":") {
		return "", invalid("The specified ARN is not that of a log group: " + text)
	}
	if a.Account != scope.Account || a.Region != scope.Region {
		return "", noGroup()
	}
	return name, nil
}

// change rewrites a group's record in a transaction.
func (s *Service) change(ctx context.Context, name string, fn func(*group) error) error {
	return s.Store.Update(ctx, func(tx store.Tx) error {
		g, err := readGroup(tx, scopeOf(ctx), name)
		if err != nil {
			return err
		}
		if err := fn(&g); err != nil {
			return err
		}
		return groups.Put(tx, groupKey(scopeOf(ctx), name), g)
	})
}

// CreateLogGroup makes an empty group.
//
// Limits: name 1..512 characters; 50 tags.
// Errors: ResourceAlreadyExistsException, InvalidParameterException.
// Source: "CreateLogGroup", CloudWatch Logs API reference, read 2026-11.
func (s *Service) CreateLogGroup(ctx context.Context, in *api.CreateLogGroupRequest) (*api.CreateLogGroupOutput, error) {
	if strings.HasPrefix(in.LogGroupName, "aws/") { // unverified
		return nil, invalid("Log group names can not start with aws/.")
	}
	if value(in.DeletionProtectionEnabled, false) {
		return nil, invalid("Gust does not support deletion protection (deletionProtectionEnabled) yet.")
	}
	g := group{
		Name: strings.Clone(in.LogGroupName), Created: s.Clock.Now().UnixMilli(), KMSKey: strings.Clone(value(in.KmsKeyId, "")),
		Class: strings.Clone(value(in.LogGroupClass, "")),
	}
	if err := g.tag(in.Tags, groupARN(scopeOf(ctx), g.Name)); err != nil {
		return nil, err
	}
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		key := groupKey(scopeOf(ctx), g.Name)
		_, there, err := groups.Get(tx, key)
		if err != nil {
			return err
		}
		if there {
			return &api.ResourceAlreadyExistsException{Message: "The specified log group already exists"}
		}
		return g.create(tx, key)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateLogGroupOutput{}, nil
}

// create gives a new group its id and writes its record.
func (g *group) create(tx store.Tx, key []byte) (err error) {
	if g.ID, err = store.AllocateID(tx); err != nil {
		return err
	}
	tx.Set(bytesKey(g.ID), make([]byte, 8))
	return groups.Put(tx, key, *g)
}

// DeleteLogGroup removes a group with all that it holds.
//
// Errors: ResourceNotFoundException, InvalidParameterException.
// Source: "DeleteLogGroup", CloudWatch Logs API reference, read 2026-11.
func (s *Service) DeleteLogGroup(ctx context.Context, in *api.DeleteLogGroupRequest) (*api.DeleteLogGroupOutput, error) {
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		g, err := readGroup(tx, scopeOf(ctx), in.LogGroupName)
		if err != nil {
			return err
		}
		tx.Delete(groupKey(scopeOf(ctx), in.LogGroupName))
		tx.DeleteRange(store.ResourceRange(store.PrefixLogs, g.ID))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteLogGroupOutput{}, nil
}

// DescribeLogGroups returns groups in the order of their names.
//
// Limits: Limit 1..50, default 50.
// Errors: InvalidParameterException.
// Source: "DescribeLogGroups", CloudWatch Logs API reference, read 2026-11.
func (s *Service) DescribeLogGroups(ctx context.Context, in *api.DescribeLogGroupsRequest) (*api.DescribeLogGroupsResponse, error) {
	scope := scopeOf(ctx)
	l, err := newGroupList(scope, in)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeLogGroupsResponse{}
	err = s.Store.View(ctx, func(r store.Reader) error {
		out.LogGroups, out.NextToken = []api.LogGroup{}, nil
		for e, err := range groups.Scan(r, l.rng, store.ScanOptions{}) {
			if err != nil {
				return err
			}
			if !l.wants(&e.Value) {
				continue
			}
			if len(out.LogGroups) == l.limit {
				out.NextToken = new(listToken(e.Value.Name))
				return nil
			}
			shown, err := s.shownGroup(r, scope, &e.Value)
			if err != nil {
				return err
			}
			out.LogGroups = append(out.LogGroups, shown)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// groupList is a checked request of DescribeLogGroups.
type groupList struct {
	rng     store.Range
	pattern string
	class   *string
	names   []string // nil: all
	limit   int
}

func newGroupList(scope reqctx.Scope, in *api.DescribeLogGroupsRequest) (*groupList, error) {
	if in.LogGroupNamePrefix != nil && in.LogGroupNamePattern != nil { // text known from public reports
		return nil, invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	l := &groupList{rng: groupRange(scope), pattern: value(in.LogGroupNamePattern, ""), class: in.LogGroupClass, limit: int(value(in.Limit, maxDescribed))}
	if prefix := value(in.LogGroupNamePrefix, ""); prefix != "" {
		k := groupKey(scope, prefix)
		l.rng = store.PrefixRange(k[:len(k)-2]) // without the terminator
	}
	for _, text := range in.LogGroupIdentifiers {
		name, err := parseIdentifier(scope, text)
		if err != nil {
			return nil, err
		}
		l.names = append(l.names, name)
	}
	from, err := parseListToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	if at := groupKey(scope, from); from != "" && l.rng.Contains(at) {
		l.rng.Lo = at
	}
	return l, nil
}

func (l *groupList) wants(g *group) bool {
	return strings.Contains(g.Name, l.pattern) && (l.names == nil || slices.Contains(l.names, g.Name)) && (l.class == nil || *l.class == g.class())
}

func (g *group) class() string {
	if g.Class == "" {
		return api.LogGroupClassStandard
	}
	return g.Class
}

// shownGroup is how the API shows a group.
func (s *Service) shownGroup(r store.Reader, scope reqctx.Scope, g *group) (api.LogGroup, error) {
	stored, err := storedBytes(r, g.ID)
	if err != nil {
		return api.LogGroup{}, err
	}
	at := groupARN(scope, g.Name)
	out := api.LogGroup{
		LogGroupName: &g.Name, CreationTime: &g.Created, MetricFilterCount: new(int32(0)), Arn: new(at + ":*"), LogGroupArn: &at,
		StoredBytes: new(stored + s.growth.of(g.ID)), LogGroupClass: new(g.class()), DeletionProtectionEnabled: new(false),
	}
	if g.Retention > 0 {
		out.RetentionInDays = &g.Retention
	}
	if g.KMSKey != "" {
		out.KmsKeyId = &g.KMSKey
	}
	return out, nil
}

// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	api "github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/store"
)

func TestDescribeLogGroups(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	for _, name := range []string{"/aws/lambda/b", "/aws/lambda/a", "app", "/aws/x"} {
		f.make(ctx, t, name)
	}
	other := reqctx.With(ctx, reqctx.Request{Scope: reqctx.Scope{Account: "210987654321", Region: "eu-central-1"}})
	f.make(other, t, "/aws/lambda/other")
	for _, c := range []struct {
		name string
		in   api.DescribeLogGroupsRequest
		want string
	}{
		{"all", api.DescribeLogGroupsRequest{}, "/aws/lambda/a /aws/lambda/b /aws/x app"},
		{"prefix", api.DescribeLogGroupsRequest{LogGroupNamePrefix: new("/aws/l")}, "/aws/lambda/a /aws/lambda/b"},
		{"pattern", api.DescribeLogGroupsRequest{LogGroupNamePattern: new("a/b")}, "/aws/lambda/b"},
		{"identifiers", api.DescribeLogGroupsRequest{LogGroupIdentifiers: []string{"app", "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/x:*"}}, "/aws/x app"},
		{"class", api.DescribeLogGroupsRequest{LogGroupClass: new("DELIVERY")}, ""},
	} {
		for _, limit := range []int32{1, 2, 50} {
			c.in.Limit, c.in.NextToken = &limit, nil
			var names []string
			for {
				out, err := f.DescribeLogGroups(ctx, &c.in)
				if err != nil {
					t.Fatal(err)
				}
				for _, g := range out.LogGroups {
					names = append(names, *g.LogGroupName)
				}
				if c.in.NextToken = out.NextToken; out.NextToken == nil {
					break
				}
			}
			if got := strings.Join(names, " "); got != c.want {
				t.Errorf("%s by %d: %q", c.name, limit, got)
			}
		}
	}
	_, err := f.DescribeLogGroups(ctx, &api.DescribeLogGroupsRequest{LogGroupNamePrefix: new("a"), LogGroupNamePattern: new("a")})
	if text(err) != "invalid: LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters." {
		t.Errorf("prefix and pattern: %v", err)
	}
	if _, err = f.DescribeLogGroups(ctx, &api.DescribeLogGroupsRequest{NextToken: new("%")}); text(err) != "invalid: The specified nextToken is invalid." {
		t.Errorf("token: %v", err)
	}
}

func (f *fixture) describe(ctx context.Context, t *testing.T, name string) api.LogGroup {
	t.Helper()
	out, err := f.DescribeLogGroups(ctx, &api.DescribeLogGroupsRequest{LogGroupNamePrefix: &name})
	if err != nil || len(out.LogGroups) != 1 {
		t.Fatalf("%d groups, %v", len(out.LogGroups), err)
	}
	return out.LogGroups[0]
}

func TestLogGroup(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	f.make(ctx, t, "g")
	_, err := f.CreateLogGroup(ctx, &api.CreateLogGroupRequest{LogGroupName: "g"})
	if text(err) != "exists: The specified log group already exists" {
		t.Errorf("again: %v", err)
	}
	g := f.describe(ctx, t, "g")
	if *g.Arn != "arn:aws:logs:eu-central-1:123456789012:log-group:g:*" || *g.LogGroupArn != "arn:aws:logs:eu-central-1:123456789012:log-group:g" ||
		*g.StoredBytes != 0 || *g.MetricFilterCount != 0 || g.RetentionInDays != nil || *g.LogGroupClass != "STANDARD" {
		t.Errorf("group %+v", g)
	}
	if _, err := f.PutRetentionPolicy(ctx, &api.PutRetentionPolicyRequest{LogGroupName: "g", RetentionInDays: 7}); err != nil {
		t.Fatal(err)
	}
	if g := f.describe(ctx, t, "g"); *g.RetentionInDays != 7 {
		t.Errorf("group %+v", g)
	}
	if _, err := f.DeleteRetentionPolicy(ctx, &api.DeleteRetentionPolicyRequest{LogGroupName: "g"}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.CreateLogGroup(ctx, &api.CreateLogGroupRequest{LogGroupName: "aws/x"}); text(err) != "invalid: Log group names can not start with aws/." {
		t.Errorf("reserved: %v", err)
	}
	if g := f.describe(ctx, t, "g"); g.RetentionInDays != nil {
		t.Errorf("group %+v", g)
	}
	if _, err := f.CreateLogGroup(ctx, &api.CreateLogGroupRequest{LogGroupName: "p", DeletionProtectionEnabled: new(true)}); !strings.Contains(text(err), "deletionProtectionEnabled") {
		t.Errorf("protection: %v", err)
	}
}

func TestDeletedGroupLeavesNothing(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	everything := store.PrefixRange([]byte{store.PrefixLogs})
	f.add(ctx, t, "g", "s", f.Clock.Now(), "old", strings.Repeat("x", 200_000))
	if n := f.keys(ctx, t, everything); n == 0 {
		t.Fatal("nothing was stored")
	}
	if _, err := f.DeleteLogGroup(ctx, &api.DeleteLogGroupRequest{LogGroupName: "g"}); err != nil {
		t.Fatal(err)
	}
	if err := f.flush(ctx); err != nil {
		t.Fatal(err)
	}
	if n := f.keys(ctx, t, everything); n != 0 {
		t.Errorf("%d keys are left", n)
	}
	if _, err := f.DeleteLogGroup(ctx, &api.DeleteLogGroupRequest{LogGroupName: "g"}); text(err) != "absent: The specified log group does not exist." {
		t.Errorf("again: %v", err)
	}
	f.add(ctx, t, "g", "s", f.Clock.Now(), "new") // the cache still knows the old stream
	same(t, "after a new start", f.walk(ctx, t, "s", 10, true), []string{"new"})
}

func TestDeletedStreamTakesItsEventsOnly(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	start := f.Clock.Now().Add(-time.Hour)
	f.add(ctx, t, "g", "kept", start, "k")
	if err := f.flush(ctx); err != nil {
		t.Fatal(err)
	}
	before := f.keys(ctx, t, store.PrefixRange([]byte{store.PrefixLogs}))
	for i := range expiredAtOnce + 3 { // more than one transaction deletes
		f.add(ctx, t, "g", "gone", start.Add(time.Duration(i)*time.Second), "g")
	}
	if b := *f.describe(ctx, t, "g").StoredBytes; b != int64((expiredAtOnce+4)*(1+eventOverhead)) {
		t.Errorf("%d bytes", b)
	}
	if _, err := f.DeleteLogStream(ctx, &api.DeleteLogStreamRequest{LogGroupName: "g", LogStreamName: "gone"}); err != nil {
		t.Fatal(err)
	}
	if after := f.keys(ctx, t, store.PrefixRange([]byte{store.PrefixLogs})); after != before {
		t.Errorf("%d keys, want %d", after, before)
	}
	if b := *f.describe(ctx, t, "g").StoredBytes; b != 1+eventOverhead {
		t.Errorf("%d bytes are left", b)
	}
	same(t, "kept", f.filtered(ctx, t, api.FilterLogEventsRequest{LogGroupName: new("g")}), []string{"k"})
	_, err := f.GetLogEvents(ctx, &api.GetLogEventsRequest{LogGroupName: new("g"), LogStreamName: "gone"})
	if text(err) != "absent: The specified log stream does not exist." {
		t.Errorf("a deleted stream: %v", err)
	}
}

func TestInterruptedDeletionIsHiddenAndEnded(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	f.add(ctx, t, "g", "gone", f.Clock.Now(), "g")
	f.add(ctx, t, "g", "kept", f.Clock.Now(), "k")
	if err := f.Store.Update(ctx, func(tx store.Tx) error { // what DeleteLogStream does first
		g, err := readGroup(tx, scope, "g")
		if err != nil {
			return err
		}
		st, err := readStream(tx, g.ID, "gone")
		tx.Delete(streamKey(g.ID, "gone"))
		tx.Delete(nameKey(g.ID, st.ID))
		tx.Set(deletedKey(g.ID, st.ID), nil)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	same(t, "before the sweep", f.filtered(ctx, t, api.FilterLogEventsRequest{LogGroupName: new("g")}), []string{"k"})
	before := f.keys(ctx, t, store.PrefixRange([]byte{store.PrefixLogs}))
	if err := f.sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if after := f.keys(ctx, t, store.PrefixRange([]byte{store.PrefixLogs})); after != before-3 { // block, index, marker
		t.Errorf("%d keys, before %d", after, before)
	}
}

func TestRetentionDeletesWhatIsExpired(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	now := f.Clock.Now()
	const day = 24 * time.Hour
	for i := range expiredAtOnce + 2 { // more than one transaction deletes; the last of them a long event
		f.add(ctx, t, "short", fmt.Sprint(i%3), now.Add(-5*day), strings.Repeat("x", 1+i/(expiredAtOnce+1)*200_000))
	}
	for _, group := range []string{"short", "ever"} {
		f.add(ctx, t, group, "s", now.Add(-4*day), "expired")
		f.add(ctx, t, group, "s", now.Add(-2*day), "kept")
	}
	if _, err := f.PutRetentionPolicy(ctx, &api.PutRetentionPolicyRequest{LogGroupName: "short", RetentionInDays: 3}); err != nil {
		t.Fatal(err)
	}
	if err := f.sweep(ctx); err != nil {
		t.Fatal(err)
	}
	same(t, "short", f.filtered(ctx, t, api.FilterLogEventsRequest{LogGroupName: new("short")}), []string{"kept"})
	same(t, "ever", f.filtered(ctx, t, api.FilterLogEventsRequest{LogGroupName: new("ever")}), []string{"expired", "kept"})
	f.advance(t, 2*day)
	if err := f.sweep(ctx); err != nil {
		t.Fatal(err)
	}
	same(t, "short, later", f.filtered(ctx, t, api.FilterLogEventsRequest{LogGroupName: new("short")}), nil)
	if b := *f.describe(ctx, t, "short").StoredBytes; b != 0 {
		t.Errorf("%d bytes are left", b)
	}
	var g group
	if err := f.Store.View(ctx, func(r store.Reader) (err error) {
		g, err = readGroup(r, scope, "short")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, subspace := range []byte{subBlock, subIndex} {
		if n := f.keys(ctx, t, store.PrefixRange(sub(g.ID, subspace))); n != 0 {
			t.Errorf("%d keys are left in %c", n, subspace)
		}
	}
}

// TestRunSweepsAndEnds: at its start, at once when service time is moved, and not by the machine's time.
func TestRunSweepsAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		ctx, stop := context.WithCancel(scoped(t.Context()))
		f.add(ctx, t, "g", "s", f.Clock.Now().Add(-48*time.Hour), "expired", "too")
		if err := f.flush(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := f.PutRetentionPolicy(ctx, &api.PutRetentionPolicyRequest{LogGroupName: "g", RetentionInDays: 1}); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- f.Run(ctx) }()
		left := func(when string, want ...string) {
			t.Helper()
			synctest.Wait()
			same(t, when, f.filtered(ctx, t, api.FilterLogEventsRequest{LogGroupName: new("g")}), want)
		}
		left("after the start")
		f.add(ctx, t, "g", "s", f.Clock.Now(), "young")
		f.advance(t, 23*time.Hour)
		left("after 23 hours", "young")
		f.advance(t, 2*time.Hour)
		left("after 25 hours")
		f.add(ctx, t, "g", "s", f.Clock.Now(), "new")
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if n := len(f.growth.take()); n != 0 {
			t.Errorf("the size of %d groups was not written down", n)
		}
		if b := *f.describe(scoped(t.Context()), t, "g").StoredBytes; b != 3+eventOverhead {
			t.Errorf("%d bytes", b)
		}
	})
}

func TestTags(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	f.make(ctx, t, "g")
	const at = "arn:aws:logs:eu-central-1:123456789012:log-group:g"
	if _, err := f.TagResource(ctx, &api.TagResourceRequest{ResourceArn: at, Tags: map[string]string{"a": "1", "b": "2"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.UntagResource(ctx, &api.UntagResourceRequest{ResourceArn: at + ":*", TagKeys: []string{"a", "none"}}); err != nil {
		t.Fatal(err)
	}
	out, err := f.ListTagsForResource(ctx, &api.ListTagsForResourceRequest{ResourceArn: at})
	if err != nil || fmt.Sprint(out.Tags) != "map[b:2]" {
		t.Errorf("tags %v, %v", out, err)
	}
	many := map[string]string{}
	for i := range maxTags {
		many[fmt.Sprint(i)] = ""
	}
	var over *api.TooManyTagsException
	if _, err := f.TagResource(ctx, &api.TagResourceRequest{ResourceArn: at, Tags: many}); !errors.As(err, &over) {
		t.Errorf("51 tags: %v", err)
	}
	for resource, want := range map[string]string{
		"g": "invalid: The specified ARN is not that of a log group: g",
		"arn:aws:lambda:eu-central-1:123456789012:function:g":        "invalid: The specified ARN is not that of a log group: arn:aws:lambda:eu-central-1:123456789012:function:g",
		"arn:aws:logs:eu-central-1:123456789012:log-group:none":      "absent: The specified log group does not exist.",
		"arn:aws:logs:us-east-1:123456789012:log-group:g":            "absent: The specified log group does not exist.",
		"arn:aws:logs:eu-central-1:123456789012:log-group:g:stream:": "invalid: The specified ARN is not that of a log group: arn:aws:logs:eu-central-1:123456789012:log-group:g:stream:",
	} {
		if _, err := f.ListTagsForResource(ctx, &api.ListTagsForResourceRequest{ResourceArn: resource}); text(err) != want {
			t.Errorf("%s: %v", resource, err)
		}
	}
}

// TestDeletionsBesideAppends deletes a group and its stream while functions write: no event may be left without an owner.
func TestDeletionsBesideAppends(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	const writers, batches = 6, 60
	var all sync.WaitGroup
	failed := make(chan error, writers)
	for range writers {
		all.Go(func() {
			for range batches {
				if err := f.Append(ctx, scope, "g", "s", []api.Entry{{Time: f.Clock.Now(), Message: "m"}}); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Go(func() {
		for i := range batches {
			var err error
			if i%2 == 0 {
				_, err = f.DeleteLogStream(ctx, &api.DeleteLogStreamRequest{LogGroupName: "g", LogStreamName: "s"})
			} else {
				_, err = f.DeleteLogGroup(ctx, &api.DeleteLogGroupRequest{LogGroupName: "g"})
			}
			if err != nil && !strings.HasPrefix(text(err), "absent: ") {
				failed <- err
				return
			}
		}
	})
	all.Wait()
	close(failed)
	for err := range failed {
		t.Fatal(err)
	}
	f.add(ctx, t, "g", "s", f.Clock.Now(), "last")
	if _, err := f.DeleteLogGroup(ctx, &api.DeleteLogGroupRequest{LogGroupName: "g"}); err != nil {
		t.Fatal(err)
	}
	if err := f.flush(ctx); err != nil {
		t.Fatal(err)
	}
	if n := f.keys(ctx, t, store.PrefixRange([]byte{store.PrefixLogs})); n != 0 {
		t.Errorf("%d keys have no owner", n)
	}
}

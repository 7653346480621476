// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"strings"
	"testing"
	"time"

	api "github.com/gustcloud/gust/internal/awsapi/logs"
)

func TestDescribeLogStreams(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	now := f.Clock.Now()
	f.make(ctx, t, "g", "empty")
	for i, name := range []string{"b", "ab", "a"} {
		f.add(ctx, t, "g", name, now.Add(time.Duration(i-9)*time.Minute), "m")
	}
	f.add(ctx, t, "g", "b", now.Add(-time.Hour), "older, and written later")
	for _, c := range []struct {
		name string
		in   api.DescribeLogStreamsRequest
		want string
	}{
		{"by name", api.DescribeLogStreamsRequest{}, "a ab b empty"},
		{"by name, descending", api.DescribeLogStreamsRequest{Descending: new(true)}, "empty b ab a"},
		{"prefix", api.DescribeLogStreamsRequest{LogStreamNamePrefix: new("a")}, "a ab"},
		{"prefix, descending", api.DescribeLogStreamsRequest{LogStreamNamePrefix: new("a"), Descending: new(true)}, "ab a"},
		{"by event", api.DescribeLogStreamsRequest{OrderBy: new("LastEventTime")}, "empty b ab a"},
		{"by event, descending", api.DescribeLogStreamsRequest{OrderBy: new("LastEventTime"), Descending: new(true)}, "a ab b empty"},
	} {
		for _, limit := range []int32{1, 3, 50} {
			c.in.LogGroupName, c.in.Limit, c.in.NextToken = new("g"), &limit, nil
			var names []string
			for {
				out, err := f.DescribeLogStreams(ctx, &c.in)
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range out.LogStreams {
					names = append(names, *s.LogStreamName)
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
}

func TestStreamErrors(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	f.make(ctx, t, "g", "s")
	_, again := f.CreateLogStream(ctx, &api.CreateLogStreamRequest{LogGroupName: "g", LogStreamName: "s"})
	_, group := f.CreateLogStream(ctx, &api.CreateLogStreamRequest{LogGroupName: "none", LogStreamName: "s"})
	_, remove := f.DeleteLogStream(ctx, &api.DeleteLogStreamRequest{LogGroupName: "g", LogStreamName: "none"})
	_, order := f.DescribeLogStreams(ctx, &api.DescribeLogStreamsRequest{LogGroupName: new("g"), LogStreamNamePrefix: new("s"), OrderBy: new("LastEventTime")})
	_, neither := f.DescribeLogStreams(ctx, &api.DescribeLogStreamsRequest{})
	_, twice := f.FilterLogEvents(ctx, &api.FilterLogEventsRequest{LogGroupName: new("g"), LogGroupIdentifier: new("g")})
	_, names := f.FilterLogEvents(ctx, &api.FilterLogEventsRequest{LogGroupName: new("g"), LogStreamNames: []string{"none"}})
	_, token := f.FilterLogEvents(ctx, &api.FilterLogEventsRequest{LogGroupName: new("g"), NextToken: new("x")})
	_, forward := f.GetLogEvents(ctx, &api.GetLogEventsRequest{LogGroupName: new("g"), LogStreamName: "s", NextToken: new("f/x")})
	for i, c := range []struct {
		err  error
		want string
	}{
		{again, "exists: The specified log stream already exists"},
		{group, "absent: The specified log group does not exist."},
		{remove, "absent: The specified log stream does not exist."},
		{order, "invalid: Cannot order by LastEventTime with a logStreamNamePrefix."},
		{neither, "invalid: One of logGroupName and logGroupIdentifier must be given."},
		{twice, "invalid: Only one of logGroupName and logGroupIdentifier may be given."},
		{names, "absent: The specified log stream does not exist."},
		{token, "invalid: The specified nextToken is invalid."},
		{forward, "invalid: The specified nextToken is invalid."},
	} {
		if got := text(c.err); got != c.want {
			t.Errorf("%d: %q, want %q", i, got, c.want)
		}
	}
}

func TestTimesOfReads(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	start := f.Clock.Now().Add(-time.Hour)
	ms := start.UnixMilli()
	f.add(ctx, t, "g", "s", start, "0", "1", "2", "3")
	for _, c := range []struct {
		name       string
		from, to   *int64
		get, found string
	}{
		{"all", nil, nil, "0 1 2 3", "0 1 2 3"},
		{"from is inclusive", new(ms + 1), nil, "1 2 3", "1 2 3"},
		{"to is exclusive of GetLogEvents only", nil, new(ms + 2), "0 1", "0 1 2"},
		{"both", new(ms + 1), new(ms + 1), "", "1"},
	} {
		for _, forward := range []bool{true, false} {
			out, err := f.GetLogEvents(ctx, &api.GetLogEventsRequest{LogGroupName: new("g"), LogStreamName: "s", StartTime: c.from, EndTime: c.to, StartFromHead: &forward})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range out.Events {
				got = append(got, *e.Message)
			}
			if strings.Join(got, " ") != c.get {
				t.Errorf("%s: GetLogEvents %q", c.name, got)
			}
		}
		if got := strings.Join(f.filtered(ctx, t, api.FilterLogEventsRequest{LogGroupName: new("g"), StartTime: c.from, EndTime: c.to}), " "); got != c.found {
			t.Errorf("%s: FilterLogEvents %q", c.name, got)
		}
	}
}

// TestFollowing polls as clients do: the token of the end goes on where new events come.
func TestFollowing(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	f.make(ctx, t, "g", "s")
	in := &api.GetLogEventsRequest{LogGroupName: new("g"), LogStreamName: "s"}
	read := func(want string) {
		t.Helper()
		out, err := f.GetLogEvents(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range out.Events {
			got = append(got, *e.Message)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q, want %q", got, want)
		}
		in.NextToken = out.NextForwardToken
	}
	now := f.Clock.Now()
	read("") // an empty stream gives a token too
	f.add(ctx, t, "g", "s", now, "a", "b")
	read("a b")
	read("")
	f.add(ctx, t, "g", "s", now.Add(time.Millisecond), "c") // at the time of b
	read("c")
	read("")
}

func TestOneAnswerIsBounded(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	large := strings.Repeat("x", 262_118)
	now := f.Clock.Now()
	var all []string
	for range 9 {
		all = append(all, large)
	}
	f.add(ctx, t, "g", "s", now, all...)
	get, err := f.GetLogEvents(ctx, &api.GetLogEventsRequest{LogGroupName: new("g"), LogStreamName: "s"})
	if err != nil || len(get.Events) != 4 {
		t.Errorf("GetLogEvents: %d events, %v", len(get.Events), err)
	}
	found, err := f.FilterLogEvents(ctx, &api.FilterLogEventsRequest{LogGroupName: new("g")})
	if err != nil || len(found.Events) != 4 || found.NextToken == nil {
		t.Errorf("FilterLogEvents: %d events, %v", len(found.Events), err)
	}
	same(t, "all", f.filtered(ctx, t, api.FilterLogEventsRequest{LogGroupName: new("g")}), all)
	f.add(ctx, t, "g", "huge", now, strings.Repeat("y", 1<<20-eventOverhead))
	same(t, "the largest event", f.walk(ctx, t, "huge", 1, true), []string{strings.Repeat("y", 1<<20-eventOverhead)})
}

func TestFilterFindsAcrossStreams(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	now := f.Clock.Now()
	f.add(ctx, t, "g", "app/1", now, "ERROR 1", "fine")
	f.add(ctx, t, "g", "app/2", now.Add(time.Millisecond), "fine", "ERROR 2")
	f.add(ctx, t, "g", "db", now.Add(-time.Millisecond), "ERROR 0")
	for _, c := range []struct {
		name string
		in   api.FilterLogEventsRequest
		want string
	}{
		{"group", api.FilterLogEventsRequest{FilterPattern: new("ERROR")}, "ERROR 0,ERROR 1,ERROR 2"},
		{"prefix", api.FilterLogEventsRequest{FilterPattern: new("ERROR"), LogStreamNamePrefix: new("app/")}, "ERROR 1,ERROR 2"},
		{"names", api.FilterLogEventsRequest{LogStreamNames: []string{"db", "app/2"}}, "ERROR 0,fine,ERROR 2"},
		{"no stream", api.FilterLogEventsRequest{LogStreamNamePrefix: new("none")}, ""},
		{"nothing found", api.FilterLogEventsRequest{FilterPattern: new("WARN")}, ""},
	} {
		c.in.LogGroupName = new("g")
		if got := strings.Join(f.filtered(ctx, t, c.in), ","); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	out, err := f.FilterLogEvents(ctx, &api.FilterLogEventsRequest{LogGroupName: new("g")})
	if err != nil || *out.Events[0].LogStreamName != "db" || len(*out.Events[0].EventId) != 56 || *out.Events[0].EventId == *out.Events[1].EventId || out.SearchedLogStreams == nil {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestLastEventOfOverlappingBlocks(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	start := time.UnixMilli(f.Clock.Now().UnixMilli() - 60_000)
	if err := f.Append(ctx, scope, "g", "s", []api.Entry{{Time: start, Message: "first"}, {Time: start.Add(900 * time.Millisecond), Message: "last"}}); err != nil {
		t.Fatal(err)
	}
	f.add(ctx, t, "g", "s", start.Add(500*time.Millisecond), "between")
	f.add(ctx, t, "g", "s", start.Add(-5*time.Second), "older")
	out, err := f.DescribeLogStreams(ctx, &api.DescribeLogStreamsRequest{LogGroupName: new("g")})
	if err != nil {
		t.Fatal(err)
	}
	if s := out.LogStreams[0]; *s.LastEventTimestamp != start.UnixMilli()+900 || *s.FirstEventTimestamp != start.UnixMilli()-5000 {
		t.Errorf("first %d, last %d, start %d", *s.FirstEventTimestamp, *s.LastEventTimestamp, start.UnixMilli())
	}
}

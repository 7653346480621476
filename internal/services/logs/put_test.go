// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	api "github.com/gustcloud/gust/internal/awsapi/logs"
)

func TestCheckBatch(t *testing.T) {
	at := func(ms ...int64) (out []api.InputLogEvent) {
		for _, m := range ms {
			out = append(out, api.InputLogEvent{Timestamp: m, Message: "m"})
		}
		return out
	}
	sized := func(sizes ...int) (out []api.InputLogEvent) {
		for _, n := range sizes {
			out = append(out, api.InputLogEvent{Message: strings.Repeat("x", n)})
		}
		return out
	}
	for _, c := range []struct {
		name   string
		events []api.InputLogEvent
		want   string
	}{
		{"in order", at(1, 1, 2), "<nil>"},
		{"out of order", at(2, 1), "invalid: Log events in a single PutLogEvents request must be in chronological order."},
		{"24 hours", at(0, 86_400_000), "<nil>"},
		{"over 24 hours", at(0, 86_400_001), "invalid: The batch of log events in a single PutLogEvents request cannot span more than 24 hours."},
		{"largest event", sized(1<<20 - 26), "<nil>"},
		{"largest batch", sized(1000, 1<<20-1052), "<nil>"},
		{"too large", sized(1000, 1<<20-1051), "invalid: Upload too large: 1048577 bytes exceeds limit of 1048576"},
	} {
		if got := text(checkBatch(c.events)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAcceptable(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	const day, hour, none = 24 * time.Hour, time.Hour, int32(-1)
	for _, c := range []struct {
		name               string
		moved              time.Duration // how far service time is ahead
		ages               []time.Duration
		retention          int32
		from, to           int
		old, expired, tooN int32
	}{
		{name: "all", ages: []time.Duration{hour, 0}, from: 0, to: 2, old: none, expired: none, tooN: none},
		{name: "exactly 14 days and 2 hours", ages: []time.Duration{14 * day, -2 * hour}, to: 2, old: none, expired: none, tooN: none},
		{name: "too old", ages: []time.Duration{14*day + 2, 14*day + time.Millisecond, 0}, from: 2, to: 3, old: 2, expired: none, tooN: none},
		{name: "too new", ages: []time.Duration{0, -2*hour - time.Millisecond, -3 * hour}, to: 1, old: none, expired: none, tooN: 1},
		{name: "expired", ages: []time.Duration{3*day + time.Millisecond, 3 * day}, retention: 3, from: 1, to: 2, old: none, expired: 1, tooN: none},
		{name: "expired by service time", ages: []time.Duration{2*day + time.Millisecond, 0, -hour}, retention: 3, moved: day, from: 1, to: 3, old: none, expired: 1, tooN: none},
		{name: "neither old nor new by service time", ages: []time.Duration{14 * day, 0, -2 * hour}, moved: 15 * day, to: 3, old: none, expired: none, tooN: none},
		{name: "old and expired", ages: []time.Duration{15 * day, 4 * day, 0}, retention: 3, from: 2, to: 3, old: 1, expired: 2, tooN: none},
		{name: "nothing is left", ages: []time.Duration{15 * day, -3 * hour}, from: 1, to: 1, old: 1, expired: none, tooN: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var events []api.InputLogEvent
			for _, age := range c.ages {
				events = append(events, api.InputLogEvent{Timestamp: now.Add(-age).UnixMilli()})
			}
			from, to, r := acceptable(events, now, now.Add(c.moved), c.retention)
			if r == nil {
				r = &api.RejectedLogEventsInfo{}
			}
			got := []int32{value(r.TooOldLogEventEndIndex, none), value(r.ExpiredLogEventEndIndex, none), value(r.TooNewLogEventStartIndex, none)}
			if want := []int32{c.old, c.expired, c.tooN}; from != c.from || to != c.to || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%d to %d, %v, want %d to %d, %v", from, to, got, c.from, c.to, want)
			}
		})
	}
}

func TestCheckRetention(t *testing.T) {
	for days, want := range map[int32]bool{0: false, 1: true, 2: false, 7: true, 365: true, 366: false, 1096: true, 3653: true, -1: false} {
		err := checkRetention(days)
		if (err == nil) != want {
			t.Errorf("%d days: %v", days, err)
		}
		if err != nil && !strings.HasPrefix(text(err), fmt.Sprintf(
			"invalid: 1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [1, 3, 5, ", days)) {
			t.Errorf("%d days: %v", days, err)
		}
	}
}

func TestPutLogEvents(t *testing.T) {
	f, ctx := newFixture(t), scoped(t.Context())
	f.make(ctx, t, "g", "s")
	now := f.Clock.Now().UnixMilli()
	put := func(group, stream string, times ...int64) (*api.PutLogEventsResponse, error) {
		in := &api.PutLogEventsRequest{LogGroupName: group, LogStreamName: stream, SequenceToken: new("any")}
		for _, at := range times {
			in.LogEvents = append(in.LogEvents, api.InputLogEvent{Timestamp: at, Message: fmt.Sprint(at - now)})
		}
		return f.PutLogEvents(ctx, in)
	}
	if _, err := put("none", "s", now); text(err) != "absent: The specified log group does not exist." {
		t.Errorf("no group: %v", err)
	}
	if _, err := put("g", "none", now); text(err) != "absent: The specified log stream does not exist." {
		t.Errorf("no stream: %v", err)
	}
	out, err := put("g", "s", now-5, now-5, now)
	if err != nil || len(*out.NextSequenceToken) != 56 || out.RejectedLogEventsInfo != nil {
		t.Fatalf("%+v, %v", out, err)
	}
	const hour = 3_600_000
	if out, err = put("g", "s", now-1, now+3*hour); err != nil || *out.RejectedLogEventsInfo.TooNewLogEventStartIndex != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
	if out, err = put("g", "s", now+3*hour); err != nil || *out.RejectedLogEventsInfo.TooNewLogEventStartIndex != 0 {
		t.Fatalf("all rejected: %+v, %v", out, err)
	}
	same(t, "stored", f.walk(ctx, t, "s", 100, true), []string{"-5", "-5", "-1", "0"})
	streams, err := f.DescribeLogStreams(ctx, &api.DescribeLogStreamsRequest{LogGroupIdentifier: new("arn:aws:logs:eu-central-1:123456789012:log-group:g")})
	if err != nil {
		t.Fatal(err)
	}
	s := streams.LogStreams[0]
	if *s.FirstEventTimestamp != now-5 || *s.LastEventTimestamp != now || *s.LastIngestionTime < now || *s.LastIngestionTime > now+60_000 ||
		len(*s.UploadSequenceToken) != 56 || *s.Arn != "arn:aws:logs:eu-central-1:123456789012:log-group:g:log-stream:s" {
		t.Errorf("stream %+v", s)
	}
}

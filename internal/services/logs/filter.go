// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"strings"
	"time"

	api "github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/store"
)

// FilterLogEvents returns the events of a group, or of some of its streams, that match a pattern, in order of time. An
// answer may hold few events, or none, and a token: the read of one call is bounded.
//
// Limits: 10,000 events or 1 MB in one answer; 100 stream names; a pattern of 1,024 characters.
// Errors: InvalidParameterException, ResourceNotFoundException.
// Source: "FilterLogEvents", CloudWatch Logs API reference, read 2026-11.
func (s *Service) FilterLogEvents(ctx context.Context, in *api.FilterLogEventsRequest) (*api.FilterLogEventsResponse, error) {
	scope := scopeOf(ctx)
	name, err := groupNameOf(scope, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	f, err := newFilter(in)
	if err != nil {
		return nil, err
	}
	var out *api.FilterLogEventsResponse
	err = s.Store.View(ctx, func(r store.Reader) error {
		g, err := readGroup(r, scope, name)
		if err != nil {
			return err
		}
		out, err = f.read(r, g.ID, s.Clock.Machine().Now)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// filter is a checked request.
type filter struct {
	span
	pattern pattern
	names   []string // of streams; empty: by prefix
	prefix  string   // of streams; "": all
	limit   int
}

func newFilter(in *api.FilterLogEventsRequest) (*filter, error) {
	if len(in.LogStreamNames) > 0 && in.LogStreamNamePrefix != nil { // unverified
		return nil, invalid("LogStreamNames and LogStreamNamePrefix are mutually exclusive parameters.")
	}
	p, err := parsePattern(value(in.FilterPattern, ""))
	if err != nil {
		return nil, err
	}
	f := &filter{
		span: span{hi: endOfTime(), reverse: !value(in.StartFromHead, true)}, pattern: p,
		names: in.LogStreamNames, prefix: value(in.LogStreamNamePrefix, ""), limit: int(value(in.Limit, maxPageEvents)),
	}
	f.lo.time = uint64(max(0, value(in.StartTime, 0)))
	if in.EndTime != nil { // inclusive, unlike that of GetLogEvents
		f.hi = position{time: uint64(max(0, *in.EndTime)) + 1}
	}
	if in.NextToken == nil {
		return f, nil
	}
	at, err := parsePosition(*in.NextToken)
	switch {
	case err != nil:
		return nil, invalidToken()
	case !f.reverse:
		f.lo = later(f.lo, at)
	case at.compare(f.hi) < 0:
		f.hi = at
	}
	return f, nil
}

// read collects one answer. The token is the place of the first event that was not looked at.
func (f *filter) read(r store.Reader, group uint64, now func() time.Time) (*api.FilterLogEventsResponse, error) {
	out := &api.FilterLogEventsResponse{Events: []api.FilteredLogEvent{}, SearchedLogStreams: []api.SearchedLogStream{}}
	names := &nameCache{r: r, group: group, m: map[uint64]string{}}
	blocks, err := f.blocks(r, group, names)
	if err != nil || blocks == nil {
		return out, err
	}
	size, looked, end := 0, 0, now().Add(maxRead)
	for e, err := range readEvents(blocks, f.span) {
		if err != nil {
			return nil, err
		}
		if len(out.Events) >= f.limit || looked > maxScanned || looked > 0 && e.index == 0 && now().After(end) {
			out.NextToken = new(f.token(e))
			return out, nil
		}
		looked += len(e.message) + eventOverhead
		if !f.pattern.match(e.message) {
			continue
		}
		name, err := names.of(e.stream)
		if err != nil {
			return nil, err
		}
		if name == "" || !strings.HasPrefix(name, f.prefix) { // "": the stream is being deleted
			continue
		}
		if size += len(e.message) + eventOverhead; size > maxPageBytes && len(out.Events) > 0 {
			out.NextToken = new(f.token(e))
			return out, nil
		}
		out.Events = append(out.Events, api.FilteredLogEvent{
			LogStreamName: &name, Timestamp: new(int64(e.time)), Message: &e.message, IngestionTime: new(e.ingested()), EventId: new(e.String()),
		})
	}
	return out, nil
}

// token is where a read goes on that has not looked at e.
func (f *filter) token(e event) string {
	if f.reverse {
		return e.after().String()
	}
	return e.String()
}

// blocks walks the group, or the indexes of its wanted streams when they are few; nil when there is none.
func (f *filter) blocks(r store.Reader, group uint64, names *nameCache) (blockSeq, error) {
	var wanted []uint64
	switch {
	case len(f.names) > 0:
		for _, name := range f.names {
			st, err := readStream(r, group, name)
			if err != nil {
				return nil, err
			}
			if _, twice := names.m[st.ID]; !twice {
				wanted = append(wanted, st.ID)
			}
			names.m[st.ID] = st.Name
		}
	case f.prefix == "":
		return groupBlocks(r, group, f.span), nil
	default:
		for e, err := range streams.Scan(r, streamRange(group, f.prefix), store.ScanOptions{Limit: streamsMerged + 1}) {
			if err != nil {
				return nil, err
			}
			wanted = append(wanted, e.Value.ID)
			names.m[e.Value.ID] = e.Value.Name
		}
		if len(wanted) > streamsMerged {
			return groupBlocks(r, group, f.span), nil
		}
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	all := make([]blockSeq, 0, len(wanted))
	for _, id := range wanted {
		all = append(all, streamBlocks(r, group, id, f.span, max(1, blocksAtOnce/len(wanted))))
	}
	return mergeBlocks(all, f.reverse), nil
}

// nameCache finds the names of streams during one read.
type nameCache struct {
	r     store.Reader
	group uint64
	m     map[uint64]string
}

func (c *nameCache) of(id uint64) (string, error) {
	if name, ok := c.m[id]; ok {
		return name, nil
	}
	b, err := c.r.Get(nameKey(c.group, id))
	if err != nil {
		return "", err
	}
	c.m[id] = string(b)
	return string(b), nil
}

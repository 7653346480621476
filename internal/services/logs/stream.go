// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	api "github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/store"
)

// streamRange is the streams of a group whose names start with prefix.
func streamRange(group uint64, prefix string) store.Range {
	k := streamKey(group, prefix)
	return store.PrefixRange(k[:len(k)-2]) // without the terminator
}

func readStream(r store.Reader, group uint64, name string) (stream, error) {
	st, there, err := streams.Get(r, streamKey(group, name))
	if err == nil && !there {
		err = noStream()
	}
	return st, err
}

// CreateLogStream makes an empty stream.
//
// Errors: ResourceAlreadyExistsException, ResourceNotFoundException, InvalidParameterException.
// Source: "CreateLogStream", CloudWatch Logs API reference, read 2026-11.
func (s *Service) CreateLogStream(ctx context.Context, in *api.CreateLogStreamRequest) (*api.CreateLogStreamOutput, error) {
	st := stream{ID: s.next(), Name: strings.Clone(in.LogStreamName), Created: s.Clock.Now().UnixMilli()}
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		g, err := readGroup(tx, scopeOf(ctx), in.LogGroupName)
		if err != nil {
			return err
		}
		_, there, err := streams.Get(tx, streamKey(g.ID, st.Name))
		if err != nil {
			return err
		}
		if there {
			return &api.ResourceAlreadyExistsException{Message: "The specified log stream already exists"}
		}
		return putStream(tx, g.ID, st)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateLogStreamOutput{}, nil
}

// DeleteLogStream removes a stream and its events. The stream is gone in one transaction; its events follow in several,
// which the janitor ends if the server stops between them.
//
// Errors: ResourceNotFoundException, InvalidParameterException.
// Source: "DeleteLogStream", CloudWatch Logs API reference, read 2026-11.
func (s *Service) DeleteLogStream(ctx context.Context, in *api.DeleteLogStreamRequest) (*api.DeleteLogStreamOutput, error) {
	var f found
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		g, err := readGroup(tx, scopeOf(ctx), in.LogGroupName)
		if err != nil {
			return err
		}
		st, err := readStream(tx, g.ID, in.LogStreamName)
		if err != nil {
			return err
		}
		f = found{group: g.ID, stream: st.ID}
		tx.Delete(streamKey(g.ID, st.Name))
		tx.Delete(nameKey(g.ID, st.ID))
		tx.Set(deletedKey(g.ID, st.ID), nil)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := s.purge(ctx, f); err != nil && ctx.Err() == nil {
		s.Log.ErrorContext(ctx, "delete the events of a log stream", "error", err)
	}
	return &api.DeleteLogStreamOutput{}, nil
}

// DescribeLogStreams returns streams of a group in the order of their names or of their last events.
//
// Limits: Limit 1..50, default 50.
// Errors: InvalidParameterException, ResourceNotFoundException.
// Source: "DescribeLogStreams", CloudWatch Logs API reference, read 2026-11.
func (s *Service) DescribeLogStreams(ctx context.Context, in *api.DescribeLogStreamsRequest) (*api.DescribeLogStreamsResponse, error) {
	scope := scopeOf(ctx)
	name, err := groupNameOf(scope, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	byEvent := value(in.OrderBy, api.OrderByLogStreamName) == api.OrderByLastEventTime
	if byEvent && in.LogStreamNamePrefix != nil { // text known from public reports
		return nil, invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	from, err := parseListToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	var out *api.DescribeLogStreamsResponse
	err = s.Store.View(ctx, func(r store.Reader) error {
		g, err := readGroup(r, scope, name)
		if err != nil {
			return err
		}
		d := describer{r: r, scope: scope, group: g, limit: int(value(in.Limit, maxDescribed)), reverse: value(in.Descending, false), from: from}
		if byEvent {
			out, err = d.byLastEvent()
		} else {
			out, err = d.byName(value(in.LogStreamNamePrefix, ""))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// describer makes one answer of DescribeLogStreams.
type describer struct {
	r       store.Reader
	scope   reqctx.Scope
	group   group
	limit   int
	reverse bool
	from    string // "", or where the answer begins
}

func (d describer) byName(prefix string) (*api.DescribeLogStreamsResponse, error) {
	out := &api.DescribeLogStreamsResponse{LogStreams: []api.LogStream{}}
	rng := streamRange(d.group.ID, prefix)
	switch at := streamKey(d.group.ID, d.from); {
	case d.from == "" || !rng.Contains(at):
	case d.reverse:
		rng.Hi = store.After(at)
	default:
		rng.Lo = at
	}
	for e, err := range streams.Scan(d.r, rng, store.ScanOptions{Limit: d.limit + 1, Reverse: d.reverse}) {
		if err != nil {
			return nil, err
		}
		if len(out.LogStreams) == d.limit {
			out.NextToken = new(listToken(e.Value.Name))
			return out, nil
		}
		shown, err := d.shown(e.Value)
		if err != nil {
			return nil, err
		}
		out.LogStreams = append(out.LogStreams, shown)
	}
	return out, nil
}

// byLastEvent looks at every stream of the group: the order changes with every append, so it is not stored.
func (d describer) byLastEvent() (*api.DescribeLogStreamsResponse, error) {
	type dated struct {
		stream
		order string // time and name
	}
	var all []dated
	for e, err := range streams.Scan(d.r, streamRange(d.group.ID, ""), store.ScanOptions{}) {
		if err != nil {
			return nil, err
		}
		last, _, err := lastEvent(d.r, d.group.ID, e.Value.ID)
		if err != nil {
			return nil, err
		}
		all = append(all, dated{stream: e.Value, order: fmt.Sprintf("%020d %s", last, e.Value.Name)})
	}
	compare := func(a, b string) int {
		if d.reverse {
			a, b = b, a
		}
		return cmp.Compare(a, b)
	}
	slices.SortFunc(all, func(a, b dated) int { return compare(a.order, b.order) })
	out := &api.DescribeLogStreamsResponse{LogStreams: []api.LogStream{}}
	for _, st := range all {
		if d.from != "" && compare(st.order, d.from) < 0 {
			continue
		}
		if len(out.LogStreams) == d.limit {
			out.NextToken = new(listToken(st.order))
			return out, nil
		}
		shown, err := d.shown(st.stream)
		if err != nil {
			return nil, err
		}
		out.LogStreams = append(out.LogStreams, shown)
	}
	return out, nil
}

// shown is how the API shows a stream. StoredBytes is 0 as on AWS since 2019-06-17.
func (d describer) shown(st stream) (api.LogStream, error) {
	out := api.LogStream{
		LogStreamName: &st.Name, CreationTime: &st.Created, StoredBytes: new(int64(0)),
		Arn:                 new(groupARN(d.scope, d.group.Name) + ":log-stream:" + st.Name),
		UploadSequenceToken: new(sequenceToken(st.ID)),
	}
	for it, err := range d.r.Scan(indexRange(d.group.ID, st.ID), store.ScanOptions{Limit: 1}) {
		if err != nil {
			return out, err
		}
		x, err := parseIndex(d.group.ID, it)
		if err != nil {
			return out, err
		}
		out.FirstEventTimestamp = new(int64(x.at.time))
	}
	last, number, err := lastEvent(d.r, d.group.ID, st.ID)
	if err == nil && number > 0 {
		out.LastEventTimestamp, out.LastIngestionTime = &last, new(int64(number)/millisecond)
		out.UploadSequenceToken = new(sequenceToken(number))
	}
	return out, err
}

// lastEvent returns the time of a stream's last event, in milliseconds, and the greatest number of the batches about it;
// zero without one. It reads the index only.
func lastEvent(r store.Reader, group, stream uint64) (last int64, number uint64, err error) {
	for it, err := range r.Scan(indexRange(group, stream), store.ScanOptions{Reverse: true}) {
		if err != nil {
			return 0, 0, err
		}
		x, err := parseIndex(group, it)
		if err != nil {
			return 0, 0, err
		}
		if int64(x.at.time)+blockSpan < last { // no earlier block reaches so far
			break
		}
		last, number = max(last, int64(x.last)), max(number, x.at.number)
	}
	return last, number, nil
}

// listToken is the token of a list that goes on at a name.
func listToken(at string) string { return base64.RawURLEncoding.EncodeToString([]byte(at)) }

func parseListToken(token *string) (string, error) {
	if token == nil {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(*token)
	if err != nil || len(b) == 0 || len(b) > 1024 {
		return "", invalidToken()
	}
	return string(b), nil
}

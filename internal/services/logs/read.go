// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"slices"
	"strings"

	api "github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/store"
)

// GetLogEvents returns the events of a stream in order of time, a page before or after a token.
//
// Limits: 10,000 events or 1 MB in one answer.
// Errors: InvalidParameterException, ResourceNotFoundException.
// Source: "GetLogEvents", CloudWatch Logs API reference, read 2026-11.
func (s *Service) GetLogEvents(ctx context.Context, in *api.GetLogEventsRequest) (*api.GetLogEventsResponse, error) {
	scope := scopeOf(ctx)
	name, err := groupNameOf(scope, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	p, err := newPage(in)
	if err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(r store.Reader) error {
		p.events, p.bytes = nil, 0
		g, err := readGroup(r, scope, name)
		if err != nil {
			return err
		}
		st, err := readStream(r, g.ID, in.LogStreamName)
		if err != nil {
			return err
		}
		for e, err := range readEvents(streamBlocks(r, g.ID, st.ID, p.span, blocksAtOnce), p.span) {
			if err != nil {
				return err
			}
			if !p.add(e) {
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return p.answer(), nil
}

// page collects one answer of GetLogEvents. A token is a place between two events.
type page struct {
	span
	token  position // from here the page goes in its direction
	limit  int
	events []event // in the direction of the page
	bytes  int
}

func newPage(in *api.GetLogEventsRequest) (*page, error) {
	p := &page{span: span{hi: endOfTime(), reverse: !value(in.StartFromHead, false)}, limit: int(value(in.Limit, maxPageEvents))}
	p.lo.time = uint64(max(0, value(in.StartTime, 0)))
	if in.EndTime != nil {
		p.hi = position{time: uint64(max(0, *in.EndTime))}
	}
	if in.NextToken == nil {
		return p, nil
	}
	text, forward := strings.CutPrefix(*in.NextToken, "f/")
	if !forward {
		var backward bool
		if text, backward = strings.CutPrefix(text, "b/"); !backward {
			return nil, invalidToken()
		}
	}
	at, err := parsePosition(strings.TrimSuffix(text, "/s"))
	if err != nil {
		return nil, invalidToken()
	}
	if p.token, p.reverse = at, !forward; forward {
		p.lo = later(p.lo, at)
	} else if at.compare(p.hi) < 0 {
		p.hi = at
	}
	return p, nil
}

func later(a, b position) position {
	if a.compare(b) < 0 {
		return b
	}
	return a
}

// add takes an event into the page; false says that the page is full without it.
func (p *page) add(e event) bool {
	size := len(e.message) + eventOverhead
	if len(p.events) >= p.limit || len(p.events) > 0 && p.bytes+size > maxPageBytes {
		return false
	}
	p.events, p.bytes = append(p.events, e), p.bytes+size
	return true
}

func (p *page) answer() *api.GetLogEventsResponse {
	if p.reverse {
		slices.Reverse(p.events)
	}
	before, behind := p.token, p.token // an empty page ends where it began: the token comes back
	if n := len(p.events); n > 0 {
		before, behind = p.events[0].position, p.events[n-1].after()
	}
	out := &api.GetLogEventsResponse{
		Events:            make([]api.OutputLogEvent, 0, len(p.events)),
		NextForwardToken:  new("f/" + behind.String() + "/s"),
		NextBackwardToken: new("b/" + before.String() + "/s"),
	}
	for _, e := range p.events {
		out.Events = append(out.Events, api.OutputLogEvent{
			Timestamp: new(int64(e.time)), Message: &e.message, IngestionTime: new(e.ingested()),
		})
	}
	return out
}

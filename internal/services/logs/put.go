// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"fmt"
	"time"

	api "github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/store"
)

// PutLogEvents stores a batch of events in a stream. Sequence tokens are ignored, as AWS ignores them.
//
// Limits: 10,000 events; 1,048,576 bytes with 26 for each event; 24 h between the first and the last event.
// Errors: InvalidParameterException, ResourceNotFoundException.
// Source: "PutLogEvents", CloudWatch Logs API reference, read 2026-11.
func (s *Service) PutLogEvents(ctx context.Context, in *api.PutLogEventsRequest) (*api.PutLogEventsResponse, error) {
	if err := checkBatch(in.LogEvents); err != nil {
		return nil, err
	}
	t := target{scope: scopeOf(ctx), group: in.LogGroupName, stream: in.LogStreamName}
	var g group
	if err := s.Store.View(ctx, func(r store.Reader) (err error) {
		if g, err = readGroup(r, t.scope, t.group); err != nil {
			return err
		}
		_, err = readStream(r, g.ID, t.stream)
		return err
	}); err != nil {
		return nil, err
	}
	from, to, rejected := acceptable(in.LogEvents, s.Clock.Machine().Now(), s.Clock.Now(), g.Retention)
	if from < to {
		entries := make([]api.Entry, 0, to-from)
		for _, e := range in.LogEvents[from:to] {
			entries = append(entries, api.Entry{Time: time.UnixMilli(e.Timestamp), Message: e.Message})
		}
		if err := s.append(ctx, t, entries, false); err != nil {
			return nil, err
		}
	}
	return &api.PutLogEventsResponse{NextSequenceToken: new(sequenceToken(s.next())), RejectedLogEventsInfo: rejected}, nil
}

// sequenceToken looks like AWS's: 56 decimal digits.
func sequenceToken(n uint64) string { return fmt.Sprintf("%056d", n) }

// checkBatch refuses a batch as a whole. The texts are known from public reports of AWS's answers.
func checkBatch(events []api.InputLogEvent) error {
	size := 0
	for i, e := range events {
		size += len(e.Message) + eventOverhead
		if i > 0 && e.Timestamp < events[i-1].Timestamp {
			return invalid("Log events in a single PutLogEvents request must be in chronological order.")
		}
	}
	if size > maxBatchBytes {
		return invalid(fmt.Sprintf("Upload too large: %d bytes exceeds limit of %d", size, maxBatchBytes))
	}
	if n := len(events); n > 0 && events[n-1].Timestamp-events[0].Timestamp > maxBatchSpan.Milliseconds() {
		return invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	return nil
}

// acceptable returns which of the events, in order of time, are stored, and what is said of the others. machine is the
// time that clients have too; retention ends by service time.
func acceptable(events []api.InputLogEvent, machine, now time.Time, retention int32) (from, to int, rejected *api.RejectedLogEventsInfo) {
	old, ahead := machine.Add(-maxEventAge).UnixMilli(), machine.Add(maxEventAhead).UnixMilli()
	expired := int64(0)
	if retention > 0 {
		expired = cutoff(now, retention)
	}
	tooOld, gone := 0, 0
	to = len(events)
	for i, e := range events {
		if e.Timestamp < old {
			tooOld = i + 1
		}
		if e.Timestamp < expired {
			gone = i + 1
		}
		if e.Timestamp > ahead {
			to = i
			break
		}
	}
	if tooOld == 0 && gone == 0 && to == len(events) {
		return 0, to, nil
	}
	rejected = &api.RejectedLogEventsInfo{}
	if tooOld > 0 {
		rejected.TooOldLogEventEndIndex = new(int32(tooOld))
	}
	if gone > 0 {
		rejected.ExpiredLogEventEndIndex = new(int32(gone))
	}
	if to < len(events) {
		rejected.TooNewLogEventStartIndex = new(int32(to))
	}
	return max(tooOld, gone), to, rejected
}

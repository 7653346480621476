// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"time"

	"github.com/gustcloud/gust/internal/base/arn"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/store"
)

// Quotas. Source: "PutLogEvents", "GetLogEvents", "FilterLogEvents", "DescribeLogGroups", CloudWatch Logs API reference,
// read 2026-11.
const (
	maxBatchBytes = 1 << 20 // of messages and eventOverhead each
	eventOverhead = 26      // bytes
	maxBatchSpan  = 24 * time.Hour
	maxEventAge   = 14 * 24 * time.Hour
	maxEventAhead = 2 * time.Hour
	maxPageEvents = 10_000
	maxPageBytes  = 1 << 20 // of events in one answer
	maxDescribed  = 50
	maxTags       = 50
	millisecond   = int64(time.Millisecond)
	maxScanned    = 32 << 20        // bytes of events that one FilterLogEvents reads; Gust's own bound
	maxRead       = 3 * time.Second // of one FilterLogEvents; Gust's own bound, below store.MaxDuration
	blockSpan     = 1000            // milliseconds between the first and the last event of a block
	blockBytes    = 64 << 10        // of messages in a block, unless one event is longer
	chunkBytes    = 90 << 10        // of a block in one value
	appendBytes   = 4 << 20         // of events in one transaction
	blocksAtOnce  = 64              // blocks of a stream that one round trip reads
	streamsMerged = 100             // streams whose indexes are merged; with more the group is read
	expiredAtOnce = 1000            // blocks that one transaction deletes
)

// group is the record of a log group at its name key. Encoding: JSON, version 1.
type group struct {
	ID        uint64 // everything of the group lies under it; never reused
	Name      string
	Created   int64             // milliseconds
	Retention int32             `json:",omitempty"` // days; 0: for ever
	Class     string            `json:",omitempty"` // stored, no effect
	KMSKey    string            `json:",omitempty"` // stored, no effect
	Tags      map[string]string `json:",omitempty"`
}

// stream is the record of a log stream. Encoding: JSON, version 1. It never changes: what a stream holds is read from its
// index, so that appending to a stream rewrites nothing.
type stream struct {
	ID      uint64 // unique in the group
	Name    string
	Created int64 // milliseconds
}

//nolint:gochecknoglobals // codecs without state
var (
	groups  = store.Record[group]{Name: "log group", Version: 1}
	streams = store.Record[stream]{Name: "log stream", Version: 1}
)

const service, kindGroup = "logs", "log-group"

// Subspaces under a group's id.
const (
	subStream  = 's' // name -> stream
	subName    = 'n' // stream id -> name
	subBlock   = 'e' // time, number, stream id, chunk -> block: all events of the group by time
	subIndex   = 'i' // stream id, time, number -> chunks, size and duration of the block
	subDeleted = 'd' // stream id -> nothing: its events are being deleted
	subBytes   = 'b' // -> bytes of all events
)

func groupKey(s reqctx.Scope, name string) []byte {
	return store.NameKey(s.Account, s.Region, service, kindGroup, name)
}

func groupRange(s reqctx.Scope) store.Range {
	return store.NameRange(s.Account, s.Region, service, kindGroup)
}

func groupARN(s reqctx.Scope, name string) string {
	return arn.Make(service, s.Region, s.Account, "log-group:"+name)
}

func sub(group uint64, subspace byte) []byte {
	return store.ResourceKey(store.PrefixLogs, group, subspace)
}

func streamKey(group uint64, name string) []byte {
	return store.AppendString(sub(group, subStream), name)
}

func nameKey(group, stream uint64) []byte { return store.AppendUint64(sub(group, subName), stream) }

func deletedKey(group, stream uint64) []byte {
	return store.AppendUint64(sub(group, subDeleted), stream)
}

// blockKey starts the keys of a block; the number of the chunk follows.
func blockKey(group uint64, at position) []byte {
	k := store.AppendUint64(sub(group, subBlock), at.time)
	return store.AppendUint64(store.AppendUint64(k, at.number), at.stream)
}

func chunkKey(group uint64, at position, chunk int) []byte {
	return append(blockKey(group, at), byte(chunk))
}

func indexKey(group uint64, at position) []byte {
	k := store.AppendUint64(sub(group, subIndex), at.stream)
	return store.AppendUint64(store.AppendUint64(k, at.time), at.number)
}

func indexRange(group, stream uint64) store.Range {
	return store.PrefixRange(store.AppendUint64(sub(group, subIndex), stream))
}

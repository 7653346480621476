// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"sync"
	"time"
)

const (
	hotTime = time.Second // how long a key stays hot after a transaction had to queue for it
	maxHot  = 1024        // hot keys that are remembered
)

// hotKeys are keys for which transactions queued lately. The next ones that begin by reading one of them queue at once,
// instead of running for nothing.
type hotKeys struct {
	mu    sync.Mutex // guards until
	until map[int64]time.Time
}

// heat remembers the keys behind the locks.
func (h *hotKeys) heat(ids []int64, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.until == nil {
		h.until = map[int64]time.Time{}
	}
	if len(h.until)+len(ids) > maxHot {
		for id, t := range h.until {
			if now.After(t) {
				delete(h.until, id)
			}
		}
	}
	for _, id := range ids {
		if len(h.until) < maxHot {
			h.until[id] = now.Add(hotTime)
		}
	}
}

func (h *hotKeys) hot(id int64, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	t, ok := h.until[id]
	if ok && now.After(t) {
		delete(h.until, id)
		return false
	}
	return ok
}

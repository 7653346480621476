// SPDX-License-Identifier: Apache-2.0

package pebble

import "sync"

// hub carries hints from commits to watchers of this process.
type hub struct {
	mu       sync.Mutex
	watchers map[string]map[chan struct{}]struct{} // by topic
}

func (h *hub) watch(topic []byte) (hint <-chan struct{}, stop func()) {
	c, name := make(chan struct{}, 1), string(topic)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watchers == nil {
		h.watchers = map[string]map[chan struct{}]struct{}{}
	}
	if h.watchers[name] == nil {
		h.watchers[name] = map[chan struct{}]struct{}{}
	}
	h.watchers[name][c] = struct{}{}
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.watchers[name], c)
		if len(h.watchers[name]) == 0 {
			delete(h.watchers, name)
		}
	}
}

// notify never blocks: a watcher that has an unread hint needs no second one.
func (h *hub) notify(topics []string) {
	if len(topics) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, topic := range topics {
		for c := range h.watchers[topic] {
			select {
			case c <- struct{}{}:
			default:
			}
		}
	}
}

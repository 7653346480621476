// SPDX-License-Identifier: Apache-2.0

package engine

import "sync"

// Hub carries hints from commits to watchers of this process. The zero value is ready.
type Hub struct {
	mu       sync.Mutex
	watchers map[string]map[chan struct{}]struct{} // by topic
}

// Watch is store.Store's.
func (h *Hub) Watch(topic []byte) (hint <-chan struct{}, stop func()) {
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

// Notify never blocks: a watcher that has an unread hint needs no second one.
func (h *Hub) Notify(topics []string) {
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

// NotifyAll gives every watcher a hint: hints of others may have been lost.
func (h *Hub) NotifyAll() {
	h.mu.Lock()
	topics := make([]string, 0, len(h.watchers))
	for t := range h.watchers {
		topics = append(topics, t)
	}
	h.mu.Unlock()
	h.Notify(topics)
}

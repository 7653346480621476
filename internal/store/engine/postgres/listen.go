// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"encoding/base64"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Hints between processes. A NOTIFY inside a transaction makes its commit take a lock of the whole server, so they are
// sent after it, many in one, on a connection of their own. They may be lost; whoever waits also polls.
const (
	hintPause   = 2 * time.Millisecond // between two notifications: what comes meanwhile goes together
	retryPause  = time.Second          // before a lost connection is made again
	maxPending  = 4096                 // topics that wait to be sent; more are lost
	maxPayload  = 7900                 // bytes; PostgreSQL takes fewer than 8,000
	topicsSplit = " "                  // between topics in a payload, after the sender
)

// hints collects the topics of this process's commits for other processes.
type hints struct {
	mu      sync.Mutex // guards pending
	pending map[string]struct{}
	wake    chan struct{} // holds one: something is pending
}

// add never blocks.
func (h *hints) add(topics []string) {
	if len(topics) == 0 {
		return
	}
	h.mu.Lock()
	for _, t := range topics {
		if len(h.pending) < maxPending {
			h.pending[t] = struct{}{}
		}
	}
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// take empties the collection into payloads.
func (h *hints) take(sender string) []string {
	h.mu.Lock()
	pending := h.pending
	h.pending = map[string]struct{}{}
	h.mu.Unlock()
	var payloads []string
	b := sender
	for t := range pending {
		word := topicsSplit + base64.RawStdEncoding.EncodeToString([]byte(t))
		if len(sender)+len(word) > maxPayload {
			continue // cannot be sent
		}
		if len(b)+len(word) > maxPayload {
			payloads = append(payloads, b)
			b = sender
		}
		b += word
	}
	if b != sender {
		payloads = append(payloads, b)
	}
	return payloads
}

// notifyLoop sends hints until ctx ends.
func (s *Store) notifyLoop(ctx context.Context, channel, sender string) {
	s.connected(ctx, "send hints", func(c *pgconn.PgConn) error {
		// A hint is not worth an fsync.
		if err := execute(ctx, c, "SET synchronous_commit = off"); err != nil {
			return err
		}
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-s.hints.wake:
			}
			for _, payload := range s.hints.take(sender) {
				if _, err := one(ctx, c, "SELECT pg_notify($1, $2)", []byte(channel), []byte(payload)); err != nil {
					return err
				}
			}
			if err := s.clock.Sleep(ctx, hintPause); err != nil {
				return err
			}
		}
	})
}

// listenLoop passes the hints of other processes on until ctx ends. When it listens again after its connection was lost,
// hints may have been lost too: all watchers get one.
func (s *Store) listenLoop(ctx context.Context, channel string) {
	again := false
	s.connected(ctx, "listen for hints", func(c *pgconn.PgConn) error {
		if err := execute(ctx, c, "LISTEN "+channel); err != nil {
			return err
		}
		if again {
			s.hub.NotifyAll()
		}
		again = true
		for {
			if err := c.WaitForNotification(ctx); err != nil {
				return err
			}
		}
	})
}

// onNotification is called with each notification that a connection gets.
func (s *Store) onNotification(sender string) func(*pgconn.PgConn, *pgconn.Notification) {
	return func(_ *pgconn.PgConn, n *pgconn.Notification) {
		words := strings.Split(n.Payload, topicsSplit)
		if words[0] == sender { // they came at once
			return
		}
		var topics []string
		for _, w := range words[1:] {
			if t, err := base64.RawStdEncoding.DecodeString(w); err == nil {
				topics = append(topics, string(t))
			}
		}
		s.hub.Notify(topics)
	}
}

// connected runs work with a connection of its own, again and again until ctx ends.
func (s *Store) connected(ctx context.Context, what string, work func(*pgconn.PgConn) error) {
	for ctx.Err() == nil {
		c, err := pgconn.ConnectConfig(ctx, s.hintConfig)
		if err == nil {
			err = work(c)
			closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), resetTime)
			_ = c.Close(closing) // its end is what matters
			cancel()
		}
		if err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "store: cannot "+what+" of other nodes; they are polled", "database", s.name, "error", err)
		}
		_ = s.clock.Sleep(ctx, retryPause) // its error is that of ctx
	}
}

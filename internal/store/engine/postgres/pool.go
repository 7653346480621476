// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gustcloud/gust/internal/base/clock"
)

const (
	// idleTrust is how long an idle connection is taken to be alive. After that a round trip shows it: a commit sent
	// into a dead connection has an unknown outcome.
	idleTrust = time.Second
	// resetTime is how long a connection may take to leave its transaction, or to close.
	resetTime = 5 * time.Second
)

// pool holds connections that are in no transaction.
type pool struct {
	config *pgconn.Config
	clock  clock.Clock
	root   context.Context //nolint:containedctx // of what outlasts the transaction that caused it: resets
	slots  chan struct{}   // one taken for each connection in use

	mu     sync.Mutex // guards the next two
	free   []*conn    // used last at the end
	closed bool

	resets sync.WaitGroup // connections that leave their transaction, or are being made
}

// conn is one connection.
type conn struct {
	*pgconn.PgConn
	prepared [statements]*pgconn.StatementDescription
	root     context.Context //nolint:containedctx // the pool's
	reserved bool            // the session may have locks
	used     time.Time       // last
}

// newPool makes an empty pool. ctx gives values only: its end stops nothing.
func newPool(ctx context.Context, config *pgconn.Config, size int, c clock.Clock) *pool {
	return &pool{config: config, clock: c, root: context.WithoutCancel(ctx), slots: make(chan struct{}, size)}
}

// get waits for a connection. The caller gives it back with put.
func (p *pool) get(ctx context.Context) (*conn, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a connection: %w", ctx.Err())
	}
	for {
		c := p.take()
		if c == nil {
			break
		}
		if p.clock.Now().Sub(c.used) < idleTrust || c.Ping(ctx) == nil {
			return c, nil
		}
		if ctx.Err() != nil && !c.IsClosed() {
			p.store(c)
			return nil, fmt.Errorf("%w: %w", errConnect, ctx.Err())
		}
		c.discard()
		p.dropIdle() // the others have met the same fate
	}
	return p.connectFor(ctx)
}

// connectFor makes a connection for the caller. If ctx ends before, the connection is there for the next one: many calls
// that are given up soon must not make ever new connections.
func (p *pool) connectFor(ctx context.Context) (*conn, error) {
	type made struct {
		c   *conn
		err error
	}
	result, gone := make(chan made), make(chan struct{})
	p.resets.Go(func() {
		c, err := p.connect()
		select {
		case result <- made{c, err}:
			return
		case <-gone:
		}
		if err != nil {
			<-p.slots
			return
		}
		p.store(c)
	})
	select {
	case m := <-result:
		if m.err != nil {
			<-p.slots
		}
		return m.c, m.err
	case <-ctx.Done():
		close(gone)
		return nil, fmt.Errorf("%w: %w", errConnect, ctx.Err())
	}
}

func (p *pool) take() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.free)
	if n == 0 {
		return nil
	}
	c := p.free[n-1]
	p.free = p.free[:n-1]
	return c
}

func (p *pool) connect() (*conn, error) {
	ctx, cancel := context.WithTimeout(p.root, queryTime)
	defer cancel()
	c, err := pgconn.ConnectConfig(ctx, p.config)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errConnect, err)
	}
	prepared, err := prepare(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errConnect, errors.Join(err, c.Close(ctx)))
	}
	return &conn{PgConn: c, prepared: prepared, root: p.root}, nil
}

// put takes a connection back in whatever state it is. A transaction that it is in is rolled back meanwhile.
func (p *pool) put(c *conn) {
	switch {
	case c.IsClosed() || c.IsBusy():
		c.discard()
		<-p.slots
	case c.TxStatus() == 'I' && !c.reserved:
		p.store(c)
	default:
		p.resets.Go(func() {
			ctx, cancel := context.WithTimeout(p.root, resetTime)
			defer cancel()
			sql := "ROLLBACK"
			if c.reserved {
				sql += "; " + text[releaseLocks]
			}
			if err := execute(ctx, c.PgConn, sql); err != nil || c.TxStatus() != 'I' {
				c.discard()
				<-p.slots
				return
			}
			c.reserved = false
			p.store(c)
		})
	}
}

func (p *pool) store(c *conn) {
	c.used = p.clock.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.discard()
	} else {
		p.free = append(p.free, c)
	}
	<-p.slots
}

// dropIdle closes the connections that nobody uses.
func (p *pool) dropIdle() {
	p.mu.Lock()
	free := p.free
	p.free = nil
	p.mu.Unlock()
	for _, c := range free {
		c.discard()
	}
}

// close closes all connections; none is in use by a transaction any more.
func (p *pool) close() {
	p.resets.Wait()
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.dropIdle()
}

// discard closes the connection without waiting for the server.
func (c *conn) discard() {
	ctx, cancel := context.WithCancel(c.root)
	cancel()
	_ = c.Close(ctx) // it may be gone already
}

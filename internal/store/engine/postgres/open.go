// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
)

// Options say where the store is. All fields but Time are required.
type Options struct {
	// URL names the database: postgres://user:password@host:port/database?sslmode=require, as libpq reads it, or its
	// "host=... dbname=..." form. pool_max_conns is the largest number of connections, 20 by default; two more are for
	// hints.
	URL   string
	Clock clock.Clock    // the machine's
	Time  *clock.Service // that Now tells; nil: one that follows Clock
	Log   *slog.Logger

	dial pgconn.DialFunc // tests only: connections that break
}

const (
	defaultConnections = 20
	connectTime        = 10 * time.Second // for one server of the URL, unless it says connect_timeout
	// cancelGrace is how long an answer is waited for when the caller's context has ended. After that the connection is
	// given up with the call; a new one costs the server more than most answers.
	cancelGrace = 200 * time.Millisecond
)

// settings of every session, whatever the server's configuration says, unless the URL says something else. Times in
// milliseconds.
var settings = map[string]string{
	"application_name":  "gust",
	"client_encoding":   "UTF8",
	"statement_timeout": "30000",
	// An exclusive transaction may take store.MaxDuration, and another one before it.
	"lock_timeout": "15000",
	// A node that hangs in a transaction, maybe with locks, is let go. More than store.MaxDuration.
	"idle_in_transaction_session_timeout": "15000",
	// All access is by the primary key, also when the table is too new for statistics.
	"enable_seqscan": "off", "enable_bitmapscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off",
	// Commits are implicit transactions; each of their statements sees what its locks have waited for.
	"default_transaction_isolation": "read committed", "default_transaction_read_only": "off",
	"plan_cache_mode": "force_generic_plan", "jit": "off",
}

// Open connects to the database and makes the tables if they are not there. ctx is for that only; the store ends with
// Close.
//
// Errors: *store.FormatError, *store.CorruptError, store.ErrUnavailable; others are the server's.
func Open(ctx context.Context, o Options) (*Store, error) {
	config, size, err := parse(o.URL)
	if err != nil {
		return nil, err
	}
	if o.dial != nil {
		config.DialFunc = o.dial
	}
	if o.Time == nil {
		o.Time = clock.NewService(o.Clock)
	}
	s := &Store{
		name: describe(config), clock: o.Clock, time: o.Time, log: o.Log, idle: make(chan struct{}),
		hints: hints{pending: map[string]struct{}{}, wake: make(chan struct{}, 1)},
	}
	c, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", store.ErrUnavailable, s.name, err)
	}
	id, err := migrate(ctx, c, s.name)
	if cerr := c.Close(ctx); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	if s.seed, err = seedOf(id); err != nil {
		return nil, err
	}
	random := make([]byte, 8)
	if _, err := rand.Read(random); err != nil {
		return nil, fmt.Errorf("store: make a name for hints: %w", err)
	}
	channel, sender := "gust_"+id, hex.EncodeToString(random)
	s.pool = newPool(ctx, config, size, o.Clock)
	s.hintConfig = config.Copy()
	s.hintConfig.BuildContextWatcherHandler = watcher(0)
	s.hintConfig.OnNotification = s.onNotification(sender)
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.background.Go(func() { s.listenLoop(work, channel) })
	s.background.Go(func() { s.notifyLoop(work, channel, sender) })
	return s, nil
}

// parse reads the URL and adds what every session needs.
func parse(text string) (config *pgconn.Config, connections int, err error) {
	config, err = pgconn.ParseConfig(text)
	if err != nil {
		return nil, 0, fmt.Errorf("store: database URL: %w", err) // pgconn hides the password
	}
	connections = defaultConnections
	if v, ok := config.RuntimeParams["pool_max_conns"]; ok {
		if connections, err = strconv.Atoi(v); err != nil || connections < 1 || connections > 1000 {
			return nil, 0, fmt.Errorf("store: database URL: pool_max_conns is %q, want 1 to 1000", v)
		}
		delete(config.RuntimeParams, "pool_max_conns")
	}
	for name, value := range settings {
		if _, said := config.RuntimeParams[name]; !said {
			config.RuntimeParams[name] = value
		}
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTime
	}
	if config.ValidateConnect == nil { // no target_session_attrs
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	config.AfterConnect = forceSync
	config.BuildContextWatcherHandler = watcher(cancelGrace)
	return config, connections, nil
}

// watcher makes calls on a connection end when grace has passed after their context ended.
func watcher(grace time.Duration) func(*pgconn.PgConn) ctxwatch.Handler {
	return func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.DeadlineContextWatcherHandler{Conn: c.Conn(), DeadlineDelay: grace}
	}
}

// forceSync turns synchronous_commit on where the server's configuration turned it off: what Update answers is durable.
// The other values wait for the disk too.
func forceSync(ctx context.Context, c *pgconn.PgConn) error {
	return execute(ctx, c, `SELECT set_config('synchronous_commit', 'on', false)
		WHERE current_setting('synchronous_commit') = 'off'`)
}

// describe names the database in messages, without the password.
func describe(c *pgconn.Config) string {
	host := c.Host
	if !strings.HasPrefix(host, "/") {
		host += ":" + strconv.Itoa(int(c.Port))
	}
	return fmt.Sprintf("database %s at %s", url.PathEscape(c.Database), host)
}

// SPDX-License-Identifier: Apache-2.0

// Package pgtest gives tests a PostgreSQL server of their own: a temporary cluster on a unix socket, run by an ordinary
// user, as the server refuses root. Where PostgreSQL is not installed the test is recorded as not run.
package pgtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gustcloud/gust/internal/base/hosttest"
)

const (
	oldest    = 15               // major version
	startTime = 60 * time.Second // for initdb, and for a start with recovery
	role      = "gust"           // owns the databases
)

// Options choose how the server runs.
type Options struct {
	Fsync    bool     // wait for the disk: only a power cut shows the difference
	Settings []string // "name=value"
}

// Server is a cluster that ends with its test.
type Server struct {
	tb       testing.TB
	bin, dir string
	owner    *syscall.Credential // nil: the user of the test
	options  Options
	schemas  atomic.Int64

	mu   sync.Mutex    // guards the next two
	cmd  *exec.Cmd     // nil: stopped
	done chan struct{} // closed when cmd has ended
}

// Start makes a cluster and starts its server.
func Start(tb testing.TB, o Options) *Server {
	tb.Helper()
	s := &Server{tb: tb, bin: binaries(tb), options: o}
	s.owner = ordinaryUser(tb)
	// Not TempDir: that is closed to other users, and its name is too long for a socket.
	dir, err := os.MkdirTemp("/tmp", "gust-pg-") //nolint:usetesting // see above
	if err != nil {
		tb.Fatal(err)
	}
	s.dir = dir
	tb.Cleanup(func() {
		s.Stop(syscall.SIGQUIT)
		if err := os.RemoveAll(dir); err != nil {
			tb.Errorf("remove the cluster: %v", err)
		}
	})
	if s.owner != nil {
		if err := os.Chown(dir, int(s.owner.Uid), int(s.owner.Gid)); err != nil {
			tb.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	initdb := s.command(ctx, "initdb", "-D", s.data(), "-U", role, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		tb.Fatalf("initdb: %v\n%s", err, out)
	}
	s.Restart()
	return s
}

// binaries is the directory with PostgreSQL's programs.
func binaries(tb testing.TB) string {
	tb.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // Debian's place; the pattern is right
	slices.Reverse(found)
	for _, dir := range found {
		if v, err := strconv.Atoi(filepath.Base(filepath.Dir(dir))); err == nil && v >= oldest && isFile(dir, "postgres") {
			return dir
		}
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		if out, err := exec.CommandContext(context.Background(), path, "--version").Output(); err == nil && version(string(out)) >= oldest {
			return filepath.Dir(path)
		}
	}
	hosttest.Skip(tb, fmt.Sprintf("needs PostgreSQL %d or newer", oldest))
	return ""
}

func isFile(dir, name string) bool {
	fi, err := os.Stat(filepath.Join(dir, name))
	return err == nil && fi.Mode().IsRegular()
}

// version reads "postgres (PostgreSQL) 15.18 (...)".
func version(text string) int {
	words := strings.Fields(text)
	if len(words) < 3 {
		return 0
	}
	major, _, _ := strings.Cut(words[2], ".")
	n, _ := strconv.Atoi(major) // 0: too old
	return n
}

// ordinaryUser is whom the server runs as; nil when the test itself is run by an ordinary user.
func ordinaryUser(tb testing.TB) *syscall.Credential {
	tb.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uerr := strconv.Atoi(u.Uid)
		gid, gerr := strconv.Atoi(u.Gid)
		if uerr == nil && gerr == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	hosttest.Skip(tb, "needs a user postgres or nobody: PostgreSQL refuses to run as root")
	return nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + s.bin + ":/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = attributes(s.owner)
	return cmd
}

// Restart starts a server that is stopped, and returns when it takes connections.
func (s *Server) Restart() {
	s.tb.Helper()
	args := []string{
		"-D", s.data(), "-k", s.dir, "-c", "listen_addresses=", "-c", "shared_buffers=64MB", "-c", "max_connections=300",
		"-c", "fsync=" + map[bool]string{true: "on", false: "off"}[s.options.Fsync],
	}
	for _, v := range s.options.Settings {
		args = append(args, "-c", v)
	}
	cmd := s.command(context.Background(), "postgres", args...)
	log, err := cmd.StderrPipe()
	if err != nil {
		s.tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.tb.Fatal(err)
	}
	ready, done := make(chan struct{}), make(chan struct{})
	var said strings.Builder // until it is ready
	go func() {
		lines, isReady := bufio.NewScanner(log), false
		for lines.Scan() {
			if isReady {
				continue
			}
			said.WriteString(lines.Text() + "\n")
			if isReady = strings.Contains(lines.Text(), "database system is ready to accept connections"); isReady {
				close(ready)
			}
		}
		_, _ = io.Copy(io.Discard, log) // ends when the last process of the server has: a new one does not start before
		_ = cmd.Wait()                  // how it ended stands in its log
		close(done)
	}()
	timeout := time.NewTimer(startTime)
	defer timeout.Stop()
	select {
	case <-ready:
	case <-done:
		s.tb.Fatalf("the server ended\n%s", said.String())
	case <-timeout.C:
		_ = cmd.Process.Kill() // it may be gone
		<-done
		s.tb.Fatalf("the server did not start\n%s", said.String())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cmd, s.done = cmd, done
}

// Stop sends the server a signal and returns when it has ended: SIGINT ends all sessions and then stops cleanly,
// SIGQUIT stops without a checkpoint, SIGKILL is a crash. A stopped server stays so.
func (s *Server) Stop(signal syscall.Signal) {
	s.mu.Lock()
	cmd, done := s.cmd, s.done
	s.cmd = nil
	s.mu.Unlock()
	if cmd == nil {
		return
	}
	if err := cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.tb.Errorf("signal the server: %v", err)
	}
	<-done
}

// URL names a new, empty schema of the server's database.
func (s *Server) URL() string {
	s.tb.Helper()
	schema := "s" + strconv.FormatInt(s.schemas.Add(1), 10)
	s.Exec("CREATE SCHEMA " + schema)
	return s.SchemaURL(schema)
}

// SchemaURL names a schema.
func (s *Server) SchemaURL(schema string) string {
	return "postgres:///postgres?" + url.Values{"host": {s.dir}, "user": {role}, "search_path": {schema}}.Encode()
}

// Exec runs SQL as the owner of the server, and returns the first value of the last result, "" if there is none.
func (s *Server) Exec(sql string) string {
	s.tb.Helper()
	v, err := s.TryExec(sql)
	if err != nil {
		s.tb.Fatalf("%s: %v", sql, err)
	}
	return v
}

// TryExec is Exec for a server that may be away.
func (s *Server) TryExec(sql string) (_ string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	c, err := pgconn.Connect(ctx, s.SchemaURL("public"))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, c.Close(ctx)) }()
	results, err := c.Exec(ctx, sql).ReadAll()
	if err != nil || len(results) == 0 || len(results[len(results)-1].Rows) == 0 {
		return "", err
	}
	return string(results[len(results)-1].Rows[0][0]), nil
}

// While runs fn between two halves of a transaction that began with sql.
func (s *Server) While(sql string, fn func()) {
	s.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	c, err := pgconn.Connect(ctx, s.SchemaURL("public"))
	if err != nil {
		s.tb.Fatal(err)
	}
	defer func() { _ = c.Close(ctx) }() // the transaction ends with it
	if err := c.Exec(ctx, "BEGIN; "+sql).Close(); err != nil {
		s.tb.Fatalf("%s: %v", sql, err)
	}
	fn()
}

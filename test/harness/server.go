// SPDX-License-Identifier: Apache-2.0

// Package harness starts the real gust binary for black-box tests and gives them real clients. Read server.go, then
// clients.go; functions.go builds the deployment packages that the tests use. It knows nothing of Gust's inside.
package harness

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/base/hosttest"
)

// Server is a running gust process with its data directory.
type Server struct {
	Endpoint string // "http://127.0.0.1:PORT"
	Dir      string // data directory
	Flags    []string
	Keys     Keys // of the clients; any will do unless the server enforces signatures

	tb     testing.TB
	binary string
	cmd    *exec.Cmd
	log    *lockedBuffer
}

// Binary returns the gust binary under test: $GUST_BIN, else bin/gust of this repository.
func Binary(tb testing.TB) string {
	tb.Helper()
	path := os.Getenv("GUST_BIN")
	if path == "" {
		path = filepath.Join(Root(tb), "bin", "gust")
	}
	if _, err := os.Stat(path); err != nil {
		tb.Fatalf("%s is missing: run `make build` first", path)
	}
	return path
}

// Start runs `gust serve` on an empty data directory and a free port, and stops it when the test ends.
func Start(tb testing.TB, flags ...string) *Server {
	tb.Helper()
	return StartBinary(tb, Binary(tb), flags...)
}

// StartBinary is Start for another build of the server.
func StartBinary(tb testing.TB, binary string, flags ...string) *Server {
	tb.Helper()
	s := &Server{Dir: tb.TempDir(), Flags: flags, Keys: Keys{ID: Account, Secret: "secret"}, tb: tb, binary: binary, log: new(lockedBuffer)}
	s.Endpoint = "http://" + freeAddress(tb)
	tb.Cleanup(func() {
		s.Stop()
		if tb.Failed() {
			tb.Logf("server log:\n%s", s.Log())
		}
	})
	s.Run()
	return s
}

// StartIsolated is Start for tests that are about the sandbox: it needs root and says so where that is missing.
func StartIsolated(tb testing.TB, flags ...string) *Server {
	tb.Helper()
	hosttest.Root(tb)
	return Start(tb, flags...)
}

// StartAny uses the sandbox where the host allows it, else the process driver: for tests that are not about isolation.
func StartAny(tb testing.TB, flags ...string) *Server {
	tb.Helper()
	if os.Geteuid() != 0 {
		flags = append([]string{"--driver=process"}, flags...)
	}
	return Start(tb, flags...)
}

// Run starts the process again on the same data directory and address, and waits until it serves.
func (s *Server) Run() {
	s.tb.Helper()
	args := append([]string{"serve", "--data", s.Dir, "--listen", strings.TrimPrefix(s.Endpoint, "http://")}, s.Flags...)
	s.cmd = exec.Command(s.binary, args...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	if err := s.cmd.Start(); err != nil {
		s.tb.Fatal(err)
	}
	if err := s.waitHealthy(); err != nil {
		s.Kill()
		s.tb.Fatalf("%v; its log:\n%s", err, s.Log())
	}
}

func (s *Server) waitHealthy() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint+"/_gust/health", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server does not become healthy: %w", err)
		case <-time.After(5 * time.Millisecond): // a poll of another process, not a wait for a guess
		}
	}
}

// Kill ends the process as a power cut would: SIGKILL, nothing is drained.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Stop asks the process to drain and end.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan struct{})
	go func() { _ = s.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		s.tb.Errorf("the server did not end within 20 s of SIGTERM; its log:\n%s", s.Log())
		_ = s.cmd.Process.Kill()
		<-done
	}
	s.cmd = nil
}

// PID is the process id of the running server.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Log is what the server has printed so far.
func (s *Server) Log() string { return s.log.String() }

// Get reads a path of the server's own HTTP interface.
func (s *Server) Get(path string) string {
	s.tb.Helper()
	req, err := http.NewRequestWithContext(s.tb.Context(), http.MethodGet, s.Endpoint+path, nil)
	if err != nil {
		s.tb.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.tb.Fatal(err)
	}
	return string(body)
}

func freeAddress(tb testing.TB) string {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// Root is the repository's directory.
func Root(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "CHANGELOG.md")); err == nil {
			return dir
		}
	}
	tb.Fatal("the repository's root was not found")
	return ""
}

// lockedBuffer collects the output of a process that is still running.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

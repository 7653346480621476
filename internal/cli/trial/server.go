// SPDX-License-Identifier: Apache-2.0

// Package trial runs a server of its own for `gust demo` and `gust bench`: this same program on a temporary data
// directory, spoken to as any client would, with signed requests over HTTP. Read server.go, then client.go.
package trial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gustcloud/gust/internal/access/sigv4"
	"github.com/gustcloud/gust/internal/base/clock"
)

// Options say how the server is started.
type Options struct {
	Program string   // path of gust
	Flags   []string // of `gust serve`, beside --data and --listen
	Env     []string // "NAME=value"
	Clock   clock.Clock
}

// Server is a running `gust serve`. It is for one goroutine.
type Server struct {
	Endpoint string
	Dir      string // its data directory

	options Options
	cmd     *exec.Cmd
	root    sigv4.Keys
	log     lockedBuffer
	ended   chan struct{} // closed when cmd has ended
}

// With runs a server on an empty directory while fn runs, then stops it and removes the directory.
func With(ctx context.Context, o Options, fn func(*Server) error) (err error) {
	dir, err := os.MkdirTemp("", "gust-trial-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	s := &Server{Endpoint: "http://" + address, Dir: dir, options: o}
	defer func() { err = errors.Join(err, s.Stop()) }()
	if err := s.Start(ctx); err != nil {
		return err
	}
	return fn(s)
}

// Start starts the process and returns when it serves.
func (s *Server) Start(ctx context.Context) error {
	flags := append([]string{"serve", "--data", s.Dir, "--listen", s.Endpoint[len("http://"):]}, s.options.Flags...)
	s.cmd = exec.Command(s.options.Program, flags...) //nolint:gosec,noctx // this program; ended by Stop and Kill
	s.cmd.Env = s.options.Env
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	ended, cmd := make(chan struct{}), s.cmd
	s.ended = ended
	go func() { // ends with the process
		_ = cmd.Wait()
		close(ended)
	}()
	return s.waitHealthy(ctx)
}

func (s *Server) waitHealthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint+"/_gust/health", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.ended:
			return fmt.Errorf("the server ended at once:\n%s", s.log.String())
		default:
		}
		if err := s.options.Clock.Sleep(ctx, time.Millisecond); err != nil {
			return fmt.Errorf("the server does not serve:\n%s", s.log.String())
		}
	}
}

// Kill ends the process as a power cut would (kill -9).
func (s *Server) Kill() error {
	err := s.cmd.Process.Kill()
	<-s.ended
	return err
}

// Stop lets the process drain and end.
func (s *Server) Stop() error {
	if s.cmd == nil || s.cmd.Process == nil {
		return nil
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	timer := s.options.Clock.NewTimer(20 * time.Second)
	defer timer.Stop()
	select {
	case <-s.ended:
		return nil
	case <-timer.C:
		_ = s.cmd.Process.Kill()
		<-s.ended
		return errors.New("the server did not end within 20 s of SIGTERM")
	}
}

// PID is the server's process id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// rootKeys are the credentials that a server with --auth enforce printed at its first start; none otherwise.
func (s *Server) rootKeys() sigv4.Keys {
	for line := range strings.Lines(s.log.String()) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch name {
		case "AWS_ACCESS_KEY_ID":
			s.root.AccessKeyID = value
		case "AWS_SECRET_ACCESS_KEY":
			s.root.SecretAccessKey = value
		}
	}
	return s.root
}

// Log is what the server has printed.
func (s *Server) Log() string { return s.log.String() }

func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

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

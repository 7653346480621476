// SPDX-License-Identifier: Apache-2.0

package spawner

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/worker/spawner/packet"
)

// Descriptors that the server passes to the spawner.
const (
	socketFD = 3 // requests and answers
	initFD   = 4 // gust-init, a sealed memfd
)

// Main is the spawner's process: `gust spawner --run-dir DIR`, started by Start only. It returns the exit status when the
// server closes the socket, after every sandbox has ended.
func Main(args []string) int {
	flags := flag.NewFlagSet("spawner", flag.ContinueOnError)
	runDir := flags.String("run-dir", "", "directory for the /tmp images and the lock of this spawner")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *runDir == "" || flags.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "the spawner is a part of gust serve, which starts it by itself")
		return 2
	}
	// Signals of a terminal or an init system reach the server too; it decides when sandboxes end. They are caught, not
	// ignored: an ignored signal would stay ignored in every function.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	ctx := context.Background() //nolint:forbidigo // the root of a process of its own; it ends with the socket
	if err := run(ctx, *runDir); err != nil {
		fmt.Fprintln(os.Stderr, "spawner:", err)
		return 1
	}
	return 0
}

func run(ctx context.Context, runDir string) error {
	conn, err := packet.New(os.NewFile(socketFD, "server"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	s, err := open(ctx, runDir)
	if err != nil {
		// The first request learns why there is no spawner.
		buf := make([]byte, maxPacket)
		if n, _, rerr := conn.Receive(buf); rerr == nil {
			if r, derr := decodeRequest(buf[:n]); derr == nil {
				_ = conn.Send(encodeAnswer(failed(r.Seq, err)))
			}
		}
		return err
	}
	defer s.close(ctx)
	return s.serve(ctx, conn)
}

// serve handles requests, each on a goroutine, until the server closes the socket; it waits for them.
func (s *service) serve(ctx context.Context, conn *packet.Conn) error {
	defer s.requests.Wait()
	buf := make([]byte, maxPacket)
	for {
		n, files, err := conn.Receive(buf)
		packet.CloseAll(files) // no request carries any
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("receive a request: %w", err)
		}
		r, err := decodeRequest(buf[:n])
		if err != nil {
			return err // the server is the same program: this is a bug or an attack, not a mistake to answer
		}
		b, err := s.admit(r)
		s.requests.Go(func() {
			var a answer
			var files []*os.File
			if err != nil {
				a = failed(r.Seq, err)
			} else {
				a, files = s.handle(ctx, r, b)
			}
			if err := conn.Send(encodeAnswer(a), files...); err != nil && !errors.Is(err, unix.EPIPE) { // the server has gone
				fmt.Fprintf(os.Stderr, "answer %s: %v\n", r.Op, err)
			}
			packet.CloseAll(files)
		})
	}
}

// instance returns the name of the spawners of runDir, one after the other: their control groups carry it, so a new one
// removes what a killed one left. The lock is held as long as the file is open.
func instance(runDir string) (string, *os.File, error) {
	if err := os.MkdirAll(runDir, 0o700); err != nil {
		return "", nil, fmt.Errorf("make the run directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(runDir, "instance"), os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the server's own directory
	if err != nil {
		return "", nil, fmt.Errorf("open the run directory's lock: %w", err)
	}
	name, err := lockedName(f)
	if err != nil {
		_ = f.Close()
		return "", nil, fmt.Errorf("name the spawner of %s: %w", runDir, err)
	}
	return name, f, nil
}

func lockedName(f *os.File) (string, error) {
	// Blocks while the spawner of a server that was just killed still cleans up.
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return "", err
	}
	p, err := io.ReadAll(io.LimitReader(f, 64))
	if err != nil {
		return "", err
	}
	if s := string(p); len(s) == 8 && strings.Trim(s, "0123456789abcdef") == "" {
		return s, nil
	}
	s := ids.System().Hex(4)
	if err := f.Truncate(0); err != nil {
		return "", err
	}
	_, err = f.WriteAt([]byte(s), 0)
	return s, err
}

// SPDX-License-Identifier: Apache-2.0

// Package floor measures what a cold and a warm invocation cannot be faster than on this host: a bare program of the
// same interpreter and handler, without sandbox, platform or bootstrap. `gust bench` divides its figures by these. The
// programs (static/, python/, node/) are frozen: changing one would change every ratio that was ever published.
//
// The static program speaks TCP on 127.0.0.1 as custom runtimes must; Python and Node.js a unix socket as our
// bootstraps do.
package floor

import (
	"bufio"
	"context"
	_ "embed" // the programs
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
)

//go:embed python/floor.py
var pythonProgram []byte

//go:embed python/handler.py
var pythonHandler []byte

//go:embed node/floor.cjs
var nodeProgram []byte

//go:embed node/handler.cjs
var nodeHandler []byte

// Handlers of the functions to compare with: the same files.
var (
	PythonHandler = string(pythonHandler) // handler.handler
	NodeHandler   = string(nodeHandler)   // handler.handler, as handler.cjs
)

// Program is one bare program.
type Program struct {
	path string
	args []string // the socket's path goes between the first and the second; none for TCP
	tcp  bool
}

// Static is the program of bench/floor/static, built with CGO_ENABLED=0.
func Static(binary string) Program { return Program{path: binary, tcp: true} }

// Python writes the program into dir, which exists.
func Python(interpreter, dir string) (Program, error) {
	err := errors.Join(write(dir, "floor.py", pythonProgram), write(dir, "handler.py", pythonHandler))
	// -B: compiled code of the handler is not kept, as under a read-only /var/task.
	return Program{path: interpreter, args: []string{"-I", "-S", "-B", filepath.Join(dir, "floor.py"), dir}}, err
}

// Node writes the program into dir, which exists.
func Node(interpreter, dir string) (Program, error) {
	err := errors.Join(write(dir, "floor.cjs", nodeProgram), write(dir, "handler.cjs", nodeHandler))
	return Program{path: interpreter, args: []string{filepath.Join(dir, "floor.cjs"), dir}}, err
}

func write(dir, name string, content []byte) error {
	return os.WriteFile(filepath.Join(dir, name), content, 0o600)
}

// Cold starts the program n times, one after another, and returns for each the time from before the start to the whole
// response of its first event. One start more, the first, is not counted. pause, where it is not nil, is called before
// each start that counts, with its number: a machine that was idle for a moment is slower than one in a tight loop, and a
// floor should be measured in the same state as what is compared with it.
func Cold(ctx context.Context, clk clock.Clock, p Program, n int, event []byte, pause func(i int) error) ([]time.Duration, error) {
	out := make([]time.Duration, 0, n)
	for i := range n + 1 {
		if i > 0 && pause != nil {
			if err := pause(i - 1); err != nil {
				return nil, err
			}
		}
		err := p.run(ctx, func(start func() error, conn func() (*peer, error)) error {
			begin := clk.Now()
			if err := start(); err != nil {
				return err
			}
			c, err := conn()
			if err != nil {
				return err
			}
			if err := c.invoke(event); err != nil {
				return err
			}
			if i > 0 {
				out = append(out, clk.Now().Sub(begin))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Warm starts the program once and returns the times of n round trips: from before the event is written to the whole
// response. Some round trips before them are not counted.
func Warm(ctx context.Context, clk clock.Clock, p Program, n int, event []byte) ([]time.Duration, error) {
	const warmUp = 50
	out := make([]time.Duration, 0, n)
	err := p.run(ctx, func(start func() error, conn func() (*peer, error)) error {
		if err := start(); err != nil {
			return err
		}
		c, err := conn()
		if err != nil {
			return err
		}
		for i := range warmUp + n {
			if err := c.next(); err != nil {
				return err
			}
			begin := clk.Now()
			if err := c.roundTrip(event); err != nil {
				return err
			}
			if i >= warmUp {
				out = append(out, clk.Now().Sub(begin))
			}
			if err := c.accepted(); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// run gives fn a listener's first connection and a way to start the program, and ends the program after it.
func (p Program) run(ctx context.Context, fn func(start func() error, conn func() (*peer, error)) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "gust-floor-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	network, address := "unix", filepath.Join(dir, "api.sock")
	if p.tcp {
		network, address = "tcp", "127.0.0.1:0"
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, network, address)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	cmd := exec.CommandContext(ctx, p.path, p.arguments(address)...) //nolint:gosec // the caller names the program
	cmd.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + l.Addr().String()}
	var wg sync.WaitGroup
	start := func() error {
		if err := cmd.Start(); err != nil {
			return err
		}
		wg.Go(func() {
			_ = cmd.Wait() // killed below, or it ended by itself:
			_ = l.Close()  // who waits for it to connect must not wait for ever
		})
		return nil
	}
	var c net.Conn
	conn := func() (*peer, error) {
		if c, err = l.Accept(); err != nil {
			return nil, fmt.Errorf("%s did not connect: %w", p.path, err)
		}
		return &peer{r: bufio.NewReaderSize(c, 64<<10), w: c}, nil
	}
	err = fn(start, conn)
	if c != nil {
		_ = c.Close()
	}
	cancel() // kills the program
	wg.Wait()
	return err
}

func (p Program) arguments(socket string) []string {
	if p.tcp {
		return p.args
	}
	n := len(p.args) - 1
	return append(append(append([]string{}, p.args[:n]...), socket), p.args[n])
}

// peer is the server's half of the Runtime API, as bare as the programs.
type peer struct {
	r *bufio.Reader
	w io.Writer
}

func (c *peer) invoke(event []byte) error {
	if err := c.next(); err != nil {
		return err
	}
	return c.roundTrip(event)
}

// next reads the question for an event.
func (c *peer) next() error {
	_, err := c.readRequest("GET /2018-06-01/runtime/invocation/next ")
	return err
}

// roundTrip gives the event and reads the response, which must be the event.
func (c *peer) roundTrip(event []byte) error {
	head := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n" +
		"Lambda-Runtime-Deadline-Ms: 99999999999999\r\nContent-Length: " + strconv.Itoa(len(event)) + "\r\n\r\n"
	if _, err := c.w.Write(append([]byte(head), event...)); err != nil {
		return err
	}
	body, err := c.readRequest("POST /2018-06-01/runtime/invocation/8476a536-e9f4-11e8-9739-2dfe598c3fcd/response ")
	if err == nil && string(body) != string(event) {
		err = fmt.Errorf("the program answered %q", body)
	}
	return err
}

// accepted answers the response.
func (c *peer) accepted() error {
	_, err := io.WriteString(c.w, "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n")
	return err
}

func (c *peer) readRequest(prefix string) ([]byte, error) {
	size := 0
	for first := true; ; first = false {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("read the program's request: %w", err)
		}
		if first && !strings.HasPrefix(line, prefix) {
			return nil, fmt.Errorf("the program asked %q", line)
		}
		if line == "\r\n" {
			break
		}
		if name, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(name, "content-length") {
			if size, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return nil, err
			}
		}
	}
	body := make([]byte, size)
	_, err := io.ReadFull(c.r, body)
	return body, err
}

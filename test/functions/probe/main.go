// SPDX-License-Identifier: Apache-2.0

// Command probe is a Lambda function of the public module aws-lambda-go that does what its event asks: echo, use up
// memory, CPU, /tmp or processes, or try to get out of its sandbox (attempt.go). The tests run it as provided.al2023.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// Event is one request.
type Event struct {
	Do   string `json:"do"`
	N    int    `json:"n"`    // megabytes, milliseconds, processes or bytes, as Do needs
	Path string `json:"path"` // file or address
	Text string `json:"text"`
}

// Answer is what the function found.
type Answer struct {
	Text    string            `json:"text,omitempty"`
	N       int64             `json:"n"`
	Count   int64             `json:"count"` // invocations of this environment
	Ticks   int64             `json:"ticks"` // steps of a background goroutine
	Env     map[string]string `json:"env,omitempty"`
	Request string            `json:"request"`
	Error   string            `json:"error,omitempty"` // of an attempt; "" means that it succeeded
}

var (
	count, ticks, sink atomic.Int64
	held               [][]byte
)

func main() {
	if os.Getenv("PROBE_SLEEP") != "" { // a child of processes
		time.Sleep(time.Hour) // an empty select would end the program as a deadlock
		return
	}
	if os.Getenv("PROBE_EXIT") != "" { // a child of attempt
		return
	}
	go func() {
		for range time.Tick(5 * time.Millisecond) {
			ticks.Add(1)
		}
	}()
	lambda.Start(handle)
}

func handle(ctx context.Context, e Event) (*Answer, error) {
	a := &Answer{Count: count.Add(1), Ticks: ticks.Load()}
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		a.Request = lc.AwsRequestID
	}
	switch e.Do {
	case "", "echo":
		a.Text = e.Text
	case "print":
		fmt.Println(e.Text)
	case "sleep":
		time.Sleep(time.Duration(e.N) * time.Millisecond)
	case "env":
		a.Env = map[string]string{}
		for _, kv := range os.Environ() {
			name, value, _ := strings.Cut(kv, "=")
			a.Env[name] = value
		}
	case "alloc":
		a.N = alloc(e.N)
	case "free":
		held = nil
		debug.FreeOSMemory()
	case "spin":
		a.N = spin(time.Duration(e.N) * time.Millisecond)
	case "fill":
		a.N, a.Error = fill(e.Path)
	case "write":
		a.Error = text(os.WriteFile(e.Path, []byte(e.Text), 0o600))
	case "read":
		b, err := os.ReadFile(e.Path)
		a.Text, a.Error = string(b), text(err)
	case "processes":
		a.N, a.Error = processes(e.N)
	case "large":
		a.Text = strings.Repeat("x", e.N)
	case "fail":
		return nil, fmt.Errorf("%s", e.Text)
	case "panic":
		panic(e.Text)
	case "exit":
		os.Exit(e.N)
	default:
		attempt(ctx, e, a)
	}
	return a, nil
}

// alloc holds n more megabytes of touched memory.
func alloc(n int) int64 {
	b := make([]byte, n<<20)
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
	held = append(held, b)
	return int64(len(b))
}

// spin burns CPU for d of wall time and returns the CPU time it got, in microseconds.
func spin(d time.Duration) int64 {
	before := cpu()
	x := 1
	for end := time.Now().Add(d); time.Now().Before(end); {
		for range 10000 {
			x = x*31 + 7
		}
	}
	sink.Store(int64(x)) // keeps the loop
	return (cpu() - before).Microseconds()
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// fill writes to a file until the disk is full and returns the bytes that fitted.
func fill(path string) (int64, string) {
	f, err := os.Create(path) //nolint:gosec // the test names the file
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = f.Close(); _ = os.Remove(path) }()
	block := make([]byte, 1<<20)
	for i := range block {
		block[i] = byte(i * 7)
	}
	var n int64
	for {
		m, err := f.Write(block)
		n += int64(m)
		if err != nil {
			return n, err.Error()
		}
	}
}

// processes starts n sleeping processes of this program and returns how many could be started.
func processes(n int) (int64, string) {
	var started []*exec.Cmd
	defer func() {
		for _, c := range started {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	}()
	for range n {
		c := exec.Command("/proc/self/exe") //nolint:noctx // ended by Kill
		c.Env = []string{"PROBE_SLEEP=1", "GOMAXPROCS=1"}
		if err := c.Start(); err != nil {
			return int64(len(started)), err.Error()
		}
		started = append(started, c)
	}
	return int64(len(started)), ""
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

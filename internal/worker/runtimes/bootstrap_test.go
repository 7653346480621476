// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/base/hosttest"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/worker/sandbox"
)

// hostSet looks for interpreters as the product does: the test's own PATH and home.
func hostSet(t *testing.T) *Set {
	t.Helper()
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	return New(Deps{Dir: t.TempDir(), Homes: []string{home}, Path: os.Getenv("PATH"), Log: slog.New(slog.DiscardHandler)})
}

// bootstrapCase is one function, and what must come of it.
type bootstrapCase struct {
	name    string
	files   map[string]string
	handler string
	events  []string          // "{}" when empty
	headers map[string]string // of the events
	env     map[string]string
	minimum string // of the runtime's version
	maximum string

	want   []string // "response BODY", "error BODY", "init/error BODY": BODY is a regular expression
	types  []string // Lambda-Runtime-Function-Error-Type, one for each of want
	log    []string // regular expressions, each matching a line
	noLog  bool     // nothing may be logged
	exit   int      // status of the process when it ends by itself; -1: it must stay
	byTCP  bool
	short  bool   // the socket's name is shorter than SocketName
	errors string // stderr, a regular expression
}

func runBootstrapCases(t *testing.T, f family, cases []bootstrapCase) {
	t.Helper()
	set := hostSet(t)
	ran := 0
	for _, sp := range order {
		if sp.family != f {
			continue
		}
		pack, err := set.Pack(t.Context(), sp.name)
		if err != nil {
			t.Logf("absent on this host: %v", err)
			continue
		}
		ran++
		t.Logf("%s: %s %s", sp.name, pack.Version, pack.Interpreter)
		for _, c := range cases {
			if (c.minimum != "" && compareVersions(sp.version, c.minimum) < 0) ||
				(c.maximum != "" && compareVersions(sp.version, c.maximum) > 0) {
				continue
			}
			t.Run(sp.name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				runBootstrapCase(t, pack, c)
			})
		}
	}
	if ran == 0 {
		hosttest.Skip(t, "no interpreter of this kind")
	}
}

func runBootstrapCase(t *testing.T, pack *Pack, c bootstrapCase) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range c.files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var events []invocation
	for _, e := range c.events {
		events = append(events, invocation{e, c.headers})
	}
	if len(events) == 0 {
		events = []invocation{{"{}", c.headers}}
	}
	digest := sha256.Sum256([]byte(dir))
	socket := fmt.Sprintf("@%x", digest)
	if !c.short {
		socket += SocketName[len(socket):] // as long as the real one
	}
	ul, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	tl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	api := newFakeAPI(t, ul, events...)
	go func() { _ = api.server.Serve(tl) }() // ends with the server
	if c.byTCP {
		socket = ""
	}
	paths := sandbox.Paths{Task: dir, Runtime: pack.RuntimeDir, Opt: filepath.Join(dir, "no-layers"), Tmp: dir}
	env := Environ(Variables{
		Version: &invoke.Version{
			Scope: reqctx.Scope{Region: "us-east-1"}, Name: "fn", Version: "$LATEST", Runtime: pack.Runtime,
			Handler: c.handler, MemoryMB: 128, LogGroup: "/aws/lambda/fn", Environment: c.env,
		},
		LogStream: "2026/11/25/[$LATEST]abc", RuntimeAPI: tl.Addr().String(), Socket: socket, Paths: paths,
	})
	command, err := pack.Command(Start{Paths: paths, Code: dir, Handler: c.handler, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, command)
	var got []outcome
	for range c.want {
		select {
		case o := <-api.outcomes:
			got = append(got, o)
		case <-p.ended:
			select {
			case o := <-api.outcomes:
				got = append(got, o)
				continue
			default:
			}
			t.Fatalf("the process ended (%v) after %d of %d outcomes\nstdout: %s\nstderr: %s",
				p.cmd.ProcessState, len(got), len(c.want), &p.stdout, &p.stderr)
		}
	}
	checkEnd(t, api, p, c)
	for i, want := range c.want {
		kind, body, _ := strings.Cut(want, " ")
		if !strings.HasSuffix(got[i].path, kind) || !regexp.MustCompile("^(?s:"+body+")$").MatchString(got[i].payload) {
			t.Errorf("outcome %d: %s %s, want %s", i, got[i].path, got[i].payload, want)
		}
		if i < len(c.types) && got[i].header.Get("Lambda-Runtime-Function-Error-Type") != c.types[i] {
			t.Errorf("error type %q, want %q", got[i].header.Get("Lambda-Runtime-Function-Error-Type"), c.types[i])
		}
	}
	checkLog(t, p, c)
}

// checkEnd waits until the process ended as it should, or asks for more work and is ended.
func checkEnd(t *testing.T, api *fakeAPI, p *process, c bootstrapCase) {
	t.Helper()
	if c.exit != 0 {
		<-p.ended
		if code := p.cmd.ProcessState.ExitCode(); code != c.exit {
			t.Errorf("exit status %d, want %d\nstdout: %s\nstderr: %s", code, c.exit, &p.stdout, &p.stderr)
		}
		return
	}
	select {
	case <-api.idle:
	case <-p.ended:
		t.Errorf("the process ended: %v\nstderr: %s", p.cmd.ProcessState, &p.stderr)
	}
	_ = p.cmd.Process.Kill()
	<-p.ended
}

func checkLog(t *testing.T, p *process, c bootstrapCase) {
	t.Helper()
	if c.noLog && p.stdout.Len() > 0 {
		t.Errorf("unexpected log: %q", &p.stdout)
	}
	lines := strings.Split(p.stdout.String(), "\n")
	for _, want := range c.log {
		re := regexp.MustCompile("^" + want + "$")
		found := false
		for _, l := range lines {
			found = found || re.MatchString(l)
		}
		if !found {
			t.Errorf("no log line matches %s in %q", want, lines)
		}
	}
	if !regexp.MustCompile("^(?s:" + c.errors + ")$").MatchString(p.stderr.String()) {
		t.Errorf("stderr %q, want %q", &p.stderr, c.errors)
	}
}

type process struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer // to be read after ended
	ended          chan struct{}
}

func startProcess(t *testing.T, c sandbox.Command) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a hanging bootstrap fails its own test only
	t.Cleanup(cancel)
	p := &process{cmd: exec.CommandContext(ctx, c.Path, c.Args[1:]...), ended: make(chan struct{})}
	p.cmd.Env, p.cmd.Dir = c.Env, c.Dir
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // ProcessState tells
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	})
	return p
}

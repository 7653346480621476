// SPDX-License-Identifier: Apache-2.0

// Package bootstraptest gives tests of the worker a function to run: a custom runtime in testdata/bootstrap, which is
// built once for each test binary. What an invocation does is said by its event (Event).
package bootstraptest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/worker/lifecycle"
	"github.com/gustcloud/gust/internal/worker/runtimes"
	"github.com/gustcloud/gust/internal/worker/sandbox"
)

// Event says what an invocation does, in the order of the fields.
type Event struct {
	Print      string `json:"print,omitempty"`       // to stdout, as it is
	PrintErr   string `json:"print_err,omitempty"`   // to stderr
	WriteTmp   string `json:"write_tmp,omitempty"`   // content of a file in /tmp
	ReadTmp    bool   `json:"read_tmp,omitempty"`    // the file's content is the result
	Allocate   int    `json:"allocate,omitempty"`    // MB to touch
	Env        string `json:"env,omitempty"`         // a variable's value is the result
	Hang       bool   `json:"hang,omitempty"`        // never answers
	Exit       *int   `json:"exit,omitempty"`        // ends the process with this status, without an answer
	Kill       bool   `json:"kill,omitempty"`        // ends the process by SIGKILL
	Size       int    `json:"size,omitempty"`        // a result of this many bytes
	Mode       string `json:"mode,omitempty"`        // response mode header
	Error      string `json:"error,omitempty"`       // answers an error of this type
	PrintAfter string `json:"print_after,omitempty"` // to stdout, after the answer
	ExitAfter  bool   `json:"exit_after,omitempty"`  // ends the process after the answer
	HangAfter  bool   `json:"hang_after,omitempty"`  // never asks for another event after the answer
	Spin       int    `json:"spin,omitempty"`        // milliseconds of CPU time to use
}

// Marshal returns the event as JSON.
func (e Event) Marshal() []byte {
	b, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return b
}

const program = "github.com/gustcloud/gust/internal/worker/lifecycle/bootstraptest/testdata/bootstrap"

// Builder builds the bootstrap when it is first needed. A test package has one, and removes Dir at its end.
type Builder struct {
	Dir  string // existing directory for the executable
	once sync.Once
	err  error
	out  []byte
}

// CodeDir returns a code directory with the bootstrap.
func (b *Builder) CodeDir(t testing.TB) string {
	t.Helper()
	built := filepath.Join(b.Dir, "bootstrap")
	b.once.Do(func() {
		cmd := exec.CommandContext(t.Context(), "go", "build", "-o", built, program)
		b.out, b.err = cmd.CombinedOutput()
	})
	if b.err != nil {
		t.Fatalf("build the bootstrap: %v\n%s", b.err, b.out)
	}
	dir := t.TempDir()
	if err := os.Link(built, filepath.Join(dir, "bootstrap")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Launch starts the code directory's bootstrap. env overrides what runtimes.Environ gives.
func Launch(v *invoke.Version, env ...string) lifecycle.Launch {
	return lifecycle.Launch{Command: func(s lifecycle.Start) (sandbox.Command, error) {
		path := s.Paths.Task + "/bootstrap"
		vars := runtimes.Environ(runtimes.Variables{
			Version: v, LogStream: s.LogStream, RuntimeAPI: s.RuntimeAPI, Endpoint: s.Endpoint, Paths: s.Paths,
			Credentials: runtimes.Credentials{
				AccessKeyID: s.Credentials.AccessKeyID, SecretAccessKey: s.Credentials.SecretAccessKey,
				SessionToken: s.Credentials.SessionToken,
			},
		})
		vars = append(vars, "TMPDIR="+s.Paths.Tmp)
		for _, e := range env {
			if e == OverSocket {
				e = "AWS_LAMBDA_RUNTIME_API=" + s.Socket
			}
			vars = append(vars, e)
		}
		return sandbox.Command{Path: path, Args: []string{path}, Env: vars, Dir: s.Paths.Task}, nil
	}}
}

// OverSocket as an env of Launch makes the bootstrap use the unix socket.
const OverSocket = "socket"

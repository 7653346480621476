// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"context"
	_ "embed" // the bootstraps
	"fmt"
	"os/exec"
	"path/filepath"
	"time"
)

// SocketVariable names the environment variable that tells our bootstraps the unix socket of the Runtime API: a path,
// or "@name" for an abstract one. They remove it before the function's code runs. Without it, and in Node.js 18 (which
// cannot connect to abstract sockets), they use AWS_LAMBDA_RUNTIME_API over TCP: serve both.
//
// Log messages: a bootstrap writes each message of the function's logger, and each error, as one line to stdout; line
// feeds inside the message are carriage returns, as AWS's client does without its telemetry descriptor. Whoever reads
// the output cuts it into events at line feeds and leaves the carriage returns as they are. What the function prints
// itself arrives unchanged.
const SocketVariable = "_GUST_RUNTIME_SOCKET"

// SocketName is the abstract socket to listen on. It fills the whole of sun_path (108 bytes), because Node.js 20 pads
// shorter names with NUL bytes, which makes another name of them.
const SocketName = "@gust-runtime-api.------------------------------------------------------------------------------------------"

//go:embed assets/bootstrap.py
var bootstrapPython []byte

//go:embed assets/bootstrap.cjs
var bootstrapNode []byte

const bootstrapInside = "/var/runtime/bootstrap.py" // what stack traces say

// bootstrapTree writes our bootstrap, for Python also compiled by the very interpreter that will run it: compiling the
// source takes longer than everything else that the bootstrap does at start.
func (s *Set) bootstrapTree(ctx context.Context, runtime string, f family, path string) (dir, script string, err error) {
	t := newTree("runtime-" + runtime)
	if f != familyPython {
		t.data["bootstrap.cjs"] = bootstrapNode
		dir, err = s.build(t)
		return dir, "bootstrap.cjs", err
	}
	t.data["bootstrap.py"] = bootstrapPython
	t.data["interpreter"] = []byte(path + "\n") // another build may want another form
	t.after = func(dir string) error { return compilePython(ctx, path, dir) }
	dir, err = s.build(t)
	return dir, "bootstrap.pyc", err
}

func compilePython(ctx context.Context, path, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	const program = "import sys, py_compile; py_compile.compile(sys.argv[1], sys.argv[2], sys.argv[3], doraise=True)"
	source, compiled := filepath.Join(dir, "bootstrap.py"), filepath.Join(dir, "bootstrap.pyc")
	cmd := exec.CommandContext(ctx, path, //nolint:gosec // the interpreter found
		"-I", "-S", "-c", program, source, compiled, bootstrapInside)
	cmd.Env = []string{"LC_ALL=C.UTF-8"}
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("compile the bootstrap with %s: %w: %s", path, err, out)
	}
	return nil
}

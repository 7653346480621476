// SPDX-License-Identifier: Apache-2.0

// Package hosttest is how a test says what it needs of the host. What is missing is never skipped silently: the test's
// name and the reason go to the file that $GUST_NOT_RUN names, and `make test` prints that list. For tests only.
package hosttest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
)

// Skip ends the test and records why this host could not run it.
func Skip(tb testing.TB, reason string) {
	tb.Helper()
	if file := os.Getenv("GUST_NOT_RUN"); file != "" {
		f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			tb.Fatal(err)
		}
		if _, err = fmt.Fprintf(f, "%s: %s\n", tb.Name(), reason); err != nil {
			tb.Fatal(err)
		}
		if err = f.Close(); err != nil {
			tb.Fatal(err)
		}
	}
	tb.Skip("not run on this host: " + reason)
}

// Root skips unless the test runs as root on Linux: namespaces with several users, cgroups and loop devices need it.
func Root(tb testing.TB) {
	tb.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		Skip(tb, "needs root on Linux")
	}
}

// Tool returns the path of a program, or skips.
func Tool(tb testing.TB, name string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Skip(tb, "needs the program "+name)
	}
	return path
}

// Long skips unless $GUST_LONG is set (`make test-all`): for soak tests, which have no time limit.
func Long(tb testing.TB) {
	tb.Helper()
	if os.Getenv("GUST_LONG") == "" {
		tb.Skip("a long test: make test-all")
	}
}

// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"go/build"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/gustcloud/gust/"

// allowed is everything that PID 1 may link beside the standard library.
var allowed = map[string]bool{
	"golang.org/x/sys/unix":                      true,
	module + "internal/worker/spawner/initproto": true,
	module + "internal/worker/spawner/seccomp":   true,
}

// heavy are packages of the standard library that make a start slow or the program big.
var heavy = map[string]bool{"encoding/json": true, "net": true, "net/http": true, "log/slog": true, "os/exec": true, "flag": true}

func TestInitLinksLittle(t *testing.T) {
	seen := map[string]bool{}
	var visit func(dir, from string)
	visit = func(dir, from string) {
		p, err := build.ImportDir(dir, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range p.Imports {
			if seen[name] {
				continue
			}
			seen[name] = true
			switch first, _, _ := strings.Cut(name, "/"); {
			case heavy[name]:
				t.Errorf("%s imports %s", from, name)
			case !strings.Contains(first, "."): // the standard library
			case !allowed[name]:
				t.Errorf("%s imports %s", from, name)
			case strings.HasPrefix(name, module):
				visit(filepath.Join("..", "..", strings.TrimPrefix(name, module)), name)
			}
		}
	}
	visit(".", "gust-init")
	if !seen["golang.org/x/sys/unix"] {
		t.Errorf("visited only %v: the test cannot fail", seen)
	}
}

func TestInitIsSmall(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gust-init")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	st, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if budget := int64(2 << 20); st.Size() >= budget {
		t.Errorf("gust-init has %d bytes, the budget is %d", st.Size(), budget)
	}
}

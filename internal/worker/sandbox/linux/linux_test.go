// SPDX-License-Identifier: Apache-2.0

//go:build linux

package linux_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gustcloud/gust/internal/worker/spawner"
)

// initProgram is gust-init, built once for all tests.
var initProgram []byte

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "spawner" {
		os.Exit(spawner.Main(os.Args[2:]))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gust-init")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "gust-init")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", path, "github.com/gustcloud/gust/cmd/gust-init")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(string(out))
	}
	if initProgram, err = os.ReadFile(path); err != nil {
		panic(err)
	}
	return m.Run()
}

// SPDX-License-Identifier: Apache-2.0

//go:build linux

package linux_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gustcloud/gust/internal/base/hosttest"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/worker/sandbox"
	"github.com/gustcloud/gust/internal/worker/sandbox/linux"
	"github.com/gustcloud/gust/internal/worker/sandbox/sandboxtest"
	"github.com/gustcloud/gust/internal/worker/spawner"
)

// initProgram is gust-init, built once for all tests.
var initProgram []byte

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "spawner" {
		os.Exit(spawner.Main(os.Args[2:]))
	}
	if len(os.Args) == 5 && os.Args[1] == "server" {
		panic(serve(context.Background(), os.Args[2], os.Args[3], os.Args[4]))
	}
	if len(os.Args) == 2 && os.Args[1] == "unprivileged" {
		_, err := linux.New(context.Background(), linux.Deps{IDs: ids.System(), Log: slog.New(slog.DiscardHandler)})
		fmt.Println(err)
		return
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

// newDriver starts a driver whose spawner is this test's executable. The caller closes it.
func newDriver(tb testing.TB, runDir string) *linux.Driver {
	tb.Helper()
	hosttest.Root(tb)
	d, err := linux.New(tb.Context(), linux.Deps{
		Init: initProgram, RunDir: runDir, IDs: ids.System(), Log: slog.New(slog.NewTextHandler(tb.Output(), nil)),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func TestDriverPassesTheSuite(t *testing.T) {
	sandboxtest.Run(t, func(t *testing.T) sandbox.Driver {
		t.Helper()
		return newDriver(t, t.TempDir())
	},
		sandboxtest.Features{TakeTmp: true, ReadOnly: true, Measured: true})
}

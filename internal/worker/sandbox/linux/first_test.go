// SPDX-License-Identifier: Apache-2.0

//go:build linux

package linux_test

import (
	"io"
	"log/slog"
	"os"
	"testing"

	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/worker/sandbox"
	"github.com/gustcloud/gust/internal/worker/sandbox/linux"
)

func TestFirst(t *testing.T) {
	d, err := linux.New(t.Context(), linux.Deps{Init: initProgram, RunDir: t.TempDir(), IDs: ids.System(), Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", d.Limits())
	b, err := d.Prepare(t.Context(), sandbox.Template{EphemeralMB: 512, Binds: []sandbox.Bind{{Source: "/usr", Target: "/usr"}, {Source: "/bin", Target: "/bin"}, {Source: "/lib", Target: "/lib"}, {Source: "/lib64", Target: "/lib64"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Claim(t.Context(), sandbox.Claim{Code: t.TempDir(), MemoryMB: 128, EphemeralMB: 512, CPU: 0.5, PIDs: 100, Files: 1024}); err != nil {
		t.Fatal(err)
	}
	r, w, _ := os.Pipe()
	p, err := b.Start(t.Context(), sandbox.Command{Path: "/bin/sh", Args: []string{"sh", "-c", "id; ls -la / /dev /tmp; cat /proc/self/status /proc/self/mountinfo /proc/self/cgroup; ulimit -a; ps aux"}, Env: []string{"PATH=/bin:/usr/bin"}, Dir: "/", Stdout: w, Stderr: w})
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	out, _ := io.ReadAll(r)
	t.Logf("%s\n%+v", out, p.Exit())
	t.Log(b.Stats())
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

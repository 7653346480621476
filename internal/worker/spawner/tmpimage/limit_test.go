// SPDX-License-Identifier: Apache-2.0

//go:build linux

package tmpimage

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/worker/spawner/cgroup"
)

// A function of 64 MB that fills a larger /tmp gets ENOSPC and is not killed: the image's pages can be written back and
// dropped, unlike those of a tmpfs.
func TestAFullTmpIsNoSpaceNotOutOfMemory(t *testing.T) {
	m := mustOpen(t, Options{Kind: Ext4})
	const memory, mb = 64 << 20, 200
	h, err := cgroup.Detect(cgroup.Options{Base: "gust-test-" + strconv.Itoa(os.Getpid()), Clock: clock.System{}})
	if err != nil || !h.Memory.OK() {
		t.Skipf("no memory limit on this host: %v", err)
	}
	if err := h.Setup(); err != nil {
		t.Skipf("no memory limit on this host: %v", err)
	}
	g, err := h.New("full", cgroup.Limits{MemoryBytes: memory})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Kill(); err != nil {
			t.Error(err)
		}
		if err := g.Remove(context.Background()); err != nil {
			t.Error(err)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	i := mustNew(t, m, Spec{MB: mb, Mode: 0o700})
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c",
		"read go; dd if=/dev/zero of=/proc/self/fd/3/big bs=64k; stat -L -c size=%s /proc/self/fd/3/big")
	cmd.ExtraFiles = []*os.File{mustMount(t, i)}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := g.Add(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write([]byte("go\n")); err != nil {
		t.Fatal(err)
	}
	waitErr := cmd.Wait()
	s, err := g.Stats()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v, %+v: %s", waitErr, s, out.String())
	if s.OOMKills != 0 || !strings.Contains(out.String(), "No space left on device") {
		t.Fatalf("%d OOM kills, %v: %s", s.OOMKills, waitErr, out.String())
	}
	_, written, _ := strings.Cut(strings.TrimSpace(out.String()), "size=")
	if n, err := strconv.Atoi(written); err != nil || n < mb<<20 {
		t.Errorf("wrote %q bytes, want %d MB", written, mb)
	}
	if s.MemoryPeak > 16<<20 {
		t.Errorf("the files count as memory: peak %d MB", s.MemoryPeak>>20)
	}
}

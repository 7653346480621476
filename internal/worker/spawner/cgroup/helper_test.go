// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cgroup

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gustcloud/gust/internal/base/clock"
)

// The test binary runs itself as the process inside a group: it reads commands, one a line, and answers "ok" or the
// error. So a test puts it into the group before it does anything that counts.

const helperVar = "GUST_CGROUP_TEST_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(helperVar) != "" {
		helper(os.Stdin, os.Stdout)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// chunk is what the helper reads and writes with: its own memory must not grow by that.
var chunk [64 << 10]byte

func helper(in io.Reader, out io.Writer) {
	var kept [][]byte
	for lines := bufio.NewScanner(in); lines.Scan(); {
		f := strings.Fields(lines.Text())
		err := helperCommand(f, &kept)
		if err == nil {
			fmt.Fprintln(out, "ok")
		} else {
			fmt.Fprintln(out, err)
		}
	}
}

func helperCommand(f []string, kept *[][]byte) error {
	switch f[0] {
	case "alloc", "keep", "shared": // N: touch N MB and give it back, or not, or of shared memory
		n, err := strconv.Atoi(f[1])
		if err != nil {
			return err
		}
		flags := unix.MAP_PRIVATE
		if f[0] == "shared" {
			flags = unix.MAP_SHARED
		}
		b, err := unix.Mmap(-1, 0, n<<20, unix.PROT_READ|unix.PROT_WRITE, flags|unix.MAP_ANONYMOUS)
		if err != nil {
			return err
		}
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		if f[0] == "alloc" {
			return unix.Munmap(b)
		}
		*kept = append(*kept, b)
		return nil
	case "write": // N FILE: write N MB
		n, err := strconv.Atoi(f[1])
		if err != nil {
			return err
		}
		file, err := os.Create(f[2])
		if err != nil {
			return err
		}
		defer file.Close()
		for range n << 20 / len(chunk) {
			if _, err := file.Write(chunk[:]); err != nil {
				return err
			}
		}
		return nil
	case "remove":
		return os.Remove(f[1])
	case "read":
		file, err := os.Open(f[1])
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{file}, chunk[:])
		return err
	case "spin": // for that long, of the wall clock
		d, err := time.ParseDuration(f[1])
		if err != nil {
			return err
		}
		for end := time.Now().Add(d); time.Now().Before(end); {
		}
		return nil
	case "child": // the rest, in a child that ends
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), helperVar+"=1")
		cmd.Stdin = strings.NewReader(strings.Join(f[1:], " ") + "\n")
		b, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, b)
		}
		if string(b) != "ok\n" {
			return fmt.Errorf("child: %s", b)
		}
		return nil
	case "children": // N sleeping children, left alone
		n, err := strconv.Atoi(f[1])
		if err != nil {
			return err
		}
		for i := range n {
			cmd := exec.Command("/bin/sleep", "600")
			if err := cmd.Start(); err != nil {
				return fmt.Errorf("child %d: %w", i, err)
			}
		}
		return nil
	}
	return fmt.Errorf("unknown command %q", f)
}

// process is a helper inside a group.
type process struct {
	tb  testing.TB
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func mustStart(tb testing.TB, g *Group) *process {
	tb.Helper()
	p := &process{tb: tb, cmd: exec.Command("/proc/self/exe")}
	p.cmd.Env = []string{helperVar + "=1", "GOMAXPROCS=2"}
	p.cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = g.Kill()
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	if err := g.Add(p.cmd.Process.Pid); err != nil {
		tb.Fatal(err)
	}
	return p
}

// do runs a command in the helper and returns its answer, "" when the helper died.
func (p *process) do(command string) string {
	p.tb.Helper()
	p.send(command)
	return p.answer()
}

func (p *process) send(command string) {
	p.tb.Helper()
	if _, err := io.WriteString(p.in, command+"\n"); err != nil {
		p.tb.Fatal(err)
	}
}

func (p *process) answer() string {
	s, err := p.out.ReadString('\n')
	if err != nil {
		return ""
	}
	return strings.TrimSpace(s)
}

func (p *process) must(command string) {
	p.tb.Helper()
	if got := p.do(command); got != "ok" {
		p.tb.Fatalf("%s: %q", command, got)
	}
}

// mustHost returns this machine's, with a base directory of the test's own.
func mustHost(tb testing.TB) *Host {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skip("needs root: cgroups are made")
	}
	h, err := Detect(Options{Base: "gust-test-" + strconv.Itoa(os.Getpid()), Clock: clock.System{}})
	if err != nil {
		tb.Fatal(err)
	}
	if err := h.Setup(); err != nil {
		tb.Skipf("this host lets nobody make cgroups: %v", err)
	}
	tb.Cleanup(func() {
		if err := h.Close(); err != nil {
			tb.Error(err)
		}
		for _, p := range h.parents() {
			if exists(p) {
				tb.Errorf("%s is left", p)
			}
		}
	})
	return h
}

func mustGroup(tb testing.TB, h *Host, l Limits) *Group {
	tb.Helper()
	g, err := h.New(strings.ToLower(filepath.Base(tb.Name())), l)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = g.Kill()
		if err := g.Remove(contextForCleanup()); err != nil {
			tb.Error(err)
		}
	})
	return g
}

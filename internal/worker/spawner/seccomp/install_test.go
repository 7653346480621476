// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package seccomp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	attemptsVar = "GUST_SECCOMP_TEST_ATTEMPTS" // the process reports what each attempt gives
	wrapVar     = "GUST_SECCOMP_TEST_WRAP"     // the process installs the filter and execs its arguments
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(wrapVar) != "":
		runtime.LockOSThread()
		if err := Install(); err != nil {
			fmt.Println("install:", err)
			os.Exit(70)
		}
		os.Unsetenv(wrapVar)
		fmt.Println("exec:", unix.Exec(os.Args[1], os.Args[1:], os.Environ()))
		os.Exit(71)
	case os.Getenv(attemptsVar) != "":
		for _, a := range attempts {
			fmt.Printf("%s: %v\n", a.name, a.try())
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var attempts = []struct {
	name string
	try  func() error
	want string
}{
	{"getpid", func() error { unix.Getpid(); return nil }, "<nil>"},
	{"ptrace", func() error { return unix.PtraceAttach(unix.Getppid()) }, "operation not permitted"},
	{"unshare", func() error { return unix.Unshare(unix.CLONE_NEWUSER) }, "operation not permitted"},
	{"mount", func() error { return unix.Mount("x", "/", "tmpfs", 0, "") }, "operation not permitted"},
	{"socket of packets", func() error { return tryClose(unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM, 0)) }, "address family not supported by protocol"},
	{"socket of tcp", func() error { return tryClose(unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)) }, "<nil>"},
	{"socket of sctp", func() error { return tryClose(unix.Socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_SCTP)) }, "protocol not supported"},
	{"interfaces", func() error { _, err := net.Interfaces(); return err }, "<nil>"},
	{"clone3", func() error { _, _, e := unix.RawSyscall(unix.SYS_CLONE3, 0, 0, 0); return e }, "function not implemented"},
	{"x32", func() error { _, _, e := unix.RawSyscall(0x40000000+39, 0, 0, 0); return e }, "function not implemented"},
	{"sync", func() error { unix.Sync(); return nil }, "<nil>"},
	{"child", func() error { return exec.Command("/bin/true").Run() }, "<nil>"},
}

func tryClose(fd int, err error) error {
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

func wrapped(t *testing.T, env string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", args...)
	cmd.Env = []string{wrapVar + "=1", "PATH=/usr/bin:/bin", "HOME=/", env}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestInstallHoldsInAProcess(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := wrapped(t, attemptsVar+"=1", self)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, a := range attempts {
		if want := a.name + ": " + a.want + "\n"; !strings.Contains(out, want) {
			t.Errorf("want %q in\n%s", want, out)
		}
	}
}

// TestRuntimesRun: what functions are written in starts threads, children and sockets under the policy.
func TestRuntimesRun(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"shell", []string{"/bin/sh", "-c", "x=$(echo a | tr a b); test -d /tmp && echo $x"}, "b\n"},
		{"awk", []string{"awk", "BEGIN { \"date +%Y\" | getline y; print (y > 2000) }"}, "1\n"},
		{"python", []string{"python3", "-c", `
import concurrent.futures, multiprocessing, os, socket, ssl, subprocess, tempfile, threading, time
import sqlite3, mmap, select, signal, resource, shutil, asyncio
with concurrent.futures.ThreadPoolExecutor(4) as p: assert sum(p.map(int, "1234")) == 10
assert subprocess.check_output(["echo", "x"]) == b"x\n"
r, w = multiprocessing.Pipe()
c = multiprocessing.get_context("fork").Process(target=lambda: w.send(7)); c.start(); assert r.recv() == 7; c.join()
a, b = socket.socketpair(); a.send(b"x"); assert b.recv(1) == b"x"
socket.getaddrinfo("127.0.0.1", 80); os.sync(); os.urandom(4); os.sched_getaffinity(0); os.memfd_create("x")
with tempfile.NamedTemporaryFile() as f: f.write(b"x"); f.flush(); os.fsync(f.fileno()); mmap.mmap(f.fileno(), 1)
sqlite3.connect(":memory:").execute("select 1"); asyncio.run(asyncio.sleep(0)); ssl.create_default_context()
print("ok")`}, "ok\n"},
		{"node", []string{"node", "-e", `
const {Worker} = require("worker_threads"), fs = require("fs"), os = require("os"), cp = require("child_process");
os.networkInterfaces(); os.cpus(); cp.execSync("echo x");
new Worker("require('worker_threads').parentPort.postMessage(7)", {eval: true}).on("message", m =>
  fs.promises.readFile("/proc/self/status").then(() =>
    require("dns").lookup("127.0.0.1", () => require("net").createServer().listen(0, "127.0.0.1", function () {
      this.close(() => console.log("ok", m)) }))));
`}, "ok 7\n"},
		{"java", []string{"java", "-version"}, "penJDK"},
		{"ffmpeg", []string{"ffmpeg", "-version"}, "ffmpeg version"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path, err := exec.LookPath(tt.args[0])
			if err != nil {
				t.Skipf("%s is not on this machine", tt.args[0])
			}
			out, err := wrapped(t, "GUST=1", append([]string{path}, tt.args[1:]...)...)
			if err != nil || !strings.Contains(out, tt.want) {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

func TestInstallSetsNoNewPrivileges(t *testing.T) {
	out, err := wrapped(t, "GUST=1", "/bin/grep", "-E", "^(NoNewPrivs|Seccomp):", "/proc/self/status")
	if err != nil {
		t.Fatal(errors.Join(err, errors.New(out)))
	}
	if out != "NoNewPrivs:\t1\nSeccomp:\t2\n" {
		t.Errorf("%q", out)
	}
}

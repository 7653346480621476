// SPDX-License-Identifier: Apache-2.0

// Package isolation runs attempts to get out of a function's sandbox, each as an ordinary function through Invoke. Every
// attempt is first shown to succeed under the process driver: a test that could not fail would prove nothing.
package isolation

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gustcloud/gust/test/harness"
)

type event struct {
	Do   string `json:"do"`
	N    int    `json:"n,omitempty"`
	Path string `json:"path,omitempty"`
	Text string `json:"text,omitempty"`
}

type answer struct {
	Text  string            `json:"text"`
	N     int64             `json:"n"`
	Error string            `json:"error"`
	Env   map[string]string `json:"env"`
}

// host is what the attempts aim at.
type host struct {
	secretFile string // a file of the host
	listener   string // "tcp!127.0.0.1:PORT": a loopback service of the host
	pid        int    // a process of the host that may be signalled and traced
}

func call(t *testing.T, s *harness.Server, function string, e event) answer {
	t.Helper()
	out := s.Invoke(t, function, e)
	if out.FunctionError != nil {
		t.Fatalf("%+v: %s", e, out.Payload)
	}
	var a answer
	if err := json.Unmarshal(out.Payload, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// attempts returns one event for each way out, and what tells that it worked.
func attempts(h host) map[string]struct {
	event   event
	escaped func(answer) bool
} {
	worked := func(a answer) bool { return a.Error == "" }
	type attempt = struct {
		event   event
		escaped func(answer) bool
	}
	return map[string]attempt{
		"read a file of the host":        {event{Do: "read", Path: h.secretFile}, worked},
		"see a process of the host":      {event{Do: "try-processes", Text: "--listen"}, nil},
		"see another function's process": {event{Do: "try-processes", Text: "MARK=neighbour"}, worked},
		"signal a process of the host":   {event{Do: "try-kill", N: h.pid}, worked},
		"reach a loopback service":       {event{Do: "try-dial", Path: h.listener}, worked},
		"mount a file system":            {event{Do: "try-mount"}, worked},
		"make a user namespace":          {event{Do: "try-userns"}, worked},
		"trace a process":                {event{Do: "try-ptrace", N: h.pid}, worked},
		"become another user":            {event{Do: "try-setuid", N: 12345}, worked},
		"change the root":                {event{Do: "try-chroot", Path: "/tmp"}, worked},
		"make a block device":            {event{Do: "try-mknod", Path: "/tmp/gust-test-device"}, worked},
		"open a raw packet socket":       {event{Do: "try-raw"}, worked},
		"write to the code":              {event{Do: "write", Path: "bootstrap-was-here", Text: "x"}, worked},
		"read a process's environment":   {event{Do: "read", Path: fmt.Sprintf("/proc/%d/environ", h.pid)}, func(a answer) bool { return a.Error == "" && a.Text != "" }},
	}
}

func TestFunctionsCannotLeaveTheirSandbox(t *testing.T) {
	dir, err := os.MkdirTemp("/var/tmp", "gust-secret-") // not under /tmp: functions have one of their own
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	victim := exec.CommandContext(t.Context(), "sleep", "300")
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = victim.Process.Kill(); _ = victim.Wait() })
	h := host{secretFile: filepath.Join(dir, "secret"), pid: victim.Process.Pid}
	if err := os.WriteFile(h.secretFile, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	h.listener = "tcp!" + l.Addr().String()

	isolated := harness.StartIsolated(t) // first: without root nothing here can be shown
	open := harness.Start(t, "--driver=process")
	for _, s := range []*harness.Server{open, isolated} {
		s.CreateProbe(t, harness.Function{Name: "attacker", MemoryMB: 512, TimeoutS: 20})
		s.CreateProbe(t, harness.Function{Name: "neighbour", MemoryMB: 512, Environment: map[string]string{"MARK": "neighbour"}})
		call(t, s, "neighbour", event{Do: "echo"})
	}
	for name, a := range attempts(h) {
		t.Run(name, func(t *testing.T) {
			escaped := a.escaped
			if escaped == nil {
				escaped = func(got answer) bool { return got.Error == "" }
			}
			call(t, open, "neighbour", event{Do: "echo"})
			call(t, isolated, "neighbour", event{Do: "echo"})
			if got := call(t, open, "attacker", a.event); !escaped(got) {
				t.Errorf("under the process driver the attempt fails too (%+v): it proves nothing", got)
			}
			if got := call(t, isolated, "attacker", a.event); escaped(got) {
				t.Errorf("the sandbox let it happen: %+v", got)
			}
			// What worked has changed the process: the next attempt gets a new one.
			for _, s := range []*harness.Server{open, isolated} {
				s.Invoke(t, "attacker", event{Do: "exit"})
			}
		})
	}
	_ = os.Remove("/tmp/gust-test-device")
	for name, e := range map[string]event{
		"trace PID 1":  {Do: "try-ptrace", N: 1},
		"signal PID 1": {Do: "try-kill", N: 1},
	} {
		t.Run(name, func(t *testing.T) { // outside a sandbox this is the host's: not to be tried there
			if got := call(t, isolated, "attacker", e); got.Error == "" {
				t.Errorf("the sandbox let it happen: %+v", got)
			}
		})
	}
}

func TestFunctionsDoNotShareTmp(t *testing.T) {
	s := harness.StartIsolated(t)
	for _, name := range []string{"one", "two"} {
		s.CreateProbe(t, harness.Function{Name: name})
	}
	if a := call(t, s, "one", event{Do: "write", Path: "/tmp/mine", Text: "secret"}); a.Error != "" {
		t.Fatal(a.Error)
	}
	if a := call(t, s, "one", event{Do: "read", Path: "/tmp/mine"}); a.Text != "secret" {
		t.Errorf("a function lost its own file: %+v", a)
	}
	if a := call(t, s, "two", event{Do: "read", Path: "/tmp/mine"}); a.Error == "" {
		t.Errorf("another function's /tmp is seen: %+v", a)
	}
	if _, err := os.Stat("/tmp/mine"); err == nil {
		t.Error("the function's file is on the host's /tmp")
	}
}

func TestRootDirectoryShowsNothingOfTheHost(t *testing.T) {
	s := harness.StartIsolated(t)
	s.CreateProbe(t, harness.Function{Name: "f"})
	for _, dir := range []string{"/", "/root", "/home", "/work", "/etc", "/var", "/sys", "/proc/1/root/root"} {
		a := call(t, s, "f", event{Do: "try-files", Path: dir})
		for _, name := range strings.Fields(a.Text) {
			switch name {
			case "shadow", "ssh", ".bashrc", "gust", "cgroup", "hostname-of-host", "apt":
				t.Errorf("%s shows %s of the host", dir, name)
			}
		}
	}
	if a := call(t, s, "f", event{Do: "read", Path: "/proc/self/mountinfo"}); strings.Contains(a.Text, "/root/") {
		t.Errorf("mountinfo tells where the host keeps the code: %s", a.Text)
	}
}

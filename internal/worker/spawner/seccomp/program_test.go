// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package seccomp

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// call is struct seccomp_data.
type call struct {
	nr   uint32
	arch uint32
	args [6]uint64
}

func (c call) bytes() []byte {
	b := binary.LittleEndian.AppendUint32(nil, c.nr)
	b = binary.LittleEndian.AppendUint32(b, c.arch)
	b = binary.LittleEndian.AppendUint64(b, 0x7fff0000) // instruction pointer
	for _, a := range c.args {
		b = binary.LittleEndian.AppendUint64(b, a)
	}
	return b
}

// run interprets the instructions that the program uses; anything else, or leaving it, fails the test.
func run(tb testing.TB, p []unix.SockFilter, c call) (result uint32, steps int) {
	tb.Helper()
	data, acc := c.bytes(), uint32(0)
	for pc := 0; pc < len(p); pc++ {
		steps++
		i := p[pc]
		var hit bool
		switch i.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			acc = binary.LittleEndian.Uint32(data[i.K:])
			continue
		case unix.BPF_RET | unix.BPF_K:
			return i.K, steps
		case unix.BPF_JMP | unix.BPF_JA:
			pc += int(i.K)
			continue
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			hit = acc == i.K
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			hit = acc >= i.K
		case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			hit = acc&i.K != 0
		default:
			tb.Fatalf("instruction %d has code %#x", pc, i.Code)
		}
		if hit {
			pc += int(i.Jt)
		} else {
			pc += int(i.Jf)
		}
	}
	tb.Fatal("the program has no answer")
	return 0, 0
}

func TestProgramDecides(t *testing.T) {
	p := Program()
	for _, tt := range []struct {
		name string
		nr   uint32
		args [6]uint64
		want uint32
	}{
		{"read", unix.SYS_READ, [6]uint64{}, retAllow},
		{"execve", unix.SYS_EXECVE, [6]uint64{}, retAllow},
		{"futex", unix.SYS_FUTEX, [6]uint64{}, retAllow},
		{"exit_group", unix.SYS_EXIT_GROUP, [6]uint64{}, retAllow},
		{"pkey_alloc (V8)", unix.SYS_PKEY_ALLOC, [6]uint64{}, retAllow},
		{"sync does nothing", unix.SYS_SYNC, [6]uint64{}, retSuccess},

		{"fork", unix.SYS_CLONE, [6]uint64{uint64(unix.SIGCHLD)}, retAllow},
		{"thread", unix.SYS_CLONE, [6]uint64{0x3d0f00}, retAllow},
		{"vfork of posix_spawn", unix.SYS_CLONE, [6]uint64{unix.CLONE_VM | unix.CLONE_VFORK | uint64(unix.SIGCHLD)}, retAllow},
		{"clone newuser", unix.SYS_CLONE, [6]uint64{unix.CLONE_NEWUSER | uint64(unix.SIGCHLD)}, retRefused},
		{"clone newns", unix.SYS_CLONE, [6]uint64{unix.CLONE_NEWNS}, retRefused},
		{"clone newpid", unix.SYS_CLONE, [6]uint64{unix.CLONE_NEWPID}, retRefused},
		{"clone newnet", unix.SYS_CLONE, [6]uint64{unix.CLONE_NEWNET}, retRefused},
		{"clone newipc", unix.SYS_CLONE, [6]uint64{unix.CLONE_NEWIPC}, retRefused},
		{"clone newuts", unix.SYS_CLONE, [6]uint64{unix.CLONE_NEWUTS}, retRefused},
		{"clone newcgroup", unix.SYS_CLONE, [6]uint64{unix.CLONE_NEWCGROUP}, retRefused},
		{"clone newuser, high half set", unix.SYS_CLONE, [6]uint64{1<<40 | unix.CLONE_NEWUSER}, retRefused},
		{"clone3: glibc falls back", unix.SYS_CLONE3, [6]uint64{}, retUnknown},
		{"unshare", unix.SYS_UNSHARE, [6]uint64{}, retRefused},
		{"setns", unix.SYS_SETNS, [6]uint64{}, retRefused},

		{"unix socket", unix.SYS_SOCKET, [6]uint64{unix.AF_UNIX, unix.SOCK_STREAM}, retAllow},
		{"tcp", unix.SYS_SOCKET, [6]uint64{unix.AF_INET, unix.SOCK_STREAM | unix.SOCK_CLOEXEC, unix.IPPROTO_TCP}, retAllow},
		{"udp6", unix.SYS_SOCKET, [6]uint64{unix.AF_INET6, unix.SOCK_DGRAM, 0}, retAllow},
		{"mptcp (Go)", unix.SYS_SOCKET, [6]uint64{unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP}, retAllow},
		{"sctp", unix.SYS_SOCKET, [6]uint64{unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_SCTP}, retProto},
		{"netlink route (getaddrinfo)", unix.SYS_SOCKET, [6]uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE}, retAllow},
		{"netlink netfilter", unix.SYS_SOCKET, [6]uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER}, retProto},
		{"packet", unix.SYS_SOCKET, [6]uint64{unix.AF_PACKET, unix.SOCK_RAW}, retFamily},
		{"vsock", unix.SYS_SOCKET, [6]uint64{unix.AF_VSOCK, unix.SOCK_STREAM}, retFamily},
		{"kernel crypto", unix.SYS_SOCKET, [6]uint64{unix.AF_ALG, unix.SOCK_SEQPACKET}, retFamily},
		{"family in the high half", unix.SYS_SOCKET, [6]uint64{1<<32 | unix.AF_PACKET}, retFamily},
		{"socketpair", unix.SYS_SOCKETPAIR, [6]uint64{unix.AF_UNIX}, retAllow},
		{"socketpair tipc", unix.SYS_SOCKETPAIR, [6]uint64{unix.AF_TIPC}, retFamily},

		{"isatty", unix.SYS_IOCTL, [6]uint64{0, unix.TCGETS}, retAllow},
		{"fionread", unix.SYS_IOCTL, [6]uint64{0, unix.TIOCINQ}, retAllow},
		{"tiocsti", unix.SYS_IOCTL, [6]uint64{0, unix.TIOCSTI}, retRefused},
		{"tiocsti, high half set", unix.SYS_IOCTL, [6]uint64{0, 1<<32 | unix.TIOCSTI}, retRefused},
		{"tioclinux", unix.SYS_IOCTL, [6]uint64{0, unix.TIOCLINUX}, retRefused},

		{"personality query", unix.SYS_PERSONALITY, [6]uint64{0xffffffff}, retAllow},
		{"personality linux", unix.SYS_PERSONALITY, [6]uint64{0}, retAllow},
		{"no address randomisation", unix.SYS_PERSONALITY, [6]uint64{0x40000}, retRefused},
		{"read implies exec", unix.SYS_PERSONALITY, [6]uint64{0x400000}, retRefused},

		{"mount", unix.SYS_MOUNT, [6]uint64{}, retRefused},
		{"fsopen", unix.SYS_FSOPEN, [6]uint64{}, retRefused},
		{"ptrace", unix.SYS_PTRACE, [6]uint64{}, retRefused},
		{"bpf", unix.SYS_BPF, [6]uint64{}, retRefused},
		{"io_uring_setup", unix.SYS_IO_URING_SETUP, [6]uint64{}, retRefused},
		{"keyctl", unix.SYS_KEYCTL, [6]uint64{}, retRefused},
		{"open_by_handle_at", unix.SYS_OPEN_BY_HANDLE_AT, [6]uint64{}, retRefused},
		{"reboot", unix.SYS_REBOOT, [6]uint64{}, retRefused},

		{"a call of the future", 500, [6]uint64{}, retUnknown},
		{"beyond the table", numbers, [6]uint64{}, retUnknown},
		{"x32 read", 0x40000000, [6]uint64{}, retUnknown},
		{"x32 execve", 0x40000000 + 520, [6]uint64{}, retUnknown},
		{"minus one", 0xffffffff, [6]uint64{}, retUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, steps := run(t, p, call{tt.nr, auditArch, tt.args})
			if got != tt.want {
				t.Errorf("got %#x, want %#x", got, tt.want)
			}
			if steps > 25 {
				t.Errorf("%d instructions for one call", steps)
			}
		})
	}
}

func TestForeignArchitectureIsKilled(t *testing.T) {
	for _, arch := range []uint32{unix.AUDIT_ARCH_I386, unix.AUDIT_ARCH_ARM, 0} {
		if got, _ := run(t, Program(), call{unix.SYS_READ, arch, [6]uint64{}}); got != retKill {
			t.Errorf("arch %#x: %#x", arch, got)
		}
	}
}

// TestProgramEqualsTheLists walks every number: the binary search must not shift a neighbour.
func TestProgramEqualsTheLists(t *testing.T) {
	p, seen := Program(), map[uint16]bool{}
	want := make([]uint32, numbers)
	for n := range want {
		want[n] = retUnknown
	}
	for _, l := range []struct {
		list []uint16
		ret  uint32
	}{{allowed, retAllow}, {allowedHere, retAllow}, {refused, retRefused}, {refusedHere, retRefused}} {
		for _, n := range l.list {
			if seen[n] {
				t.Errorf("call %d stands in two lists", n)
			}
			seen[n] = true
			want[n] = l.ret
		}
	}
	for _, c := range checked {
		if seen[c.nr] {
			t.Errorf("call %d is checked and stands in a list", c.nr)
		}
		seen[c.nr] = true
	}
	for n := range want {
		got, _ := run(t, p, call{uint32(n), auditArch, [6]uint64{}})
		if want[n] == retUnknown && seen[uint16(n)] {
			continue // checked: the table above
		}
		if got != want[n] {
			t.Errorf("call %d: %#x, want %#x", n, got, want[n])
		}
	}
	if len(p) > 600 {
		t.Errorf("%d instructions: more than needed", len(p))
	}
}

func BenchmarkProgram(b *testing.B) {
	for b.Loop() {
		Program()
	}
}

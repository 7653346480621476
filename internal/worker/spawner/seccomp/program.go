// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package seccomp

import "golang.org/x/sys/unix"

// action is what happens to a call.
type action uint8

const (
	unknown action = iota // ENOSYS
	allow
	refuse  // EPERM
	succeed // does nothing and returns 0
	checkClone
	checkSocket
	checkSocketpair
	checkIoctl
	checkPersonality
)

// numbers is more than the largest call number of both architectures; all above are unknown.
const numbers = 512

// Offsets in struct seccomp_data. Arguments are 64 bits wide, little endian on both architectures; those that are
// checked are 32-bit values for the kernel, so the low half decides.
const (
	offsetNumber = 0
	offsetArch   = 4
	offsetArgs   = 16
)

const (
	retAllow   = unix.SECCOMP_RET_ALLOW
	retKill    = unix.SECCOMP_RET_KILL_PROCESS
	retUnknown = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	retRefused = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	retSuccess = unix.SECCOMP_RET_ERRNO
	retFamily  = unix.SECCOMP_RET_ERRNO | uint32(unix.EAFNOSUPPORT)
	retProto   = unix.SECCOMP_RET_ERRNO | uint32(unix.EPROTONOSUPPORT)
)

// Program returns the filter: it takes a few microseconds to build and is the same at each call.
func Program() []unix.SockFilter {
	p := []unix.SockFilter{
		load(offsetArch),
		jump(unix.BPF_JEQ, auditArch, 1, 0),
		ret(retKill),
		load(offsetNumber),
	}
	return append(p, search(segments(table()))...)
}

// table says for each call number what happens.
func table() *[numbers]action {
	var t [numbers]action
	for _, list := range [][]uint16{allowed, allowedHere} {
		for _, n := range list {
			t[n] = allow
		}
	}
	for _, list := range [][]uint16{refused, refusedHere} {
		for _, n := range list {
			t[n] = refuse
		}
	}
	for _, c := range checked {
		t[c.nr] = c.action
	}
	return &t
}

// segment is a run of call numbers with one action; it ends where the next one starts.
type segment struct {
	first  uint32
	action action
}

func segments(t *[numbers]action) []segment {
	out := make([]segment, 1, 128)
	out[0] = segment{0, t[0]}
	for n := 1; n < numbers; n++ {
		if t[n] != t[n-1] {
			out = append(out, segment{uint32(n), t[n]})
		}
	}
	if out[len(out)-1].action != unknown {
		out = append(out, segment{numbers, unknown})
	}
	return out
}

// search emits a binary search over the segments with the call number in the accumulator: about 8 comparisons.
func search(s []segment) []unix.SockFilter {
	if len(s) == 1 {
		return leaf(s[0].action)
	}
	middle := len(s) / 2
	low, high := search(s[:middle]), search(s[middle:])
	var p []unix.SockFilter
	if len(low) <= maxJump {
		p = []unix.SockFilter{jump(unix.BPF_JGE, s[middle].first, uint8(len(low)), 0)}
	} else { // conditional jumps are short: step over or onto a long one
		p = []unix.SockFilter{
			jump(unix.BPF_JGE, s[middle].first, 0, 1),
			{Code: unix.BPF_JMP | unix.BPF_JA, K: uint32(len(low))},
		}
	}
	return append(append(p, low...), high...)
}

const maxJump = 255

// leaf decides; each path through it ends in a return.
func leaf(a action) []unix.SockFilter {
	switch a {
	case unknown:
	case allow:
		return []unix.SockFilter{ret(retAllow)}
	case refuse:
		return []unix.SockFilter{ret(retRefused)}
	case succeed:
		return []unix.SockFilter{ret(retSuccess)}
	case checkClone:
		return []unix.SockFilter{
			load(argument(0)),
			jump(unix.BPF_JSET, newNamespaces, 0, 1), ret(retRefused),
			ret(retAllow),
		}
	case checkIoctl:
		return oneOf(1, refusedIoctls, retRefused, retAllow)
	case checkPersonality:
		return oneOf(0, personalities, retAllow, retRefused)
	case checkSocketpair:
		return oneOf(0, []uint32{unix.AF_UNIX}, retAllow, retFamily)
	case checkSocket:
		return socketLeaf()
	}
	return []unix.SockFilter{ret(retUnknown)}
}

// socketLeaf: unix sockets; IPv4 and IPv6 with ordinary protocols (raw ones need a capability); of netlink only the
// route family, which getaddrinfo and os.networkInterfaces ask for addresses.
func socketLeaf() []unix.SockFilter {
	inet := oneOf(2, protocols, retAllow, retProto)
	netlink := oneOf(2, []uint32{unix.NETLINK_ROUTE}, retAllow, retProto)
	p := []unix.SockFilter{
		load(argument(0)),
		jump(unix.BPF_JEQ, unix.AF_UNIX, 0, 1), ret(retAllow),
		jump(unix.BPF_JEQ, unix.AF_INET, 3, 0),
		jump(unix.BPF_JEQ, unix.AF_INET6, 2, 0),
		jump(unix.BPF_JEQ, unix.AF_NETLINK, uint8(1+len(inet)), 0),
		ret(retFamily),
	}
	return append(append(p, inet...), netlink...)
}

// oneOf answers yes when an argument is in the list.
func oneOf(arg uint32, list []uint32, yes, no uint32) []unix.SockFilter {
	p := []unix.SockFilter{load(argument(arg))}
	for i, v := range list {
		p = append(p, jump(unix.BPF_JEQ, v, uint8(len(list)-i), 0))
	}
	return append(p, ret(no), ret(yes))
}

func argument(n uint32) uint32 { return offsetArgs + 8*n }

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

// jump goes jt or jf instructions further than the next one.
func jump(op uint16, k uint32, jt, jf uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | op | unix.BPF_K, Jt: jt, Jf: jf, K: k}
}

func ret(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }

// SPDX-License-Identifier: Apache-2.0

// Package seccomp is the system call policy of the sandbox: an allow list in classic BPF for x86-64 and arm64. What
// Lambda-like functions use (CPython, Node.js, the JVM, Go, Rust, shells, media tools) is allowed; what only serves to
// manage a host, to look into other processes or to widen the kernel's attack surface is refused.
//
// It is one wall of several: the function also has no capabilities, its own namespaces and no_new_privs. It does not
// look at pointers (a filter cannot), so what lies behind them is the other walls' work.
//
// Answers: a known call that is refused gives EPERM, as without the capability for it. A call that is unknown here,
// newer than this list, or long dead gives ENOSYS, so that C libraries use what they used before it existed; clone3
// too, because its flags lie behind a pointer and glibc then uses clone, whose flags are checked. A foreign
// architecture (32-bit calls) kills the process: nothing honest makes them here. x32 calls are unknown numbers.
//
// It is linked into gust-init, so it imports x/sys/unix and reflect only. Read policy.go (what is allowed), then
// program.go (how it becomes BPF). policy_amd64.go and policy_arm64.go hold what only one of them has.
package seccomp

// SPDX-License-Identifier: Apache-2.0

//go:build linux

package seccomp

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

// allowedHere are the forms under the name that only arm64 has.
var allowedHere = []uint16{unix.SYS_FSTATAT}

var refusedHere []uint16

// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package pgtest

import "syscall"

// attributes make a program run as owner.
func attributes(owner *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: owner, Setpgid: true}
}

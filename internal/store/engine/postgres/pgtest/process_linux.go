// SPDX-License-Identifier: Apache-2.0

package pgtest

import "syscall"

// attributes make a program run as owner, and end with the test even if that is killed.
func attributes(owner *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: owner, Setpgid: true, Pdeathsig: syscall.SIGQUIT}
}

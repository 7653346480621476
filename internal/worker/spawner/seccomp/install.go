// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package seccomp

import (
	"reflect"
	"runtime"

	"golang.org/x/sys/unix"
)

// Install puts the calling thread, and all that it will start, under the policy; it cannot be taken back. It sets
// no_new_privs first. The caller locks the thread and execs from it: other threads of the process stay free.
func Install() error {
	filter := Program()
	program := &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	// reflect gives the address without importing unsafe, which is kept out of this tree; KeepAlive is what makes it
	// valid during the call.
	address := reflect.ValueOf(program).Pointer()
	err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, address, 0, 0)
	runtime.KeepAlive(program)
	runtime.KeepAlive(filter)
	return err
}

// SPDX-License-Identifier: Apache-2.0

// Package linux is the default sandbox driver: each function runs in namespaces of its own (user, mount, PID, network,
// UTS, IPC), in a root file system that shows only its runtime and its code, without capabilities, under a system call
// allow list and control group limits.
//
// The server's half is here: it keeps one socket to each sandbox's PID 1 and starts processes over it. Everything that
// takes privileges is asked of the spawner (package worker/spawner). Read driver_linux.go, sandbox_linux.go, init_linux.go.
package linux

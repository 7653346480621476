// SPDX-License-Identifier: Apache-2.0

// Package packet carries packets and file descriptors over a SOCK_SEQPACKET socket pair: between the server and the
// spawner, and between both and the PID 1 of a sandbox. It knows nothing of what the packets mean. Linux only.
package packet

// SPDX-License-Identifier: Apache-2.0

// Package engine has the parts that the engines of the store share and that touch no database: the buffered writes of a
// transaction (writes.go), hints inside one process (hub.go), and service time (time.go). The engines are the packages
// below it.
package engine

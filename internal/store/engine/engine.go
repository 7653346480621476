// SPDX-License-Identifier: Apache-2.0

// Package engine has the parts that the engines of the store share and that touch no database: the buffered writes of a
// transaction (writes.go) and hints inside one process (hub.go). The engines are the packages below it.
package engine

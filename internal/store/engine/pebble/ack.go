// SPDX-License-Identifier: Apache-2.0

//go:build !gust_nosync

package pebble

// acknowledgeEarly is false in every build but the one of test/crash that shows what the missing fsync would lose.
const acknowledgeEarly = false

// SPDX-License-Identifier: Apache-2.0

//go:build gust_nosync

package pebble

const acknowledgeEarly = true

// SPDX-License-Identifier: Apache-2.0

// Package archtest holds the rules of the tree as tests: who may import whom, the shape of a service, and what no source
// file may hold. It has no other code.
//
// The tests read the files themselves. One that asked `go list` would pass from the test cache after a forbidden import was
// added, because the cache watches the files that a test opens and not what its children read.
//
// Read imports_test.go first (the table), then service_test.go (the shape of a service) and source_test.go.
package archtest

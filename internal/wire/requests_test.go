// SPDX-License-Identifier: Apache-2.0

package wire

import "testing"

// TestRequestsOfRealModels decodes what an SDK sends for the shapes of real services, see testdata/botocore/README.md.
func TestRequestsOfRealModels(t *testing.T) {
	var suites []suite
	readJSON(t, "testdata/botocore/requests.json", &suites)
	n := 0
	for _, s := range suites {
		for _, c := range s.Cases {
			n++
			t.Run(c.ID, func(t *testing.T) { runCase(t, s, c, false) })
		}
	}
	if n != 68 {
		t.Errorf("%d requests, want 68", n)
	}
}

// SPDX-License-Identifier: Apache-2.0

package frontdoor

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// TestInputsShareTheBudgetOfBodies: what a small body unfolds to is counted, too, and given back.
func TestInputsShareTheBudgetOfBodies(t *testing.T) {
	body := `{"logEvents":[` + strings.Repeat("{},", 64<<10) + `{}]}` // 192 KiB, of which 3 MiB of events would be made
	for limit, want := range map[int64]int{1 << 20: 503, 64 << 20: 400} {
		d := mustBudgetedDoor(t, limit)
		r := httptest.NewRequestWithContext(t.Context(), "POST", "http://127.0.0.1/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", "Logs_20140328.PutLogEvents")
		r.Header.Set("X-Amz-Date", "20261125T101500Z")
		r.Header.Set("Authorization",
			"AWS4-HMAC-SHA256 Credential=test/20261125/us-east-1/logs/aws4_request, SignedHeaders=host, Signature=00")
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		if w.Code != want || (want == 400) != strings.Contains(w.Body.String(), "validation errors detected") {
			t.Errorf("limit %d: %d %.300s, want %d", limit, w.Code, w.Body, want)
		}
		if used := d.bodies.used.Load(); used != 0 {
			t.Errorf("limit %d: %d bytes are still taken", limit, used)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"
)

// Who knows an access key id but no secret can send any scope: none is remembered. Right ones are, up to a bound.
func TestCacheKeepsKeysOfRightSignatures(t *testing.T) {
	now := time.Date(2026, 11, 25, 10, 15, 0, 0, time.UTC)
	var v Verifier
	call := func(region, secret string) error {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/", nil)
		Sign(r, Keys{AccessKeyID: "AKIATEST", SecretAccessKey: secret}, region, "sts", EmptySHA256, now)
		sig, err := Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		_, err = v.Begin(r, sig, "secret", now)
		return err
	}
	for i := range 100 {
		if call("r"+strconv.Itoa(i), "wrong") == nil {
			t.Fatal("a wrong signature was accepted")
		}
	}
	if n := len(v.cache.keys); n != 0 {
		t.Errorf("%d keys of wrong signatures are kept", n)
	}
	for i := range maxCachedKeys + 10 {
		if err := call("r"+strconv.Itoa(i), "secret"); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(v.cache.keys); n == 0 || n > maxCachedKeys {
		t.Errorf("%d keys are kept", n)
	}
}

// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/gustcloud/gust/test/harness"
)

func TestBenchMeasuresAnEnforcingServer(t *testing.T) {
	s := harness.StartEnforced(t)
	bench := func(k harness.Keys) (string, error) {
		cmd := exec.CommandContext(t.Context(), harness.Binary(t), "bench", "warm", "--endpoint", s.Endpoint+"/", "--count=5", "--clients=1", "--for=20ms")
		cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + t.TempDir(), "AWS_ACCESS_KEY_ID=" + k.ID, "AWS_SECRET_ACCESS_KEY=" + k.Secret}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := bench(s.Keys); err != nil || !strings.Contains(out, "--endpoint="+s.Endpoint) {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := bench(harness.Keys{ID: s.Keys.ID, Secret: "wrong"}); err == nil || !strings.Contains(out, "does not match the signature you provided") {
		t.Errorf("wrong secret: %v: %s", err, out)
	}
	if functions := cli(t, s, "lambda", "list-functions")["Functions"]; len(functions.([]any)) != 0 {
		t.Errorf("left behind: %v", functions)
	}
}

// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gustcloud/gust/test/harness"
)

// gust runs a command of the binary under test.
func gust(t *testing.T, args ...string) (output string, err error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), harness.Binary(t), args...).CombinedOutput()
	return string(out), err
}

func TestServerStartsOnABackup(t *testing.T) {
	s := harness.StartAny(t)
	s.CreateProbe(t, harness.Function{Name: "before"})
	parent := t.TempDir()
	first, second := filepath.Join(parent, "first"), filepath.Join(parent, "second")
	for i, dir := range []string{first, second} {
		if out, err := gust(t, "store", "backup", dir, "--data", s.Dir); err != nil || strings.TrimSpace(out) != dir {
			t.Fatalf("%v\n%s", err, out)
		}
		if i == 0 {
			s.CreateProbe(t, harness.Function{Name: "between"})
		}
	}
	for _, tt := range []struct{ dir, says string }{
		{first, "already exists"},
		{filepath.Join(s.Dir, "inside"), "inside the data directory"},
		{filepath.Join(parent, "no", "parent"), "no such file"},
	} {
		if out, err := gust(t, "store", "backup", tt.dir, "--data", s.Dir); err == nil || !strings.Contains(out, tt.says) {
			t.Errorf("backup to %s: %v\n%s", tt.dir, err, out)
		}
	}
	if left, err := filepath.Glob(filepath.Join(parent, "*.partial")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	s.Kill()
	if out, err := gust(t, "store", "backup", filepath.Join(parent, "third"), "--data", s.Dir); err == nil || !strings.Contains(out, "no server answers") {
		t.Errorf("backup of a stopped server: %v\n%s", err, out)
	}
	for _, tt := range []struct {
		dir  string
		want []string
	}{{first, []string{"before"}}, {second, []string{"before", "between"}}} {
		if err := os.RemoveAll(s.Dir); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(s.Dir, os.DirFS(tt.dir)); err != nil {
			t.Fatal(err)
		}
		s.Run()
		names, stderr, code := s.AWS(t, "lambda", "list-functions", "--query", "Functions[].FunctionName", "--output", "text")
		if got := strings.Fields(names); code != 0 || strings.Join(got, " ") != strings.Join(tt.want, " ") {
			t.Errorf("%s holds %q, want %q; %s", tt.dir, got, tt.want, stderr)
		}
		for _, name := range tt.want {
			s.Invoke(t, name, map[string]string{"do": "echo"})
		}
		s.Stop()
	}
}

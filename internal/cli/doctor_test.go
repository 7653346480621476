// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/worker/host"
	"github.com/gustcloud/gust/internal/worker/runtimes"
)

func TestDoctorSaysWhatIsMissing(t *testing.T) {
	ok := host.Item{Name: host.Kernel, OK: true, Required: true, Detail: "6.1"}
	tests := []struct {
		name  string
		items []host.Item
		want  []string
	}{
		{"all is well", []host.Item{ok}, []string{"  ok       kernel ", "every limit holds"}},
		{
			"a limit is missing",
			[]host.Item{ok, {Name: host.MemoryLimit, Detail: "none", Fix: "mount it"}},
			[]string{"  no       memory limit ", "-> mount it", "Functions are isolated; 1 of the points"},
		},
		{
			"isolation is missing",
			[]host.Item{ok, {Name: host.Seccomp, Required: true, Detail: "none", Fix: "another kernel"}},
			[]string{"  MISSING  seccomp ", "-> another kernel", "Functions cannot be isolated"},
		},
		{
			"not root",
			[]host.Item{ok, {Name: host.Root, Detail: "uid 1000"}},
			[]string{"  MISSING  root ", "-> start as root", "Functions cannot be isolated"},
		},
	}
	list := []runtimes.Status{
		{Runtime: "python3.11", Pack: &runtimes.Pack{Version: "3.11.2", Interpreter: "/usr/bin/python3.11"}},
		{Runtime: "python3.14", Err: &invoke.PackError{Runtime: "python3.14", Fix: "apt install python3.14"}},
		{Runtime: "nodejs20.x", Err: errors.New("its answer is not understood")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			if err := writeDoctor(&b, needRoot(host.Report{Items: tt.items}), list); err != nil {
				t.Fatal(err)
			}
			for _, want := range append(tt.want,
				"  ok       python3.11         3.11.2 /usr/bin/python3.11",
				"  no       python3.14         not on this host", "-> apt install python3.14",
				"  no       nodejs20.x         its answer is not understood") {
				if !strings.Contains(b.String(), want) {
					t.Errorf("report lacks %q:\n%s", want, b.String())
				}
			}
		})
	}
}

// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gustcloud/gust/internal/base/hosttest"
	"github.com/gustcloud/gust/internal/cli"
)

// serve stands in for internal/app's.
type serve struct {
	Data string `help:"A directory with \"quotes\", 'both' kinds."`
	Fail bool   `help:"Fail."`
}

type hinted struct{ error }

func (hinted) Hint() string { return "Try something else." }

func (s *serve) Run(_ context.Context, e *cli.Env) error {
	if s.Fail {
		return hinted{errors.New("it went wrong")}
	}
	_, err := e.Stdout.Write([]byte("serving\n"))
	return err
}

func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var o, e bytes.Buffer
	code = cli.Main(t.Context(), cli.Env{
		Args: args, Stdout: &o, Stderr: &e, Version: "v1.2.3", Path: os.Getenv("PATH"), Vars: map[string]string{"data": t.TempDir()},
	}, serve{})
	return code, o.String(), e.String()
}

func TestExitCodesAndMessages(t *testing.T) {
	tests := []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string
	}{
		{"command", []string{"serve"}, 0, "serving\n", ""},
		{"failure", []string{"serve", "--fail"}, 1, "", "gust: it went wrong\n  Try something else.\n"},
		{"unknown flag", []string{"serve", "--fial"}, 2, "", `unknown flag --fial, did you mean "--fail"?`},
		{"unknown command", []string{"srve"}, 2, "", `gust: unexpected argument srve`},
		{"half a command", []string{"runtime"}, 2, "", "list"},
		{"help", []string{"--help"}, 0, "Start the server.", ""},
		{"help of a command", []string{"completion", "--help"}, 0, "source <(gust completion bash)", ""},
		{"nothing", nil, 0, "Start the server.", ""},
		{"version", []string{"version"}, 0, "gust v1.2.3 (go", ""},
		{"unknown shell", []string{"completion", "tcsh"}, 2, "", "must be one of"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := run(t, tt.args...)
			if code != tt.code || !strings.Contains(stdout, tt.stdout) || !strings.Contains(stderr, tt.stderr) {
				t.Errorf("exit code %d, want %d\nstdout: %s\nstderr: %s", code, tt.code, stdout, stderr)
			}
			if code != 0 && stdout != "" {
				t.Errorf("a failure wrote to stdout: %s", stdout)
			}
		})
	}
}

func TestBashCompletes(t *testing.T) {
	bash := hosttest.Tool(t, "bash")
	_, script, _ := run(t, "completion", "bash")
	file := filepath.Join(t.TempDir(), "gust.bash")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ words, want, not string }{
		{"gust ''", "serve doctor runtime completion version --help", "list"},
		{"gust co", "completion", "serve"},
		{"gust serve --", "--data --fail --help", "serve"},
		{"gust runtime ''", "list --help", "serve"},
		{"gust runtime list --j", "--json", "--help"},
		{"gust completion ''", "bash zsh fish --help", "completion"},
	}
	for _, tt := range tests {
		t.Run(tt.words, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), bash, "--norc", "-c",
				`source "$1"; COMP_WORDS=(`+tt.words+`); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _gust; printf '%s\n' "${COMPREPLY[@]}"`, "bash", file).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			got := strings.Fields(string(out))
			for _, want := range strings.Fields(tt.want) {
				if !contains(got, want) {
					t.Errorf("offers %v, not %s", got, want)
				}
			}
			if contains(got, tt.not) {
				t.Errorf("offers %v, which fit nothing", got)
			}
		})
	}
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}

func TestCompletionScriptsNameCommandsAndFlags(t *testing.T) {
	tests := []struct {
		shell string
		want  []string
	}{
		{"bash", []string{`"runtime list") words="--help --json"`}},
		{"zsh", []string{
			"#compdef gust", `'runtime list') candidates=( '--help:Show context-sensitive help.' '--json:Print JSON instead of a table.'`,
			`'--data:A directory with "quotes", '\''both'\'' kinds.'`,
		}},
		{"fish", []string{`complete -c gust -n '__gust_at '\''runtime list'\''' -l 'json' -d 'Print JSON instead of a table.'`}},
	}
	for _, tt := range tests {
		t.Run(tt.shell, func(t *testing.T) {
			_, script, _ := run(t, "completion", tt.shell)
			for _, want := range tt.want {
				if !strings.Contains(script, want) {
					t.Errorf("script lacks %s:\n%s", want, script)
				}
			}
		})
	}
}

func TestRuntimeListAndDoctor(t *testing.T) {
	code, out, stderr := run(t, "runtime", "list", "--json")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var list []struct {
		Name      string
		Available bool
		Fix       string
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, r := range list {
		names[r.Name] = r.Available
		if !r.Available && r.Fix == "" {
			t.Errorf("%s is missing and nothing says what to do", r.Name)
		}
	}
	if !names["provided.al2023"] || len(names) < 5 {
		t.Errorf("runtimes %v", names)
	}
	code, table, _ := run(t, "runtime", "list")
	if code != 0 || !strings.Contains(table, "provided.al2023") || !strings.HasPrefix(table, "RUNTIME") {
		t.Errorf("exit code %d: %s", code, table)
	}
	code, report, _ := run(t, "doctor") // what it says depends on the host, its exit code too
	if code > 1 || !strings.Contains(report, "operating system") || !strings.Contains(report, "provided.al2023") {
		t.Errorf("exit code %d: %s", code, report)
	}
}

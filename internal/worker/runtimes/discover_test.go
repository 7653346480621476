// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gustcloud/gust/internal/invoke"
)

// layout makes files below a directory: "elf" content becomes an executable of that kind.
func layout(t *testing.T, files map[string]string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			if err := os.Symlink(target, path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if content == "elf" {
			content = "\x7fELF\x02\x01\x01" + name
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestCandidates(t *testing.T) {
	tests := []struct {
		name    string
		runtime string
		files   map[string]string
		path    []string // below the layout
		homes   []string
		want    []string // in this order, whatever else the host has
		never   []string
	}{
		{
			name: "PATH before version managers, the newest version first", runtime: "python3.11", path: []string{"bin"}, homes: []string{"home"},
			files: map[string]string{
				"bin/python3.11": "elf", "home/.pyenv/versions/3.11.9/bin/python3.11": "elf",
				"home/.pyenv/versions/3.11.10/bin/python3.11": "elf", "home/.pyenv/versions/3.12.1/bin/python3.12": "elf",
				"home/.local/share/uv/python/cpython-3.11.8-linux-x86_64-gnu/bin/python3.11": "elf",
			},
			want: []string{
				"bin/python3.11", "home/.pyenv/versions/3.11.10/bin/python3.11", "home/.pyenv/versions/3.11.9/bin/python3.11",
				"home/.local/share/uv/python/cpython-3.11.8-linux-x86_64-gnu/bin/python3.11",
			},
			never: []string{"home/.pyenv/versions/3.12.1/bin/python3.12"},
		},
		{
			name: "a shim is a script, its root is searched", runtime: "python3.12", path: []string{"root/shims"},
			files: map[string]string{"root/shims/python3.12": "#!/bin/sh\n", "root/versions/3.12.1/bin/python3.12": "elf"},
			want:  []string{"root/versions/3.12.1/bin/python3.12"}, never: []string{"root/shims/python3.12"},
		},
		{
			name: "symlinks are resolved, each file once", runtime: "nodejs22.x", path: []string{"bin", "other"}, homes: []string{"home"},
			files: map[string]string{
				"bin/node": "-> ../home/.nvm/versions/node/v22.1.0/bin/node", "other/nodejs": "-> node", "other/node": "-> ../bin/node",
				"home/.nvm/versions/node/v22.1.0/bin/node": "elf",
			},
			want: []string{"home/.nvm/versions/node/v22.1.0/bin/node"}, never: []string{"bin/node", "other/node"},
		},
		{
			name: "not executable, not a program", runtime: "nodejs20.x", path: []string{"bin"},
			files: map[string]string{"bin/node": "#!/usr/bin/env something\n", "bin/nodejs": "-> nothing"}, never: []string{"bin/node", "bin/nodejs"},
		},
		{
			name: "volta's shim", runtime: "nodejs20.x", path: []string{"v/bin"}, homes: []string{"h"},
			files: map[string]string{"v/bin/node": "-> volta-shim", "v/bin/volta-shim": "elf", "h/.volta/tools/image/node/20.1.0/bin/node": "elf"},
			want:  []string{"h/.volta/tools/image/node/20.1.0/bin/node"}, never: []string{"v/bin/volta-shim"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := layout(t, tt.files)
			below := func(names []string) []string {
				var out []string
				for _, n := range names {
					out = append(out, filepath.Join(root, n))
				}
				return out
			}
			s := New(Deps{Homes: below(tt.homes), Path: strings.Join(append(below(tt.path), "relative"), ":"), Log: slog.New(slog.DiscardHandler)})
			var got []string
			for _, c := range s.candidates(specs[tt.runtime]) {
				if strings.HasPrefix(c, root) {
					got = append(got, c)
				}
			}
			if !slices.Equal(got, below(tt.want)) {
				t.Errorf("got %q, want %q", got, below(tt.want))
			}
			for _, n := range below(tt.never) {
				if slices.Contains(got, n) {
					t.Errorf("%s is a candidate", n)
				}
			}
		})
	}
}

func TestCompareVersions(t *testing.T) {
	sorted := []string{"3.9.18", "3.10.1", "3.10.13", "3.11.0", "v20.1.0", "v20.11.0"}
	for i := 1; i < len(sorted); i++ {
		if compareVersions(sorted[i-1], sorted[i]) >= 0 {
			t.Errorf("%s is not before %s", sorted[i-1], sorted[i])
		}
	}
}

func TestVersionMustBeExact(t *testing.T) {
	for _, tt := range []struct {
		runtime, version string
		want             bool
	}{
		{"python3.1x", "3.11.2", false},
		{"python3.11", "3.11.2", true},
		{"python3.11", "3.1.2", false},
		{"python3.11", "3.110.2", false},
		{"nodejs20.x", "20.0.1", true},
		{"nodejs20.x", "200.0.1", false},
		{"nodejs20.x", "2.20.1", false},
	} {
		if sp, ok := specs[tt.runtime]; ok != (tt.runtime != "python3.1x") || ok && sp.matches(tt.version) != tt.want {
			t.Errorf("%s %s: want %v", tt.runtime, tt.version, tt.want)
		}
	}
}

func TestPackErrors(t *testing.T) {
	s := New(Deps{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	for runtime, want := range map[string]string{"java21": "not supported", "python9.9": "not supported", "": "not supported"} {
		_, err := s.Pack(t.Context(), runtime)
		var pe *invoke.PackError
		if !errors.As(err, &pe) || pe.Runtime != runtime || !strings.Contains(pe.Fix, want) {
			t.Errorf("%q: %v", runtime, err)
		}
	}
	for _, sp := range order {
		if sp.family != familyCustom && !strings.Contains(sp.fix(), sp.version) {
			t.Errorf("%s: the fix does not name the version: %s", sp.name, sp.fix())
		}
	}
}

// TestPackIsLookedForAgain: what was found is remembered, what is gone or new is noticed.
func TestPackIsLookedForAgain(t *testing.T) {
	s := hostSet(t)
	first, err := s.Pack(t.Context(), "provided.al2023")
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Pack(t.Context(), "provided.al2023")
	if err != nil || again != first {
		t.Errorf("not remembered: %v", err)
	}
	gone := &Pack{Runtime: "python3.14", Interpreter: filepath.Join(t.TempDir(), "python")}
	s.packs["python3.14"] = gone
	if p, err := s.Pack(t.Context(), "python3.14"); err == nil && p == gone {
		t.Error("an interpreter that is gone is still offered")
	}
}

func TestParseAnswer(t *testing.T) {
	exe := filepath.Join(layout(t, map[string]string{"python": "elf"}), "python")
	got, err := parseAnswer([]byte("3.11.2\n" + exe + "\n/usr/lib/python311.zip\n/usr/lib/python3.11/\nrelative\n"))
	if err != nil || got.version != "3.11.2" || got.path != exe ||
		!slices.Equal(got.stdlib, []string{"/usr/lib/python311.zip", "/usr/lib/python3.11"}) {
		t.Errorf("%+v %v", got, err)
	}
	for _, bad := range []string{"", "3.11.2", "hello\n" + exe, "3.11.2\n/nonexistent"} {
		if _, err := parseAnswer([]byte(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

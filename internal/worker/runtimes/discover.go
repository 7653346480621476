// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// askTime bounds one question to one candidate: an unknown program may do anything.
const askTime = 5 * time.Second

// systemDirs are searched after PATH: a service's PATH is often short.
var systemDirs = []string{"/usr/local/bin", "/usr/bin", "/bin", "/opt/homebrew/bin"}

// managed are the places where version managers keep interpreters, below a home directory. The star is the version.
var managed = map[family][]string{
	familyPython: {
		".pyenv/versions/*/bin",
		".asdf/installs/python/*/bin",
		".local/share/mise/installs/python/*/bin",
		".local/share/uv/python/*/bin",
		".local/share/rye/py/*/bin",
	},
	familyNode: {
		".nvm/versions/node/*/bin",
		".asdf/installs/nodejs/*/bin",
		".local/share/mise/installs/node/*/bin",
		".local/share/fnm/node-versions/*/installation/bin",
		".volta/tools/image/node/*/bin",
		".nodenv/versions/*/bin",
	},
}

// besideShims are the places below the directory whose "shims" stands in PATH (PYENV_ROOT, ASDF_DATA_DIR, ...).
var besideShims = map[family][]string{
	familyPython: {"versions/*/bin", "installs/python/*/bin"},
	familyNode:   {"versions/*/bin", "installs/node/*/bin", "installs/nodejs/*/bin"},
}

// interpreter is what one interpreter told about itself.
type interpreter struct {
	path    string   // of its executable, no symlink
	version string   // "3.11.7"
	stdlib  []string // Python's search path
}

// interpreter asks the candidates in order; nil when none is of the exact version. Errors: ctx's.
func (s *Set) interpreter(ctx context.Context, sp spec) (*interpreter, error) {
	for _, path := range s.candidates(sp) {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		found, err := ask(ctx, sp.family, path)
		if err != nil {
			s.deps.Log.DebugContext(ctx, "not an interpreter", "path", path, "error", err)
			continue
		}
		if sp.matches(found.version) {
			return found, nil
		}
	}
	return nil, nil
}

// candidates returns executables that may be the interpreter: PATH, system directories, version managers (the newest
// version first). Symlinks are resolved, scripts (shims) left out, each file named once.
func (s *Set) candidates(sp spec) []string {
	var dirs []string
	for _, d := range filepath.SplitList(s.deps.Path) {
		if filepath.IsAbs(d) && filepath.Base(d) != "shims" {
			dirs = append(dirs, d)
		}
	}
	dirs = append(dirs, systemDirs...)
	for _, d := range filepath.SplitList(s.deps.Path) {
		if filepath.IsAbs(d) && filepath.Base(d) == "shims" {
			dirs = append(dirs, versions(sp, filepath.Dir(d), besideShims[sp.family])...)
		}
	}
	for _, home := range s.deps.Homes {
		dirs = append(dirs, versions(sp, home, managed[sp.family])...)
	}
	var out []string
	for _, d := range dirs {
		for _, name := range sp.executables() {
			path, err := filepath.EvalSymlinks(filepath.Join(d, name))
			if err != nil || slices.Contains(out, path) || strings.Contains(filepath.Base(path), "shim") || !isELF(path) {
				continue
			}
			out = append(out, path)
		}
	}
	return out
}

// versions expands patterns below root and keeps the directories whose version may be sp's, the newest first.
func versions(sp spec, root string, patterns []string) []string {
	var out []string
	for _, p := range patterns {
		dirs, err := filepath.Glob(filepath.Join(root, p))
		if err != nil {
			continue // a root with a malformed pattern in its name
		}
		depth := strings.Count(p[:strings.Index(p, "*")], "/") + strings.Count(filepath.Clean(root), "/") + 1
		slices.SortStableFunc(dirs, func(a, b string) int {
			return compareVersions(component(b, depth), component(a, depth))
		})
		for _, d := range dirs {
			if strings.Contains(component(d, depth), sp.version) {
				out = append(out, d)
			}
		}
	}
	return out
}

func component(path string, i int) string {
	parts := strings.Split(path, "/")
	if i >= len(parts) {
		return ""
	}
	return parts[i]
}

// compareVersions compares the numbers in two names: "3.9.1" < "3.10", "v20.1.0" < "v20.11.0".
func compareVersions(a, b string) int {
	x, y := numbers(a), numbers(b)
	return cmp.Or(slices.Compare(x, y), strings.Compare(a, b))
}

func numbers(s string) []int {
	var out []int
	for _, f := range strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) {
		n, err := strconv.Atoi(f)
		if err != nil {
			return out
		}
		out = append(out, n)
	}
	return out
}

func isELF(path string) bool {
	f, err := os.Open(path) //nolint:gosec // a candidate of PATH
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return false
	}
	magic := make([]byte, 4)
	_, err = f.Read(magic)
	return err == nil && (string(magic) == "\x7fELF" || string(magic) == "\xcf\xfa\xed\xfe") // or Mach-O
}

// The questions: one fact a line; Python's search path follows.
const (
	askPython = `import sys
assert sys.implementation.name == "cpython"
print("%d.%d.%d" % sys.version_info[:3])
print(sys._base_executable)
print("\n".join(sys.path))`
	askNode = `console.log(process.versions.node); console.log(process.execPath)`
)

// ask runs a candidate once, without the environment of this process, and reads what it says.
func ask(ctx context.Context, f family, path string) (*interpreter, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	args := []string{"-I", "-S", "-c", askPython}
	if f == familyNode {
		args = []string{"-e", askNode}
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = []string{"LC_ALL=C.UTF-8"}
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	return parseAnswer(out)
}

func parseAnswer(out []byte) (*interpreter, error) {
	lines := strings.Split(string(bytes.TrimSpace(out)), "\n")
	if len(lines) < 2 || len(numbers(lines[0])) < 3 {
		return nil, errors.New("it did not tell its version")
	}
	path, err := filepath.EvalSymlinks(lines[1])
	if err != nil {
		return nil, err
	}
	i := &interpreter{path: path, version: lines[0]}
	for _, l := range lines[2:] {
		if filepath.IsAbs(l) {
			i.stdlib = append(i.stdlib, filepath.Clean(l))
		}
	}
	return i, nil
}

// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gustcloud/gust/internal/worker/sandbox"
)

// langDir is where a sandbox shows the interpreter, as AWS's images do.
const langDir = "/var/lang"

// Pack is what the sandboxes of one runtime need. It is immutable.
type Pack struct {
	Runtime     string           // "python3.11"
	Version     string           // "3.11.7"; "" for custom runtimes
	Interpreter string           // the host's executable; "" for custom runtimes
	Template    sandbox.Template // Name and Binds; the caller sets EphemeralMB
	RuntimeDir  string           // host directory for sandbox.Claim.Runtime: our bootstrap; "" for custom runtimes
	Missing     []string         // shared libraries that some part of the pack needs and the host has not

	family   family
	inside   string // the interpreter's path inside a sandbox with its own root
	script   string // the bootstrap's file name in RuntimeDir
	size     int64
	modified time.Time
}

// Custom tells whether the function brings its own bootstrap. Such a runtime speaks HTTP on AWS_LAMBDA_RUNTIME_API;
// the managed ones use the socket that SocketVariable names.
func (p *Pack) Custom() bool { return p.family == familyCustom }

// EntrypointError tells that a custom runtime's code has no bootstrap. Its type is "Runtime.InvalidEntrypoint".
type EntrypointError struct{ Message string }

func (e *EntrypointError) Error() string { return e.Message }

// EntrypointErrorType is the errorType of an EntrypointError in a function's error document.
const EntrypointErrorType = "Runtime.InvalidEntrypoint"

// Start is what Command needs to know of a sandbox and its function.
type Start struct {
	Isolated bool          // the sandbox has its own root (sandbox.Limits.Isolation): the Template's binds are there
	Paths    sandbox.Paths // as seen from inside
	Code     string        // host directory of the function's code
	Opt      string        // host directory of the layers; "" for none
	Handler  string
	Env      []string // from Environ
}

// Command returns the process that runs the function. Stdout and Stderr are the caller's to set.
// Errors: *EntrypointError.
func (p *Pack) Command(s Start) (sandbox.Command, error) {
	c := sandbox.Command{Env: s.Env, Dir: s.Paths.Task}
	if p.Custom() {
		path, err := p.bootstrap(s)
		if err != nil {
			return sandbox.Command{}, err
		}
		c.Path, c.Args = path, []string{path}
		return c, nil
	}
	c.Path = p.Interpreter
	if s.Isolated {
		c.Path = p.inside
	}
	script := filepath.Join(s.Paths.Runtime, p.script)
	switch p.family {
	case familyPython:
		c.Args = []string{c.Path, "-S", script}
	default:
		c.Args = []string{c.Path, script}
	}
	return c, nil
}

// bootstrap finds the executable of a custom runtime: /var/task/bootstrap, /opt/bootstrap, for go1.x also the handler.
// Source of the message: AWS Lambda Developer Guide and AWS's runtime interface emulator, read 2026-11.
func (p *Pack) bootstrap(s Start) (string, error) {
	exists := func(dir, name string) bool {
		if dir == "" || !filepath.IsLocal(name) {
			return false
		}
		info, err := os.Stat(filepath.Join(dir, name))
		return err == nil && info.Mode().IsRegular()
	}
	inTask, inOpt := filepath.Join(s.Paths.Task, "bootstrap"), filepath.Join(s.Paths.Opt, "bootstrap")
	switch {
	case exists(s.Code, "bootstrap"):
		return inTask, nil
	case exists(s.Opt, "bootstrap"):
		return inOpt, nil
	case p.Runtime == "go1.x" && exists(s.Code, s.Handler):
		return filepath.Join(s.Paths.Task, s.Handler), nil
	}
	return "", &EntrypointError{Message: fmt.Sprintf("Couldn't find valid bootstrap(s): [%s %s]", inTask, inOpt)}
}

// customPack: programs and libraries of the host tree, no interpreter.
func (s *Set) customPack(ctx context.Context, host hostTree) (*Pack, error) {
	unlock, err := s.lock(ctx, customLock) // they share one tree
	if err != nil {
		return nil, err
	}
	defer unlock()
	libs := newLibraries()
	dir, err := s.libraryTree("custom", libs, host, nil)
	if err != nil {
		return nil, err
	}
	binds := append(libraryBinds(dir, libs), host.binds(certificateDirs(libs)...)...)
	return &Pack{Template: sandbox.Template{Binds: binds}, Missing: libs.missing}, nil
}

// managedPack: the interpreter below /var/lang, its shared libraries, its standard library, our bootstrap.
func (s *Set) managedPack(ctx context.Context, runtime string, sp spec, host hostTree, found *interpreter) (*Pack, error) {
	info, err := os.Stat(found.path)
	if err != nil {
		return nil, err
	}
	name := sp.executables()[0]
	p := &Pack{
		Runtime: runtime, Version: found.version, Interpreter: found.path, family: sp.family,
		inside: langDir + "/bin/" + name, size: info.Size(), modified: info.ModTime(),
	}
	binds := []sandbox.Bind{{Source: found.path, Target: p.inside}}
	files := []string{found.path}
	if sp.family == familyPython {
		std, modules := pythonLibrary(found.stdlib, sp.version, filepath.Join(host.dir, "empty"))
		binds, files = append(binds, std...), append(files, modules...)
	}
	libs := newLibraries()
	dir, err := s.libraryTree(runtime, libs, host, files)
	if err != nil {
		return nil, err
	}
	if sp.family == familyNode {
		binds = append(binds, nodeModules(found.path, libs)...)
	}
	p.Missing = libs.missing
	p.Template.Name = runtime
	p.Template.Binds = slices.Concat(libraryBinds(dir, libs), host.binds(certificateDirs(libs)...), binds)
	p.RuntimeDir, p.script, err = s.bootstrapTree(ctx, runtime, sp.family, found.path)
	return p, err
}

// pythonLibrary shows the standard library below /var/lang, under the same last names so that the interpreter finds it
// from where it stands, and returns the extension modules in it. Packages that were installed on the host are hidden.
func pythonLibrary(dirs []string, version, empty string) (binds []sandbox.Bind, modules []string) {
	name := "python" + version
	target := ""
	for _, d := range dirs {
		info, err := os.Stat(d)
		if err != nil || !info.IsDir() {
			continue // the zip that few have
		}
		switch {
		case filepath.Base(d) == name && target == "":
			target = filepath.Join(langDir, filepath.Base(filepath.Dir(d)), name)
			binds = append(binds, sandbox.Bind{Source: d, Target: target})
			for _, hidden := range []string{"site-packages", "dist-packages"} {
				if info, err := os.Stat(filepath.Join(d, hidden)); err == nil && info.IsDir() {
					binds = append(binds, sandbox.Bind{Source: empty, Target: filepath.Join(target, hidden)})
				}
			}
		case target != "" && filepath.Base(d) == "lib-dynload":
			files, err := filepath.Glob(filepath.Join(d, "*.so"))
			if err != nil {
				continue
			}
			for _, f := range files {
				if b := filepath.Base(f); !strings.HasPrefix(b, "_tkinter") && !strings.HasPrefix(b, "_test") {
					modules = append(modules, f)
				}
			}
		}
	}
	return binds, modules
}

// nodeModulesDir is where Debian and Ubuntu keep those of Node's own modules that they took out of its executable.
const nodeModulesDir = "/usr/share/nodejs/"

var nodeModule = regexp.MustCompile(regexp.QuoteMeta(nodeModulesDir) + `[\w./-]+\.js`)

// nodeModules shows the files that an executable loads as its own modules; their names are compiled into it or into its
// library. Packages that stand beside them stay hidden.
func nodeModules(executable string, libs *libraries) []sandbox.Bind {
	if _, err := os.Stat(nodeModulesDir); err != nil {
		return nil
	}
	files := []string{executable}
	for name, file := range libs.found {
		if strings.HasPrefix(name, "libnode.") {
			files = append(files, file)
		}
	}
	var out []sandbox.Bind
	for _, f := range files {
		content, err := os.ReadFile(f) //nolint:gosec // an interpreter or its library
		if err != nil {
			continue // it will say so itself when it cannot be executed
		}
		for _, m := range nodeModule.FindAll(content, -1) {
			source, err := filepath.EvalSymlinks(string(m))
			b := sandbox.Bind{Source: source, Target: string(m)}
			if err == nil && !slices.Contains(out, b) {
				out = append(out, b)
			}
		}
	}
	return out
}

// libraryTree gathers the shared libraries of files, of the tools and of the base set in one directory.
func (s *Set) libraryTree(kind string, libs *libraries, host hostTree, files []string) (string, error) {
	for _, f := range slices.Concat(files, host.tools) {
		libs.add(f)
	}
	needed := slices.Clone(libs.missing)
	for _, name := range baseLibraries {
		libs.addName(name, libs.dirs)
	}
	libs.missing = needed // a C library of another kind has not all of the base set
	t := newTree("lib-" + kind)
	for name, file := range libs.found {
		t.files[name] = file
	}
	if libs.linker != "" {
		file, err := libs.linkerFile()
		if err != nil {
			return "", fmt.Errorf("dynamic linker: %w", err)
		}
		t.files[filepath.Base(libs.linker)] = file
	}
	if targets := libs.targets(); len(targets) == 2 {
		if rel, err := filepath.Rel(targets[0], targets[1]); err == nil && filepath.IsLocal(rel) {
			t.dirs = append(t.dirs, rel) // the mount point of the second in the first
		}
	}
	return s.build(t)
}

func libraryBinds(dir string, libs *libraries) []sandbox.Bind {
	var out []sandbox.Bind
	for _, t := range libs.targets() {
		out = append(out, sandbox.Bind{Source: dir, Target: t})
	}
	return out
}

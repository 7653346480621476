// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"bufio"
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// defaultLibraryDirs are the dynamic linker's own, beside what /etc/ld.so.conf names.
var defaultLibraryDirs = []string{
	"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
	"/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib",
}

// baseLibraries are those that compiled code of functions expects of any Linux: the C library with what it loads by
// itself, and the run-time libraries of C and C++ compilers (the "manylinux" set of Python wheels is a part).
var baseLibraries = []string{
	"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1", "libresolv.so.2",
	"libnss_files.so.2", "libnss_dns.so.2", "libanl.so.1", "libcrypt.so.1", "libcrypt.so.2", "libgcc_s.so.1",
	"libstdc++.so.6", "libz.so.1",
}

// libraries resolves the shared libraries that ELF files need, as the dynamic linker would, without running anything.
type libraries struct {
	dirs    []string
	found   map[string]string // name in DT_NEEDED -> file
	linker  string            // PT_INTERP as the first dynamic executable names it
	machine elf.Machine
	class   elf.Class
	missing []string // names that no directory has: an optional module may need what the host has not
}

func newLibraries() *libraries {
	l := &libraries{found: make(map[string]string)}
	for _, d := range append(linkerConfig("/etc/ld.so.conf", 0), defaultLibraryDirs...) {
		if !slices.Contains(l.dirs, d) {
			l.dirs = append(l.dirs, d)
		}
	}
	return l
}

// linkerConfig reads the directories of an ld.so.conf and of the files that it includes.
func linkerConfig(file string, depth int) []string {
	f, err := os.Open(file) //nolint:gosec // of /etc
	if err != nil || depth > 8 {
		return nil // absent (musl), unreadable or a circle: the default directories remain
	}
	defer func() { _ = f.Close() }()
	var dirs []string
	for sc := bufio.NewScanner(f); sc.Scan(); {
		line, _, _ := strings.Cut(sc.Text(), "#")
		line = strings.TrimSpace(line)
		if pattern, ok := strings.CutPrefix(line, "include"); ok {
			pattern = strings.TrimSpace(pattern)
			if !filepath.IsAbs(pattern) {
				pattern = filepath.Join(filepath.Dir(file), pattern)
			}
			files, err := filepath.Glob(pattern)
			if err != nil {
				continue
			}
			for _, inc := range files {
				dirs = append(dirs, linkerConfig(inc, depth+1)...)
			}
			continue
		}
		if filepath.IsAbs(line) {
			dirs = append(dirs, filepath.Clean(line))
		}
	}
	return dirs
}

// add resolves everything that file needs, transitively. A file that is not ELF needs nothing.
func (l *libraries) add(file string) {
	f, err := elf.Open(file)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	if l.machine == elf.EM_NONE {
		l.machine, l.class = f.Machine, f.Class
	}
	if l.linker == "" {
		l.linker = interpOf(f)
	}
	needed, err := f.ImportedLibraries()
	if err != nil {
		return
	}
	dirs := append(runPath(f, file), l.dirs...)
	for _, name := range needed {
		l.addName(name, dirs)
	}
}

// addName finds one library by name; an absent one is noted, not refused.
func (l *libraries) addName(name string, dirs []string) {
	name = filepath.Base(name)
	if l.found[name] != "" || (l.linker != "" && name == filepath.Base(l.linker)) {
		return
	}
	for _, d := range dirs {
		path := filepath.Join(d, name)
		if l.fits(path) {
			l.found[name] = path
			l.add(path)
			return
		}
	}
	if !slices.Contains(l.missing, name) {
		l.missing = append(l.missing, name)
	}
}

// fits tells whether path is a library for this machine.
func (l *libraries) fits(path string) bool {
	f, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	return f.Machine == l.machine && f.Class == l.class
}

func interpOf(f *elf.File) string {
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		b := make([]byte, min(p.Filesz, 4096))
		if n, err := p.ReadAt(b, 0); err == nil && n == len(b) {
			return strings.TrimRight(string(b), "\x00")
		}
	}
	return ""
}

// runPath returns DT_RUNPATH and DT_RPATH with $ORIGIN put in.
func runPath(f *elf.File, file string) []string {
	var out []string
	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		paths, err := f.DynString(tag)
		if err != nil {
			continue
		}
		origin := filepath.Dir(file)
		for _, p := range paths {
			for _, d := range filepath.SplitList(p) {
				d = strings.NewReplacer("$ORIGIN", origin, "${ORIGIN}", origin).Replace(d)
				if filepath.IsAbs(d) {
					out = append(out, filepath.Clean(d))
				}
			}
		}
	}
	return out
}

// linkerFile returns the dynamic linker's file on this host.
func (l *libraries) linkerFile() (string, error) { return filepath.EvalSymlinks(l.linker) }

// targets are the directories where the dynamic linker will look for the libraries inside a sandbox.
func (l *libraries) targets() []string {
	var out []string
	if l.linker != "" {
		out = append(out, filepath.Dir(l.linker))
	}
	if libc := l.found["libc.so.6"]; libc != "" {
		if d := strings.TrimPrefix(filepath.Dir(libc), "/usr"); !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	slices.Sort(out) // a parent before what lies in it
	return out
}

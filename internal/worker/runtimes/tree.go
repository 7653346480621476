// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// tree is the content of a directory that is put together from copies of the host's files. Copies, because one
// directory is one mount for each sandbox where a hundred files would be a hundred, and because a sandbox must not
// see what stands beside a file. A tree is built once: its name holds a digest of everything that goes into it.
type tree struct {
	kind  string            // first part of the directory's name
	files map[string]string // path in the tree -> file of the host
	data  map[string][]byte // path in the tree -> content
	dirs  []string          // empty directories: mount points
	after func(dir string) error
}

func newTree(kind string) *tree {
	return &tree{kind: kind, files: make(map[string]string), data: make(map[string][]byte)}
}

// build makes the tree of a Set. The first of its kind in the life of a Set removes those that earlier processes left;
// a later one (an interpreter was upgraded) leaves the older, which sandboxes may show. One caller builds a kind at a time.
func (s *Set) build(t *tree) (string, error) {
	s.mu.Lock()
	first := !s.swept[t.kind]
	s.swept[t.kind] = true
	s.mu.Unlock()
	return t.build(s.deps.Dir, first)
}

// build returns the tree's directory below parent, making it when it is absent. After a power cut a tree is there
// whole or not at all: files are synced before the directory gets its name. sweep removes other trees of its kind.
func (t *tree) build(parent string, sweep bool) (string, error) {
	sum, err := t.digest()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(parent, 0o755); err != nil { //nolint:gosec // functions' own users read it through mounts
		return "", err
	}
	name := t.kind + "-" + sum
	dir := filepath.Join(parent, name)
	if sweep {
		if err := removeOthers(parent, t.kind, name); err != nil {
			return "", err
		}
	}
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	tmp, err := os.MkdirTemp(parent, t.kind+"-tmp-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(tmp) }() // nothing is left there after the rename
	if err := t.fill(tmp); err != nil {
		return "", err
	}
	if err := os.Rename(tmp, dir); err != nil {
		return "", err
	}
	return dir, syncDir(parent)
}

func removeOthers(parent, kind, keep string) error {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), kind+"-") && e.Name() != keep {
			err = errors.Join(err, os.RemoveAll(filepath.Join(parent, e.Name())))
		}
	}
	return err
}

// digest covers names, contents of data, and size and time of the host's files.
func (t *tree) digest() (string, error) {
	h := sha256.New()
	for _, name := range sortedKeys(t.files) {
		if err := digestFile(h, name, t.files[name]); err != nil {
			return "", err
		}
	}
	for _, name := range sortedKeys(t.data) {
		h.Write(fmt.Appendf(nil, "data %q %q\n", name, t.data[name]))
	}
	for _, d := range t.dirs {
		h.Write(fmt.Appendf(nil, "dir %q\n", d))
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

func digestFile(h hash.Hash, name, file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	h.Write(fmt.Appendf(nil, "file %q %q %d %d\n", name, file, info.Size(), info.ModTime().UnixNano()))
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (t *tree) fill(dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // see build
		return err
	}
	made := make(map[string]string) // host file -> its first copy: programs with many names are stored once
	for _, name := range sortedKeys(t.files) {
		source, err := filepath.EvalSymlinks(t.files[name])
		if err != nil {
			return err
		}
		target := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil { //nolint:gosec // see build
			return err
		}
		if first := made[source]; first != "" {
			if err := os.Link(first, target); err != nil {
				return err
			}
			continue
		}
		if err := copyFile(source, target); err != nil {
			return err
		}
		made[source] = target
	}
	for _, name := range sortedKeys(t.data) {
		if err := writeFile(filepath.Join(dir, name), t.data[name]); err != nil {
			return err
		}
	}
	for _, d := range t.dirs {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil { //nolint:gosec // see build
			return err
		}
	}
	if t.after != nil {
		if err := t.after(dir); err != nil {
			return err
		}
	}
	return syncDirs(dir)
}

func copyFile(source, target string) error {
	in, err := os.Open(source) //nolint:gosec // a library or program of the host
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	return create(target, info.Mode().Perm()&0o111 != 0, func(w *os.File) error {
		_, err := io.Copy(w, in)
		return err
	})
}

func writeFile(target string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil { //nolint:gosec // see build
		return err
	}
	return create(target, false, func(w *os.File) error {
		_, err := w.Write(content)
		return err
	})
}

func create(target string, executable bool, write func(*os.File) error) error {
	mode := fs.FileMode(0o644)
	if executable {
		mode = 0o755
	}
	f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode) //nolint:gosec // in our own directory
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Chmod(mode), f.Sync()) // Chmod: whatever the umask
	return errors.Join(err, f.Close())
}

func syncDirs(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncDir(path)
	})
}

func syncDir(dir string) error {
	f, err := os.Open(dir) //nolint:gosec // our own
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

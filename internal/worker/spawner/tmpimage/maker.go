// SPDX-License-Identifier: Apache-2.0

//go:build linux

package tmpimage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Kind is how a /tmp is made.
type Kind string

// The kinds, best first.
const (
	Ext4  Kind = "ext4"  // sized; its pages are cache, not memory
	Tmpfs Kind = "tmpfs" // sized; its pages are memory of the function
	Dir   Kind = "dir"   // not sized
)

// Options of a Maker.
type Options struct {
	Dir     string // on the data disk; made if absent; no other Maker uses it
	Dev     string // "" for /dev
	Mkfs    string // mkfs.ext4; "" looks in PATH, /usr/sbin and /sbin
	Kind    Kind   // "" for the best that works; else that one or an error
	ProbeMB int    // size of the image that Open tries, whose template stays for New; 0 for 512
}

// Maker makes images. It is safe for concurrent use.
type Maker struct {
	dir, dev, mkfs string
	kind           Kind
	reason         string

	mu        sync.Mutex        // guards templates and the choice of a loop device; held while a template is formatted
	templates map[int]*template // by megabytes
	next      uint64            // number of the next directory of tmpfs and dir kinds
}

// Open sweeps what a killed process left in o.Dir and finds the best kind by making one image and dropping it.
func Open(ctx context.Context, o Options) (*Maker, error) {
	if o.Dev == "" {
		o.Dev = "/dev"
	}
	if o.ProbeMB == 0 {
		o.ProbeMB = 512
	}
	if !filepath.IsAbs(o.Dir) {
		return nil, fmt.Errorf("tmp images: directory %q is not absolute", o.Dir)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("tmp images: %w", err)
	}
	if err := sweep(o.Dir); err != nil {
		return nil, fmt.Errorf("tmp images: sweep: %w", err)
	}
	m := &Maker{dir: o.Dir, dev: o.Dev, mkfs: findMkfs(o.Mkfs), templates: map[int]*template{}}
	var reasons []string
	for _, k := range []Kind{Ext4, Tmpfs, Dir} {
		if o.Kind != "" && o.Kind != k {
			continue
		}
		m.kind = k
		err := m.probe(ctx, o.ProbeMB)
		if err == nil {
			m.reason = strings.Join(reasons, "; ")
			return m, nil
		}
		reasons = append(reasons, fmt.Sprintf("no %s: %v", k, err))
	}
	return nil, fmt.Errorf("tmp images: %s", strings.Join(reasons, "; "))
}

func (m *Maker) probe(ctx context.Context, mb int) error {
	i, err := m.New(ctx, Spec{MB: mb, UID: os.Getuid(), GID: os.Getgid(), Mode: 0o700})
	if err != nil {
		return err
	}
	if m.kind == Dir { // the last resort; a user without mounts binds or copies it by other means
		return i.Close()
	}
	f, err := i.Mount()
	if err == nil {
		err = f.Close()
	}
	return errors.Join(err, i.Close())
}

// Close releases the templates; images live on.
func (m *Maker) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var errs []error
	for mb, t := range m.templates {
		errs = append(errs, t.file.Close())
		delete(m.templates, mb)
	}
	return errors.Join(errs...)
}

// Kind is what New makes.
func (m *Maker) Kind() Kind { return m.kind }

// Reason tells why it is not a better kind; "" for the best.
func (m *Maker) Reason() string { return m.reason }

// Spec is one /tmp.
type Spec struct {
	MB       int    // space that is usable, at least
	UID, GID int    // owner of the root directory, as the host sees it
	Mode     uint32 // of the root directory: 0o1777 or 0o700
}

// Image is a /tmp that was made. Its methods are safe for concurrent use. It keeps one file descriptor open (the loop
// device) until Close, and a second one until the first Mount.
type Image struct {
	kind Kind
	path string // loop device node, attached tmpfs, or directory
	mb   int

	mu    sync.Mutex
	loop  *os.File // nil for other kinds
	ready *os.File // the mount made by New, for the first Mount
	done  bool
}

// New makes an empty /tmp.
func (m *Maker) New(ctx context.Context, s Spec) (*Image, error) {
	if s.MB < 1 || s.MB > 1<<20 {
		return nil, fmt.Errorf("tmp image: size %d MB is out of range", s.MB)
	}
	var i *Image
	var err error
	switch m.kind {
	case Ext4:
		i, err = m.newExt4(ctx, s)
	case Tmpfs:
		i, err = m.newTmpfs(s)
	default:
		i, err = m.newDir(s)
	}
	if err != nil {
		return nil, fmt.Errorf("tmp image of %d MB: %w", s.MB, err)
	}
	return i, nil
}

// MB is the size that New was asked for.
func (i *Image) MB() int { return i.mb }

// Kind is how this one was made.
func (i *Image) Kind() Kind { return i.kind }

// Mount returns a detached mount (nosuid, nodev) for move_mount(2), open as O_PATH; the caller closes it. Each call returns another
// mount of the same files, so a /tmp can outlive its sandbox: the contents last until Close.
func (i *Image) Mount() (*os.File, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.done {
		return nil, fmt.Errorf("mount tmp image: %w", os.ErrClosed)
	}
	if f := i.ready; f != nil {
		i.ready = nil
		return f, nil
	}
	var f *os.File
	var err error
	if i.kind == Ext4 {
		f, err = mountExt4(i.path)
	} else {
		f, err = cloneTree(i.path)
	}
	if err != nil {
		return nil, fmt.Errorf("mount tmp image: %w", err)
	}
	return f, nil
}

// Close discards the image; its space is free when the last mount of it has gone. Idempotent.
func (i *Image) Close() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.done {
		return nil
	}
	i.done = true
	var errs []error
	if i.ready != nil {
		errs = append(errs, i.ready.Close())
	}
	switch i.kind {
	case Ext4:
		errs = append(errs, i.loop.Close())
	case Tmpfs:
		errs = append(errs, unmount(i.path))
	case Dir:
		errs = append(errs, os.RemoveAll(i.path))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close tmp image: %w", err)
	}
	return nil
}

// sweep removes everything but finished templates.
func sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if isTemplate(e.Name()) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if strings.HasPrefix(e.Name(), tmpfsPrefix) {
			err = unmount(path)
		} else {
			err = os.RemoveAll(path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unmount detaches what is mounted at dir, if anything, and removes the directory.
func unmount(dir string) error {
	err := unix.Unmount(dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) { // EINVAL: nothing is mounted
		return &os.PathError{Op: "unmount", Path: dir, Err: err}
	}
	if err := unix.Rmdir(dir); err != nil && !errors.Is(err, unix.ENOENT) {
		return &os.PathError{Op: "rmdir", Path: dir, Err: err}
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package code

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync/atomic"

	"github.com/gustcloud/gust/internal/invoke"
)

// MaxUnzipped is the most that a package may hold when unpacked, in bytes.
// Source: "Lambda quotas", AWS Lambda Developer Guide, read 2026-11: 250 MB with layers.
const MaxUnzipped = 262_144_000

// Limits of our own: AWS publishes none. They keep a small zip from taking much memory, many inodes or deep paths.
const (
	maxEntries   = 100_000  // files and directories, implied ones included
	maxDirectory = 16 << 20 // bytes of the zip's own directory
	maxDepth     = 64       // parts of a path
	maxPath      = 1024     // bytes of a path
	maxPart      = 255      // bytes of a file name
	maxLink      = 1024     // bytes of a symlink's target
)

// AWS's texts. It does not document them; they are as users got them: github.com/hbwork/ec2-scheduler issue 3 (2018) and
// Sparticuz/chromium issue 322 (2024); jkehler/awslambda-psycopg2 issue 82 (2023); adieuadieu/serverless-chrome issue
// 331 (2022).
const (
	textUnzip = "Could not unzip uploaded file. Please check your file, then try to upload again."
	textSize  = "Unzipped size must be smaller than 262144000 bytes"
	textEmpty = "Uploaded file must be a non-empty zip"
)

func unusable() error { return &invoke.CodeError{Message: textUnzip} }

// refused is unusable with a reason that AWS does not tell. Our text: unverified.
func refused(format string, args ...any) error {
	return &invoke.CodeError{Message: textUnzip + " (" + fmt.Sprintf(format, args...) + ")"}
}

// item is one entry that will be written. Entries of equal names are one item: the last, as unzip does.
type item struct {
	name string // clean, relative, no ".."
	file *zip.File
	mode fs.FileMode // the type bits; 0 for a regular file
}

// Check tells whether a package could be unpacked, by its directory alone: contents are not read.
// Errors: *invoke.CodeError; read errors.
func Check(r io.ReaderAt, size int64) error {
	_, err := list(r, size)
	return err
}

// list reads the zip's directory and judges it. The result is in the order of the zip.
func list(r io.ReaderAt, size int64) ([]item, error) {
	limited := &limitedReaderAt{r: r, left: maxDirectory}
	z, err := zip.NewReader(limited, size)
	switch {
	case limited.err.Load() != nil:
		return nil, *limited.err.Load()
	case limited.exceeded.Load():
		return nil, refused("its directory is larger than %d bytes", maxDirectory)
	case err != nil:
		return nil, unusable()
	}
	limited.unlimited.Store(true)
	if len(z.File) > maxEntries {
		return nil, refused("it has more than %d entries", maxEntries)
	}
	if len(z.File) == 0 {
		return nil, &invoke.CodeError{Message: textEmpty}
	}
	l := lister{at: make(map[string]int, len(z.File)), dirs: make(map[string]bool)}
	for _, f := range z.File {
		if err := l.add(f); err != nil {
			return nil, err
		}
	}
	return l.items, l.conflicts()
}

// lister collects entries.
type lister struct {
	items []item
	at    map[string]int  // name -> index in items
	dirs  map[string]bool // names that are directories, by an entry or as a parent
	total uint64
}

func (l *lister) add(f *zip.File) error {
	const encrypted = 1
	if f.Flags&encrypted != 0 || (f.Method != zip.Store && f.Method != zip.Deflate) {
		return unusable()
	}
	name, err := cleanName(f.Name)
	if err != nil {
		return err
	}
	mode := f.Mode().Type()
	if strings.HasSuffix(f.Name, "/") {
		mode = fs.ModeDir
	}
	switch mode {
	case fs.ModeDir:
		if name != "." {
			l.addDirs(name)
		}
		return l.countCheck()
	case 0, fs.ModeSymlink:
	default:
		return refused("%q is neither a file, a directory nor a symbolic link", f.Name)
	}
	if name == "." {
		return refused("an entry has no name")
	}
	if mode == fs.ModeSymlink && f.UncompressedSize64 > maxLink {
		return refused("the target of %q is longer than %d bytes", name, maxLink)
	}
	if i, ok := l.at[name]; ok {
		l.total -= l.items[i].file.UncompressedSize64
		l.items[i] = item{name, f, mode}
	} else {
		l.at[name] = len(l.items)
		l.items = append(l.items, item{name, f, mode})
	}
	if f.UncompressedSize64 > MaxUnzipped || l.total+f.UncompressedSize64 > MaxUnzipped {
		return &invoke.CodeError{Message: textSize}
	}
	l.total += f.UncompressedSize64
	l.addDirs(path.Dir(name))
	return l.countCheck()
}

// addDirs notes a directory and its parents.
func (l *lister) addDirs(name string) {
	for ; name != "." && !l.dirs[name]; name = path.Dir(name) {
		l.dirs[name] = true
	}
}

func (l *lister) countCheck() error {
	if len(l.items)+len(l.dirs) > maxEntries {
		return refused("it has more than %d files and directories", maxEntries)
	}
	return nil
}

// conflicts refuses names that are a file and a directory.
func (l *lister) conflicts() error {
	for _, it := range l.items {
		if l.dirs[it.name] {
			return refused("%q is a file and a directory", it.name)
		}
	}
	for d := range l.dirs { // directories without files are items too, in no order: parents are made as needed
		l.items = append(l.items, item{name: d, mode: fs.ModeDir})
	}
	return nil
}

// cleanName returns the path of an entry below the root, or refuses it.
func cleanName(name string) (string, error) {
	if name == "" || strings.ContainsRune(name, 0) || len(name) > maxPath {
		return "", refused("an entry's name is empty, too long or not a path")
	}
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '/' || r == '\\' })
	for _, p := range parts {
		if p == ".." {
			return "", refused("%q leaves the package", name)
		}
		if len(p) > maxPart {
			return "", refused("a part of %q is longer than %d bytes", name, maxPart)
		}
	}
	if name[0] == '/' || name[0] == '\\' {
		return "", refused("%q is an absolute path", name)
	}
	if len(parts) > maxDepth {
		return "", refused("%q is deeper than %d directories", name, maxDepth)
	}
	return path.Clean(name), nil
}

// limitedReaderAt bounds what parsing a directory may read, and keeps the errors of the package's own storage apart
// from those of its format.
type limitedReaderAt struct {
	r         io.ReaderAt
	left      int64 // while parsing, by one goroutine
	unlimited atomic.Bool
	exceeded  atomic.Bool
	err       atomic.Pointer[error]
}

var errDirectory = errors.New("zip directory too large")

func (l *limitedReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if !l.unlimited.Load() {
		if l.left -= int64(len(p)); l.left < 0 {
			l.exceeded.Store(true)
			return 0, errDirectory
		}
	}
	n, err := l.r.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("read the package: %w", err)
		l.err.Store(&err)
	}
	return n, err
}

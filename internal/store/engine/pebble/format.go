// SPDX-License-Identifier: Apache-2.0

package pebble

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/gustcloud/gust/internal/store"
)

// formatVersion is that of the directory: of Pebble's files, the keys and the values. It rises when an older gust
// could not read what a newer one writes.
const formatVersion = 1

const (
	formatFile  = "GUST-FORMAT" // one line: formatTitle, the version
	formatTitle = "gust store, format "
)

// checkFormat refuses a directory of a newer format, and marks a new one. The caller holds the directory's lock.
func checkFormat(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if err != nil {
		return fmt.Errorf("store: list %s: %w", dir, err)
	}
	text, err := readFile(fsys, fsys.PathJoin(dir, formatFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		for _, n := range names {
			if n != "LOCK" && n != formatFile+".tmp" {
				return &store.CorruptError{Dir: dir, Err: fmt.Errorf("%s is missing beside %s: not a directory of gust", formatFile, n)}
			}
		}
		return writeFormat(fsys, dir)
	case err != nil:
		return fmt.Errorf("store: read format of %s: %w", dir, err)
	}
	found, ok := strings.CutPrefix(strings.TrimSpace(text), formatTitle)
	v, err := strconv.Atoi(found)
	switch {
	case !ok || err != nil || v < 1:
		return &store.CorruptError{Dir: dir, Err: fmt.Errorf("%s says %.40q", formatFile, text)}
	case v > formatVersion:
		return &store.FormatError{Dir: dir, Found: found, Supported: strconv.Itoa(formatVersion)}
	}
	return nil
}

func readFile(fsys vfs.FS, name string) (_ string, err error) {
	f, err := fsys.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b, err := io.ReadAll(io.LimitReader(f, 1<<10))
	return string(b), err
}

// writeFormat makes the file appear whole or not at all, before Pebble writes its first file.
func writeFormat(fsys vfs.FS, dir string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("store: mark format of %s: %w", dir, err)
		}
	}()
	tmp := fsys.PathJoin(dir, formatFile+".tmp")
	f, err := fsys.Create(tmp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(formatTitle + strconv.Itoa(formatVersion) + "\n"))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(tmp, fsys.PathJoin(dir, formatFile)); err != nil {
		return err
	}
	return syncDir(fsys, dir)
}

// makeDir makes dir and its parents; all of them survive a power cut.
func makeDir(fsys vfs.FS, dir string) error {
	if _, err := fsys.Stat(dir); err == nil {
		return nil
	}
	var absent []string // dir, and each parent that has to be made
	for d := dir; ; d = fsys.PathDir(d) {
		if _, err := fsys.Stat(d); err == nil || fsys.PathDir(d) == d {
			absent = append(absent, d) // the one that exists: its listing changes
			break
		}
		absent = append(absent, d)
	}
	if err := fsys.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, d := range absent {
		if err := syncDir(fsys, d); err != nil {
			return err
		}
	}
	return nil
}

func syncDir(fsys vfs.FS, dir string) error {
	d, err := fsys.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// SPDX-License-Identifier: Apache-2.0

package code

import (
	"archive/zip"
	"compress/flate"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/gustcloud/gust/internal/invoke"
)

// Unpack writes a package into dir, which exists and is empty. Every file becomes readable by any user (0644, or 0755
// when the zip says that someone may execute it), because an environment runs as a user of its own. Limits are
// enforced on what is really written. On an error dir is left as it is: the caller removes it.
// Errors: *invoke.CodeError; I/O errors; ctx's.
func Unpack(ctx context.Context, r io.ReaderAt, size int64, dir string) error {
	items, err := list(r, size)
	if err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // see above
		return err
	}
	root, err := os.OpenRoot(dir) // refuses to leave dir, whatever the names and links
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	u := unpacker{ctx: ctx, root: root, left: MaxUnzipped, made: map[string]bool{".": true}, buf: make([]byte, 64<<10)}
	for _, it := range items {
		if err := u.write(it); err != nil {
			return err
		}
	}
	// Links come last: nothing is written through one.
	for _, l := range u.links {
		if err := u.link(l); err != nil {
			return err
		}
	}
	for _, l := range u.links { // a link may lead out by way of another
		if _, err := root.Stat(l.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return refused("the link %q leaves the package", l.name)
		}
	}
	return nil
}

type unpacker struct {
	ctx   context.Context //nolint:containedctx // of one Unpack
	root  *os.Root
	left  int64 // bytes that may still be written
	made  map[string]bool
	links []link
	buf   []byte
}

type link struct{ name, target string }

func (u *unpacker) write(it item) error {
	if u.ctx.Err() != nil {
		return context.Cause(u.ctx)
	}
	if it.mode == fs.ModeDir {
		return u.mkdirs(it.name)
	}
	if err := u.mkdirs(path.Dir(it.name)); err != nil {
		return err
	}
	content, err := it.file.Open()
	if err != nil {
		return readError(err)
	}
	defer func() { _ = content.Close() }()
	if it.mode == fs.ModeSymlink {
		target, err := io.ReadAll(io.LimitReader(content, maxLink+1))
		if err != nil {
			return readError(err)
		}
		u.links = append(u.links, link{it.name, string(target)})
		return nil
	}
	mode := fs.FileMode(0o644)
	if it.file.Mode().Perm()&0o111 != 0 {
		mode = 0o755
	}
	f, err := u.root.OpenFile(it.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	err = errors.Join(u.copy(f, content), f.Chmod(mode)) // Chmod: whatever the umask
	return errors.Join(err, f.Close())
}

// copy writes one file's content and counts it.
func (u *unpacker) copy(w io.Writer, r io.Reader) error {
	for {
		n, err := r.Read(u.buf)
		if u.left -= int64(n); u.left < 0 {
			return &invoke.CodeError{Message: textSize}
		}
		if _, werr := w.Write(u.buf[:n]); werr != nil {
			return werr
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return readError(err)
		case u.ctx.Err() != nil:
			return context.Cause(u.ctx)
		}
	}
}

func (u *unpacker) mkdirs(name string) error {
	if u.made[name] {
		return nil
	}
	if err := u.mkdirs(path.Dir(name)); err != nil {
		return err
	}
	if err := u.root.Mkdir(name, 0o755); err != nil {
		return err
	}
	u.made[name] = true
	return u.root.Chmod(name, 0o755)
}

func (u *unpacker) link(l link) error {
	resolved := path.Join(path.Dir(l.name), l.target)
	if l.target == "" || len(l.target) > maxLink || path.IsAbs(l.target) || !filepath.IsLocal(resolved) {
		return refused("the link %q leaves the package", l.name)
	}
	return u.root.Symlink(l.target, l.name)
}

// readError tells a broken package from a failing disk.
func readError(err error) error {
	var corrupt flate.CorruptInputError
	var internal flate.InternalError
	if errors.Is(err, zip.ErrFormat) || errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrAlgorithm) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.As(err, &corrupt) || errors.As(err, &internal) {
		return unusable()
	}
	return err
}

// SPDX-License-Identifier: Apache-2.0

package code

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gustcloud/gust/internal/invoke"
)

// zipEntry is one entry as it stands in a zip, whatever its name.
type zipEntry struct {
	name    string
	content string
	mode    fs.FileMode // 0 for none: as written on a system without modes
}

func mustZip(tb testing.TB, entries ...zipEntry) []byte {
	tb.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if e.mode != 0 {
			h.SetMode(e.mode)
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			tb.Fatal(err)
		}
		if !strings.HasSuffix(e.name, "/") {
			if _, err := io.WriteString(f, e.content); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

// listed returns what stands in dir: "mode name" and " -> target" or the content.
func listed(tb testing.TB, dir string) []string {
	tb.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%v %s", info.Mode(), path[len(dir)+1:])
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line = path[len(dir)+1:] + " -> " + target
		case !d.IsDir():
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += " " + string(b)
		}
		out = append(out, line)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// zipOfSizes is a zip of files that are that long by the zip's directory: bombs that cost nothing to make.
func zipOfSizes(tb testing.TB, sizes ...uint64) []byte {
	tb.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for i, n := range sizes {
		h := &zip.FileHeader{Name: fmt.Sprint("zeros", i), Method: zip.Deflate, UncompressedSize64: n, CompressedSize64: 2}
		f, err := w.CreateRaw(h)
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := f.Write([]byte{3, 0}); err != nil { // an empty stream
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

// lying returns z with every directory entry's size set to n: what a directory says is not what is written.
func lying(z []byte, n uint32) []byte {
	z = bytes.Clone(z)
	for i := 0; i+46 < len(z); i++ {
		if string(z[i:i+4]) == "PK\x01\x02" {
			z[i+24], z[i+25], z[i+26], z[i+27] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
		}
	}
	return z
}

func TestPackages(t *testing.T) {
	ok := zipEntry{"app.py", "x = 1\n", 0o600}
	deep := strings.Repeat("d/", 70) + "f"
	tests := []struct {
		name   string
		zip    []byte
		check  string // text of the CodeError by the directory alone; "" for none
		unpack string // the same while unpacking; "" for none
		want   []string
	}{
		{
			name: "modes", zip: mustZip(t, ok, zipEntry{"bin/run", "#!", 0o700}, zipEntry{"none", "n", 0}),
			want: []string{"-rw-r--r-- app.py x = 1\n", "drwxr-xr-x bin", "-rwxr-xr-x bin/run #!", "-rw-r--r-- none n"},
		},
		{
			name: "directories", zip: mustZip(t, zipEntry{"a/b/", "", fs.ModeDir | 0o700}, zipEntry{"a/c/d", "1", 0o644}, zipEntry{"./e", "2", 0o644}),
			want: []string{"drwxr-xr-x a", "drwxr-xr-x a/b", "drwxr-xr-x a/c", "-rw-r--r-- a/c/d 1", "-rw-r--r-- e 2"},
		},
		{name: "setuid is dropped", zip: mustZip(t, zipEntry{"s", "", fs.ModeSetuid | 0o755}), want: []string{"-rwxr-xr-x s "}},
		{name: "the last of equal names", zip: mustZip(t, zipEntry{"a", "1", 0o644}, zipEntry{"./a", "2", 0o644}), want: []string{"-rw-r--r-- a 2"}},
		{
			name: "link inside", zip: mustZip(t, zipEntry{"d/l", "../app.py", fs.ModeSymlink | 0o777}, ok),
			want: []string{"-rw-r--r-- app.py x = 1\n", "drwxr-xr-x d", "d/l -> ../app.py"},
		},
		{
			name: "dangling link", zip: mustZip(t, ok, zipEntry{"l", "nothing", fs.ModeSymlink | 0o777}),
			want: []string{"-rw-r--r-- app.py x = 1\n", "l -> nothing"},
		},
		{name: "not a zip", zip: []byte("hello"), check: textUnzip},
		{name: "nothing", zip: nil, check: textUnzip},
		{name: "no entries", zip: mustZip(t), check: textEmpty},
		{name: "cut short", zip: mustZip(t, ok)[:60], check: textUnzip},
		{name: "zip slip", zip: mustZip(t, ok, zipEntry{"a/../../evil", "", 0o644}), check: textUnzip},
		{name: "zip slip with backslashes", zip: mustZip(t, zipEntry{`a\..\..\evil`, "", 0o644}), check: textUnzip},
		{name: "absolute", zip: mustZip(t, zipEntry{"/etc/passwd", "", 0o644}), check: textUnzip},
		{name: "device", zip: mustZip(t, zipEntry{"d", "", fs.ModeDevice | 0o644}), check: textUnzip},
		{name: "named pipe", zip: mustZip(t, zipEntry{"p", "", fs.ModeNamedPipe | 0o644}), check: textUnzip},
		{name: "file and directory", zip: mustZip(t, zipEntry{"a", "", 0o644}, zipEntry{"a/b", "", 0o644}), check: textUnzip},
		{name: "too deep", zip: mustZip(t, zipEntry{deep, "", 0o644}), check: textUnzip},
		{name: "long name", zip: mustZip(t, zipEntry{strings.Repeat("n", 256), "", 0o644}), check: textUnzip},
		{name: "link out", zip: mustZip(t, ok, zipEntry{"l", "../x", fs.ModeSymlink | 0o777}), unpack: textUnzip},
		{name: "absolute link", zip: mustZip(t, ok, zipEntry{"l", "/etc", fs.ModeSymlink | 0o777}), unpack: textUnzip},
		{name: "link out through a link", unpack: textUnzip, zip: mustZip(t, zipEntry{"s/t/x", "", 0o644},
			zipEntry{"s/t/up", "../..", fs.ModeSymlink | 0o777}, zipEntry{"l", "s/t/up/../x", fs.ModeSymlink | 0o777})},
		{
			name: "link that is also a directory", check: textUnzip,
			zip: mustZip(t, zipEntry{"l", ".", fs.ModeSymlink | 0o777}, zipEntry{"l/x", "", 0o644}),
		},
		{name: "bomb", zip: zipOfSizes(t, MaxUnzipped+1), check: textSize},
		{name: "bomb of several files", zip: zipOfSizes(t, MaxUnzipped/2, MaxUnzipped/2, 1), check: textSize},
		{name: "sizes that overflow", zip: zipOfSizes(t, 1, 1<<64-1), check: textSize},
		{name: "bomb that lies", zip: lying(mustZip(t, zipEntry{"zeros", strings.Repeat("\x00", 4<<20), 0}), 10), unpack: textUnzip},
		{name: "wrong size", zip: lying(mustZip(t, ok), 100), unpack: textUnzip},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkText(t, "Check", Check(bytes.NewReader(tt.zip), int64(len(tt.zip))), tt.check)
			dir := t.TempDir()
			want := tt.unpack
			if want == "" {
				want = tt.check // Unpack checks first
			}
			checkText(t, "Unpack", Unpack(t.Context(), bytes.NewReader(tt.zip), int64(len(tt.zip)), dir), want)
			if got := listed(t, dir); want == "" && strings.Join(got, "|") != strings.Join(tt.want, "|") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func checkText(t *testing.T, what string, err error, want string) {
	t.Helper()
	var ce *invoke.CodeError
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v", what, err)
	case want != "" && (!errors.As(err, &ce) || !strings.HasPrefix(ce.Message, want)):
		t.Errorf("%s: %v, want %q", what, err, want)
	}
}

// TestUnpackCounts: what is really written is counted, whatever the directory says.
func TestUnpackCounts(t *testing.T) {
	u := unpacker{ctx: t.Context(), left: 10, buf: make([]byte, 4)}
	if err := u.copy(io.Discard, strings.NewReader("0123456789")); err != nil {
		t.Fatal(err)
	}
	checkText(t, "copy", u.copy(io.Discard, strings.NewReader("x")), textSize)
}

// TestExactLimit: a package of exactly the limit is accepted, whatever it takes to unpack it.
func TestExactLimit(t *testing.T) {
	z := zipOfSizes(t, MaxUnzipped)
	if err := Check(bytes.NewReader(z), int64(len(z))); err != nil {
		t.Fatal(err)
	}
}

func TestManyEntries(t *testing.T) {
	z := zipOfSizes(t, make([]uint64, maxEntries+1)...)
	checkText(t, "Check", Check(bytes.NewReader(z), int64(len(z))), textUnzip)
	var l lister
	l.dirs, l.at = map[string]bool{}, map[string]int{}
	for i := range maxEntries {
		l.addDirs(fmt.Sprint(i))
	}
	if err := l.countCheck(); err != nil {
		t.Fatal(err)
	}
	l.addDirs("one/more") // directories that files imply count too
	checkText(t, "countCheck", l.countCheck(), textUnzip)
}

type failingReader struct{}

func (failingReader) ReadAt([]byte, int64) (int, error) { return 0, errors.New("disk on fire") }

// TestReadErrorIsNotTheCustomersFault: a failing disk is no CodeError.
func TestReadErrorIsNotTheCustomersFault(t *testing.T) {
	err := Check(failingReader{}, 1000)
	var ce *invoke.CodeError
	if err == nil || errors.As(err, &ce) || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("got %v", err)
	}
}

// FuzzUnpack: whatever the bytes, nothing appears outside the directory, what Check refuses is not unpacked, and what
// is unpacked has safe modes.
func FuzzUnpack(f *testing.F) {
	f.Add(mustZip(f, zipEntry{"a/b", "text", 0o755}, zipEntry{"l", "a/b", fs.ModeSymlink | 0o777}))
	f.Add(mustZip(f, zipEntry{"../evil", "x", 0o644}))
	f.Add(mustZip(f, zipEntry{"l", "..", fs.ModeSymlink | 0o777}, zipEntry{"l/evil", "x", 0o644}))
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(t *testing.T, z []byte) {
		outer := t.TempDir()
		dir := filepath.Join(outer, "in")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		check := Check(bytes.NewReader(z), int64(len(z)))
		err := Unpack(t.Context(), bytes.NewReader(z), int64(len(z)), dir)
		if check != nil && err == nil {
			t.Fatalf("Check refuses (%v), Unpack does not", check)
		}
		if entries, rerr := os.ReadDir(outer); rerr != nil || len(entries) != 1 {
			t.Fatalf("outside: %v %v", entries, rerr)
		}
		if err != nil {
			return
		}
		werr := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			if p := info.Mode().Perm(); d.Type()&fs.ModeSymlink == 0 && p != 0o755 && p != 0o644 {
				t.Errorf("%s has mode %v", path, info.Mode())
			}
			return nil
		})
		if werr != nil {
			t.Fatal(werr)
		}
	})
}

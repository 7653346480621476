// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/gustcloud/gust/internal/worker/sandbox"
)

func (s *suite) listeners(t *testing.T) {
	t.Run("asked for", func(t *testing.T) { s.listen(t, nil) })
	t.Run("of the template", func(t *testing.T) {
		s.listen(t, []sandbox.Address{
			{Network: "tcp", Address: "127.0.0.1:9001"},
			{Network: "unix", Address: "@gust-runtime"},
			{Network: "tcp", Address: "127.0.0.1:9002"}, // nobody asks for it
		})
	})
}

func (s *suite) listen(t *testing.T, made []sandbox.Address) {
	t.Helper()
	b := s.prepared(t, sandbox.Template{EphemeralMB: 64, Listeners: made})
	var ls []net.Listener
	for _, tt := range []struct{ network, address string }{{"tcp", "127.0.0.1:9001"}, {"tcp", "127.0.0.1:4566"}, {"unix", "@gust-runtime"}} {
		l, err := b.Listen(t.Context(), tt.network, tt.address)
		if err != nil {
			t.Fatal(err)
		}
		ls = append(ls, l)
	}
	s.mustClaim(t, b, s.claim())
	for _, l := range ls {
		t.Run(l.Addr().Network()+" "+l.Addr().String(), func(t *testing.T) {
			p := start(t, b, "dial", l.Addr().Network(), l.Addr().String())
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Write([]byte("hello from outside")); err != nil {
				t.Error(err)
			}
			_ = c.Close()
			if got := p.line(t); got != "ok hello from outside" {
				t.Errorf("got %q", got)
			}
		})
	}
	t.Run("they close with the sandbox", func(t *testing.T) {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		for _, l := range ls {
			if c, err := l.Accept(); err == nil {
				_ = c.Close()
				t.Errorf("%s still accepts", l.Addr())
			}
		}
	})
}

func (s *suite) claims(t *testing.T) {
	runtime, opt := MustDir(t, "file", "runtime"), MustDir(t, "file", "layer")
	b := s.parked(t)
	c := s.claim()
	c.Runtime, c.Opt = runtime, opt
	s.mustClaim(t, b, c)
	for _, tt := range []struct{ name, path, want string }{
		{"runtime", b.Paths().Runtime + "/file", "ok runtime"},
		{"layers", b.Paths().Opt + "/file", "ok layer"},
		{"code", b.Paths().Task + "/not-executable", "ok nothing that runs"},
	} {
		t.Run(tt.name+" is seen", func(t *testing.T) {
			if got := says(t, b, "read", tt.path); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
		if !s.features.ReadOnly {
			continue
		}
		t.Run(tt.name+" cannot be changed", func(t *testing.T) {
			if got := says(t, b, "append", tt.path, "x"); got != "EROFS" && got != "EACCES" {
				t.Errorf("got %q", got)
			}
			if got := says(t, b, "write", tt.path+".new", "x"); got != "EROFS" {
				t.Errorf("a new file beside it: got %q, want EROFS", got)
			}
		})
	}
}

func (s *suite) tmp(t *testing.T) {
	t.Run("it is empty and writable", func(t *testing.T) {
		a, b := s.claimed(t), s.claimed(t)
		file := func(b sandbox.Sandbox) string { return b.Paths().Tmp + "/file" }
		if got := says(t, a, "write", file(a), "of a"); got != "ok" {
			t.Errorf("write: got %q", got)
		}
		if got := says(t, a, "read", file(a)); got != "ok of a" {
			t.Errorf("read: got %q", got)
		}
		if got := says(t, b, "read", file(b)); got != "ENOENT" {
			t.Errorf("in another sandbox: got %q, want ENOENT", got)
		}
	})
	t.Run("programs run from it", func(t *testing.T) {
		b := s.claimed(t)
		c := sandbox.Command{Path: b.Paths().Tmp + "/x", Args: []string{"x"}, Dir: b.Paths().Tmp}
		if got := says(t, b, "write", c.Path, "x"); got != "ok" {
			t.Fatalf("write: got %q", got)
		}
		if _, err := b.Start(t.Context(), c); err == nil {
			t.Error("a file of mode 0600 ran")
		}
	})
	if !s.features.TakeTmp {
		return
	}
	t.Run("it outlives its sandbox", func(t *testing.T) {
		a, b := s.claimed(t), s.parked(t) // side by side: b has other users than a
		if got := says(t, a, "write", a.Paths().Tmp+"/file", "kept"); got != "ok" {
			t.Fatalf("write: got %q", got)
		}
		taken := a.TakeTmp()
		if taken == nil {
			t.Fatal("TakeTmp returned nil")
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		c := s.claim()
		c.Tmp = taken
		s.mustClaim(t, b, c)
		if got := says(t, b, "read", b.Paths().Tmp+"/file"); got != "ok kept" {
			t.Errorf("read: got %q", got)
		}
		if got := says(t, b, "append", b.Paths().Tmp+"/file", " and changed"); got != "ok" {
			t.Errorf("the file belongs to the function no more: got %q", got)
		}
		if got := says(t, b, "read", b.Paths().Tmp+"/file"); got != "ok kept and changed" {
			t.Errorf("read again: got %q", got)
		}
	})
	t.Run("a kept one can be discarded", func(t *testing.T) {
		a := s.claimed(t)
		taken := a.TakeTmp()
		if taken == nil {
			t.Fatal("TakeTmp returned nil")
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := taken.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func (s *suite) closing(t *testing.T) {
	t.Run("every process ends", func(t *testing.T) {
		b := s.claimed(t)
		a, c := start(t, b, "wait"), start(t, b, "tick")
		a.line(t)
		c.line(t)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		for _, p := range []*program{a, c} {
			if got := p.exit(t); got.Signal != syscall.SIGKILL || got.Code != -1 || got.OOM {
				t.Errorf("got %+v", got)
			}
		}
	})
	t.Run("it may be repeated", func(t *testing.T) {
		b := s.claimed(t)
		for range 3 {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("a closed sandbox refuses all", func(t *testing.T) {
		b := s.claimed(t)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Start(t.Context(), sandbox.Command{Path: b.Paths().Task + "/payload"}); err == nil {
			t.Error("Start worked")
		}
		if err := b.Claim(t.Context(), s.claim()); err == nil {
			t.Error("Claim worked")
		}
		if l, err := b.Listen(t.Context(), "tcp", "127.0.0.1:9001"); err == nil {
			_ = l.Close()
			t.Error("Listen worked")
		}
	})
}

// MustDir makes a directory, readable by all, with one file.
func MustDir(t *testing.T, name, text string) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/gustcloud/gust/internal/worker/sandbox"
)

// Keys in Set.locks beside the names of runtimes. A runtime's lock is taken before one of these.
const (
	hostLock   = "\x00host"
	customLock = "\x00custom"
)

// tools are the programs that every sandbox has, as far as the host has them: what AWS's images give to shell
// bootstraps and to functions that start a shell. Nothing else of the host's programs is shown.
var tools = []string{
	"sh", "bash", "env", "which", "grep", "sed", "awk", "find", "xargs", "tar", "gzip", "curl",
	"basename", "cat", "chmod", "chown", "comm", "cp", "cut", "date", "dd", "df", "dirname", "du", "echo", "expr", "false",
	"fold", "head", "id", "join", "ln", "ls", "md5sum", "mkdir", "mkfifo", "mktemp", "mv", "nproc", "od", "paste", "printf",
	"pwd", "readlink", "realpath", "rm", "rmdir", "seq", "sha1sum", "sha256sum", "sleep", "sort", "split", "stat", "stdbuf",
	"stty", "tail", "tee", "test", "[", "timeout", "touch", "tr", "true", "tty", "uname", "uniq", "wc", "whoami", "yes",
	"base64",
}

// toolDirs are where the host keeps them.
var toolDirs = []string{"/usr/bin", "/bin", "/usr/local/bin"}

// bundles are the certificate bundles of distributions; the first that exists is shown.
var bundles = []string{
	"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
}

// hostTree is what all packs show of the host beside their interpreter.
type hostTree struct {
	dir     string   // bin, ssl, locale, empty
	tools   []string // files of the host, for their libraries
	zones   string   // directory of time zones, "" when the host has none
	isReady bool
}

// hostTree builds the shared tree once.
func (s *Set) hostTree(ctx context.Context) (hostTree, error) {
	unlock, err := s.lock(ctx, hostLock)
	if err != nil {
		return hostTree{}, err
	}
	defer unlock()
	if s.host.isReady {
		return s.host, nil
	}
	t := newTree("host")
	h := hostTree{}
	for _, name := range tools {
		if file := findTool(name); file != "" {
			t.files["bin/"+name] = file
			h.tools = append(h.tools, file)
		}
	}
	for _, b := range bundles {
		if _, err := os.Stat(b); err == nil {
			for _, name := range []string{"cert.pem", "certs/ca-certificates.crt", "certs/ca-bundle.crt"} {
				t.files["ssl/"+name] = b
			}
			break
		}
	}
	t.data["ssl/openssl.cnf"] = []byte("# The defaults of OpenSSL.\n")
	addLocales(t)
	t.dirs = []string{"bin", "empty", "locale"}
	if h.dir, err = s.build(t); err != nil {
		return hostTree{}, fmt.Errorf("host tree: %w", err)
	}
	if info, err := os.Stat("/usr/share/zoneinfo"); err == nil && info.IsDir() {
		h.zones = "/usr/share/zoneinfo"
	}
	h.isReady = true
	s.host = h
	return h, nil
}

// findTool returns the program's file, no symlink, or "".
func findTool(name string) string {
	for _, d := range toolDirs {
		if path, err := filepath.EvalSymlinks(filepath.Join(d, name)); err == nil && isELF(path) {
			return path
		}
	}
	return ""
}

// addLocales copies C.UTF-8 and en_US.UTF-8, which Lambda's LANG names. Where the host has no en_US, C.UTF-8 stands in
// under its name: the character set is what programs need of it.
func addLocales(t *tree) {
	dirs := map[string]string{}
	for _, name := range []string{"C.utf8", "C.UTF-8", "en_US.utf8", "en_US.UTF-8"} {
		if info, err := os.Stat(filepath.Join("/usr/lib/locale", name)); err == nil && info.IsDir() {
			dirs[name] = filepath.Join("/usr/lib/locale", name)
		}
	}
	c := dirs["C.utf8"]
	if c == "" {
		c = dirs["C.UTF-8"]
	}
	us := dirs["en_US.utf8"]
	if us == "" {
		us = dirs["en_US.UTF-8"]
	}
	if us == "" {
		us = c
	}
	for name, dir := range map[string]string{"C.utf8": c, "en_US.utf8": us} {
		if dir == "" {
			continue
		}
		// An unreadable locale is left out: programs fall back to C.
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				t.files["locale/"+name+path[len(dir):]] = path
			}
			return err
		})
	}
}

// binds shows the shared tree. ssl are further directories where a TLS library looks for certificates.
func (h hostTree) binds(ssl ...string) []sandbox.Bind {
	in := func(name string) string { return filepath.Join(h.dir, name) }
	b := []sandbox.Bind{
		{Source: in("bin"), Target: "/bin"},
		{Source: in("bin"), Target: "/usr/bin"},
		{Source: in("ssl"), Target: "/etc/ssl"},
		{Source: in("ssl"), Target: "/etc/pki/tls"},
		{Source: in("locale"), Target: "/usr/lib/locale"},
	}
	for _, d := range ssl {
		if d != "/etc/ssl" && d != "/etc/pki/tls" {
			b = append(b, sandbox.Bind{Source: in("ssl"), Target: d})
		}
	}
	if h.zones != "" {
		b = append(b, sandbox.Bind{Source: h.zones, Target: h.zones})
	}
	return b
}

var opensslDir = regexp.MustCompile(`OPENSSLDIR: "(/[^"\x00]+)"`)

// certificateDirs asks libcrypto where it looks for certificates: a directory compiled into it.
func certificateDirs(l *libraries) []string {
	for name, file := range l.found {
		if len(name) < 9 || name[:9] != "libcrypto" {
			continue
		}
		content, err := os.ReadFile(file) //nolint:gosec // a library of the host
		if err != nil {
			continue
		}
		if i := bytes.Index(content, []byte(`OPENSSLDIR: "`)); i >= 0 {
			if m := opensslDir.FindSubmatch(content[i:min(len(content), i+4096)]); m != nil {
				return []string{filepath.Clean(string(m[1]))}
			}
		}
	}
	return nil
}

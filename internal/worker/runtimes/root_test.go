// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gustcloud/gust/internal/base/hosttest"
)

// TestPackRunsInItsOwnRoot shows a pack's binds in an empty root, as a sandbox does, and runs programs there: what is
// not in the pack is not there, so a missing library or directory fails.
func TestPackRunsInItsOwnRoot(t *testing.T) {
	hosttest.Root(t)
	unshare, chroot := hosttest.Tool(t, "unshare"), hosttest.Tool(t, "chroot")
	python := `import sys, os, ssl, sqlite3, ctypes, lzma, bz2, zlib, asyncio, decimal, hashlib, uuid, zoneinfo, locale, multiprocessing
assert sys.prefix == "/var/lang", sys.prefix
assert not [p for p in sys.path if "packages" in p or p and not p.startswith("/var/lang/lib")], sys.path
assert sorted(os.listdir("/")) == ["bin", "etc", "lib", "lib64", "usr", "var"], os.listdir("/")
for d in ("site-packages", "dist-packages"):
    path = os.path.dirname(os.__file__) + "/" + d
    assert not os.path.exists(path) or os.listdir(path) == [], path
assert len(ssl.create_default_context().get_ca_certs()) > 50, "certificates"
zoneinfo.ZoneInfo("Europe/Berlin")
locale.setlocale(locale.LC_ALL, "en_US.UTF-8")
assert sys.stdout.encoding == "utf-8"
assert os.popen("echo $((1+1)) | cat").read() == "2\n"
print("fine", sys.version.split()[0])`
	node := `const c = require('crypto'); require('https'); require('zlib'); new Intl.DateTimeFormat('de');
require('child_process').execSync('ls /bin/sh');
import('node:fs').then(() => console.log('fine', process.versions.node, process.execPath))`
	shell := `set -e; cd /usr/bin; for t in bash cat curl grep sed awk date mktemp; do test -x $t; done
curl --version | head -1; sed --version | head -1; awk 'BEGIN {print "fine"}'; test ! -e /usr/bin/apt; test ! -e /home; test ! -e /root`

	set := hostSet(t)
	ran := 0
	for _, sp := range order {
		pack, err := set.Pack(t.Context(), sp.name)
		if err != nil {
			t.Log(err)
			continue
		}
		ran++
		t.Run(sp.name, func(t *testing.T) {
			args := []string{"/bin/sh", "-c", shell}
			switch sp.family {
			case familyPython:
				args = []string{pack.inside, "-S", "-c", python}
			case familyNode:
				args = []string{pack.inside, "-e", node}
			default:
			}
			root := t.TempDir()
			cmd := exec.CommandContext(t.Context(), unshare, "-m", "sh", "-c", mountScript(t, pack, root)+` exec "$@"`, "sh", chroot, root)
			cmd.Args = append(cmd.Args, args...)
			cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=en_US.UTF-8", "TZ=:UTC"}
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "fine") {
				t.Fatalf("%v\n%s\nmissing libraries: %v", err, out, pack.Missing)
			}
			t.Logf("%d binds, missing %v: %s", len(pack.Template.Binds), pack.Missing, out)
		})
	}
	if ran < 3 {
		t.Errorf("only %d packs: the custom ones need nothing of the host", ran)
	}
}

// mountScript mounts the binds in their order. Nothing outlives the mount namespace.
func mountScript(t *testing.T, p *Pack, root string) string {
	t.Helper()
	plain := regexp.MustCompile(`^[\w./+-]+$`)
	script := "set -e; mount --make-rprivate /; mount -t tmpfs none " + root + ";"
	for _, b := range p.Template.Binds {
		if !plain.MatchString(b.Source) || !filepath.IsAbs(b.Target) || filepath.Clean(b.Target) != b.Target {
			t.Fatalf("bind %+v", b)
		}
		info, err := os.Stat(b.Source)
		if err != nil {
			t.Fatal(err)
		}
		target := root + b.Target
		if info.IsDir() {
			script += fmt.Sprintf("[ -d %[2]s ] || mkdir -p %[2]s; mount --bind -o ro %[1]s %[2]s;", b.Source, target)
		} else {
			script += fmt.Sprintf("mkdir -p %s; : > %s; mount --bind -o ro %s %s;", filepath.Dir(target), target, b.Source, target)
		}
	}
	return script
}

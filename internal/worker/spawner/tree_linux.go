// SPDX-License-Identifier: Apache-2.0

package spawner

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/gustcloud/gust/internal/worker/sandbox"
)

// trees keeps one template tree for each template: what every sandbox of it has as its root, made once and shared
// read-only. They are mounts of the spawner's own mount namespace and vanish with it.
type trees struct {
	dir string

	mu   sync.Mutex // held while a tree is built
	made map[string]string
}

// Of the function's processes, as seen from inside; AWS's numbers.
const (
	functionUID = 993
	functionGID = 990
)

var treeDirs = []string{
	"dev", "etc", "opt", "proc", "tmp", "usr", "var", "var/lang", "var/runtime", "var/task",
}

var treeDevices = []string{"null", "zero", "full", "random", "urandom", "tty"}

var treeLinks = map[string]string{
	"dev/fd": "/proc/self/fd", "dev/stdin": "/proc/self/fd/0", "dev/stdout": "/proc/self/fd/1", "dev/stderr": "/proc/self/fd/2",
	"etc/mtab": "/proc/self/mounts",
}

var treeFiles = map[string]string{ //nolint:gosec // no passwords
	"etc/passwd":        "root:x:0:0:root:/root:/sbin/nologin\nsbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n",
	"etc/group":         "root:x:0:\nsbx_user1051:x:990:\n",
	"etc/hosts":         "127.0.0.1 localhost localhost.localdomain aws.gust.internal\n",
	"etc/resolv.conf":   "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
	"etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}

// ownMounts cuts the propagation of mounts from this process's namespace (the server cloned it) to the host's.
func ownMounts() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("leave the host's mounts alone: %w", err)
	}
	return nil
}

func newTrees(dir string) (*trees, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of trees: %w", err)
	}
	return &trees{dir: dir, made: map[string]string{}}, nil
}

// of returns the tree of a template, which is made at its first use.
func (t *trees) of(tpl sandbox.Template) (string, error) {
	key, err := json.Marshal(struct {
		Name  string
		Binds []sandbox.Bind
	}{tpl.Name, tpl.Binds})
	if err != nil {
		return "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if dir, ok := t.made[string(key)]; ok {
		return dir, nil
	}
	dir := filepath.Join(t.dir, strconv.Itoa(len(t.made)))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	if err := buildTree(dir, tpl.Binds); err != nil {
		_ = unix.Unmount(dir, unix.MNT_DETACH)
		return "", fmt.Errorf("build the tree of template %q: %w", tpl.Name, err)
	}
	t.made[string(key)] = dir
	return dir, nil
}

func buildTree(dir string, binds []sandbox.Bind) error {
	if err := unix.Mount("gust", dir, "tmpfs", unix.MS_NOSUID, "mode=755,size=1m"); err != nil {
		return err
	}
	for _, d := range treeDirs {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil { //nolint:gosec // read by the functions
			return err
		}
	}
	for name, text := range treeFiles {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil { //nolint:gosec // read by the functions
			return err
		}
	}
	for name, to := range treeLinks {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for _, name := range treeDevices {
		if err := bind(root, "/dev/"+name, "dev/"+name, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC); err != nil {
			return err
		}
	}
	for _, b := range binds {
		const flags = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
		if err := bind(root, b.Source, b.Target[1:], flags); err != nil {
			return fmt.Errorf("show %s at %s: %w", b.Source, b.Target, err)
		}
	}
	return unix.MountSetattr(unix.AT_FDCWD, dir, unix.AT_RECURSIVE,
		&unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID})
}

// bind shows source, with what is mounted below it, at target of a tree. The target is resolved inside the tree, so no
// link of an earlier bind leads out of it.
func bind(root *os.Root, source, target string, flags uint64) error {
	st, err := os.Stat(source)
	if err != nil {
		return err
	}
	if st.IsDir() {
		err = root.MkdirAll(target, 0o755)
	} else {
		err = touch(root, target)
	}
	if err != nil {
		return err
	}
	mount, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return fmt.Errorf("open_tree: %w", err)
	}
	defer func() { _ = unix.Close(mount) }()
	if err := unix.MountSetattr(mount, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &unix.MountAttr{
		Attr_set: flags, Propagation: unix.MS_PRIVATE,
	}); err != nil {
		return fmt.Errorf("mount_setattr: %w", err)
	}
	rootFD, err := unix.Open(root.Name(), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(rootFD) }()
	at, err := unix.Openat2(rootFD, target, &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return fmt.Errorf("open the target: %w", err)
	}
	defer func() { _ = unix.Close(at) }()
	if err := unix.MoveMount(mount, "", at, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH); err != nil {
		return fmt.Errorf("move_mount: %w", err)
	}
	return nil
}

// touch makes an empty file to mount on, unless something is there.
func touch(root *os.Root, target string) error {
	if _, err := root.Stat(target); err == nil {
		return nil
	}
	if err := root.MkdirAll(path.Dir(target), 0o755); err != nil {
		return err
	}
	f, err := root.OpenFile(target, os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

// SPDX-License-Identifier: Apache-2.0

package spawner

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/gustcloud/gust/internal/worker/sandbox"
	"github.com/gustcloud/gust/internal/worker/spawner/cgroup"
	"github.com/gustcloud/gust/internal/worker/spawner/packet"
)

// initThreads is what PID 1 needs of the limit on processes and threads beside the function.
const initThreads = 10

// claim gives the sandbox its limits and answers the mounts that PID 1 attaches.
func (s *service) claim(ctx context.Context, b *box, c claimRequest) (a answer, files []*os.File, err error) {
	if b.claimed {
		return answer{}, nil, errors.New("the sandbox is claimed")
	}
	b.claimed = true
	defer func() {
		if err != nil {
			packet.CloseAll(files)
		}
	}()
	users, err := b.users()
	if err != nil {
		return answer{}, nil, err
	}
	defer func() { _ = users.Close() }()
	for _, m := range []sandbox.Bind{
		{Source: c.Code, Target: "/var/task"}, {Source: c.Runtime, Target: "/var/runtime"}, {Source: c.Opt, Target: "/opt"},
	} {
		if m.Source == "" {
			continue
		}
		f, err := readOnlyMount(m.Source, users)
		if err != nil {
			return answer{}, files, fmt.Errorf("show %s at %s: %w", m.Source, m.Target, err)
		}
		files, a.Targets = append(files, f), append(a.Targets, m.Target)
	}
	had := b.tmp != nil
	changed, err := s.chooseTmp(ctx, b, c)
	if err != nil {
		return answer{}, files, err
	}
	if changed {
		f, err := b.tmpMount()
		if err != nil {
			return answer{}, files, err
		}
		if had {
			a.Replace = 1 << len(files)
		}
		files, a.Targets = append(files, f), append(a.Targets, "/tmp")
	}
	return a, files, b.limit(c)
}

func (b *box) limit(c claimRequest) error {
	l := cgroup.Limits{MemoryBytes: int64(c.MemoryMB) << 20, CPUCores: c.CPU}
	if c.PIDs > 0 {
		l.PIDs = c.PIDs + initThreads
	}
	if err := b.group.SetLimits(l); err != nil {
		return fmt.Errorf("limit the control group: %w", err)
	}
	return nil
}

// chooseTmp gives the sandbox the /tmp of a claim and tells whether it is another one than before.
func (s *service) chooseTmp(ctx context.Context, b *box, c claimRequest) (bool, error) {
	if c.Tmp == "" && (c.EphemeralMB == b.tmpSpec || c.EphemeralMB == 0) {
		return false, nil
	}
	old := b.tmp
	if c.Tmp != "" {
		s.mu.Lock()
		kept, ok := s.kept[c.Tmp]
		delete(s.kept, c.Tmp)
		s.mu.Unlock()
		if !ok {
			return false, fmt.Errorf("no /tmp of %s is kept", c.Tmp)
		}
		b.tmp = kept
	} else {
		image, err := s.newTmp(ctx, c.EphemeralMB)
		if err != nil {
			return false, err
		}
		b.tmp = image
	}
	b.tmpSpec = c.EphemeralMB
	if old != nil {
		return true, old.Close()
	}
	return true, nil
}

func (s *service) takeTmp(b *box) error {
	if b.tmp == nil {
		return errors.New("the sandbox has no /tmp")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[b.id] = b.tmp
	b.tmp = nil
	return nil
}

func (s *service) dropTmp(id string) error {
	s.mu.Lock()
	image, ok := s.kept[id]
	delete(s.kept, id)
	s.mu.Unlock()
	if !ok {
		return nil // a claim took it
	}
	return image.Close()
}

// users opens the sandbox's user namespace.
func (b *box) users() (*os.File, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/ns/user", b.pid))
	if err != nil {
		return nil, fmt.Errorf("open the sandbox's user namespace: %w", err)
	}
	return f, nil
}

// readOnlyMount returns a detached mount of a directory. Its owners appear inside with their own numbers where the file
// system can do that, else as nobody.
func readOnlyMount(source string, users *os.File) (*os.File, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open_tree: %w", err)
	}
	f := os.NewFile(uintptr(fd), source)
	attr := unix.MountAttr{
		Attr_set:    unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV,
		Propagation: unix.MS_PRIVATE,
	}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &attr); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("mount_setattr: %w", err)
	}
	_ = mapOwners(f, users)
	return f, nil
}

// tmpMount returns a detached mount of the sandbox's /tmp. Owners are stored as they are seen inside, so that the files
// belong to the function again when another sandbox, with other host ids, takes them over.
func (b *box) tmpMount() (*os.File, error) {
	f, err := b.tmp.Mount()
	if err != nil {
		return nil, fmt.Errorf("mount /tmp: %w", err)
	}
	users, err := b.users()
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	defer func() { _ = users.Close() }()
	_ = mapOwners(f, users) // without it /tmp is still writable: its mode is 1777
	return f, nil
}

func mapOwners(mount, users *os.File) error {
	return unix.MountSetattr(int(mount.Fd()), "", unix.AT_EMPTY_PATH, &unix.MountAttr{
		Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(users.Fd()),
	})
}

// limits tells what the host enforces.
func (s *service) limits() sandbox.Limits {
	l := sandbox.Limits{
		Isolation: true, Memory: s.groups.Memory.OK(), CPU: s.groups.CPU.OK(), PIDs: s.groups.PIDs.OK(),
		Freeze: s.groups.Freezer.OK(), TmpKind: string(s.tmps.Kind()), TmpQuota: s.tmps.Kind() != "dir",
	}
	for _, f := range []struct {
		ok   bool
		name string
	}{{l.Memory, "memory"}, {l.CPU, "CPU"}, {l.PIDs, "process"}, {l.Freeze, "freezing"}} {
		if !f.ok {
			l.Missing = append(l.Missing, f.name+" limit: this host gives no such control group; mount cgroup2 or delegate it")
		}
	}
	if reason := s.tmps.Reason(); reason != "" {
		l.Missing = append(l.Missing, "/tmp is "+l.TmpKind+": "+reason)
	}
	return l
}

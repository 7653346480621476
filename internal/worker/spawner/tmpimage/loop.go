// SPDX-License-Identifier: Apache-2.0

//go:build linux

package tmpimage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

const loopMajor = 7 // Documentation/admin-guide/devices.txt

// attachLoop binds a file to a free loop device and returns the open device. The binding ends by itself when the
// device is closed and no mount uses it.
func (m *Maker) attachLoop(backing *os.File) (*os.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.attachLoopLocked(backing)
}

func (m *Maker) attachLoopLocked(backing *os.File) (*os.File, error) {
	ctl, err := os.OpenFile(filepath.Join(m.dev, "loop-control"), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = ctl.Close() }() // no data
	const tries = 32                   // other programs of the host take free devices too
	for range tries {
		n, err := unix.IoctlRetInt(int(ctl.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("get a free one: %w", err)
		}
		dev, err := m.openLoop(n)
		if err != nil {
			return nil, err
		}
		err = configureLoop(dev, backing)
		if err == nil {
			return dev, nil
		}
		if err = errors.Join(err, dev.Close()); !errors.Is(err, unix.EBUSY) {
			return nil, fmt.Errorf("configure %s: %w", dev.Name(), err)
		}
	}
	return nil, fmt.Errorf("after %d tries: %w", tries, unix.EBUSY)
}

// openLoop opens device n. Where /dev is not kept up to date by the kernel (containers) it makes a node of its own.
func (m *Maker) openLoop(n int) (*os.File, error) {
	name := "loop" + strconv.Itoa(n)
	f, err := os.OpenFile(filepath.Join(m.dev, name), os.O_RDWR, 0) //nolint:gosec // a device
	if !errors.Is(err, os.ErrNotExist) {
		return f, err
	}
	own := filepath.Join(m.dir, "dev")
	if err := os.Mkdir(own, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	node := filepath.Join(own, name)
	dev := int(unix.Mkdev(loopMajor, uint32(n)))
	if err := unix.Mknod(node, unix.S_IFBLK|0o600, dev); err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, &os.PathError{Op: "mknod", Path: node, Err: err}
	}
	return os.OpenFile(node, os.O_RDWR, 0) //nolint:gosec // in our own directory
}

// configureLoop asks for direct input/output, so that pages are cached once (in the image's file system, charged to
// the function) and not again for the backing file; a backing file system that cannot is served without.
func configureLoop(dev, backing *os.File) error {
	c := unix.LoopConfig{Fd: uint32(backing.Fd()), Size: blockSize}
	copy(c.Info.File_name[:], "gust-tmp")
	c.Info.Flags = unix.LO_FLAGS_AUTOCLEAR | unix.LO_FLAGS_DIRECT_IO
	err := unix.IoctlLoopConfigure(int(dev.Fd()), &c)
	if errors.Is(err, unix.EINVAL) {
		c.Info.Flags = unix.LO_FLAGS_AUTOCLEAR
		err = unix.IoctlLoopConfigure(int(dev.Fd()), &c)
	}
	return err
}

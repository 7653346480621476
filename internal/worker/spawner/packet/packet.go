// SPDX-License-Identifier: Apache-2.0

//go:build linux

package packet

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// maxFiles bounds the descriptors of one packet.
const maxFiles = 8

// ErrTruncated is returned for a packet that is longer than the buffer or carries too many descriptors.
var ErrTruncated = errors.New("packet is too long or carries too many descriptors")

// Conn is one end. Send is safe for concurrent use; Receive is for one goroutine.
type Conn struct{ c *net.UnixConn }

// Pair returns two connected ends, close-on-exec.
func Pair() (a, b *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a socket pair: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "socket"), os.NewFile(uintptr(fds[1]), "socket"), nil
}

// New takes f over: it is closed in any case.
func New(f *os.File) (*Conn, error) {
	defer func() { _ = f.Close() }()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("use a socket: %w", err)
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		_ = c.Close()
		return nil, fmt.Errorf("use a socket: %s is not a unix socket", c.LocalAddr().Network())
	}
	return &Conn{u}, nil
}

// Send sends one packet; the caller keeps its files.
func (c *Conn) Send(p []byte, files ...*os.File) error {
	var oob []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		oob = unix.UnixRights(fds...)
	}
	n, _, err := c.c.WriteMsgUnix(p, oob, nil)
	if err == nil && n != len(p) {
		err = ErrTruncated
	}
	return err
}

// Receive blocks for the next packet; the caller closes the files. io.EOF: the other end has gone.
func (c *Conn) Receive(buf []byte) (int, []*os.File, error) {
	oob := make([]byte, unix.CmsgSpace(4*maxFiles))
	n, oobn, flags, _, err := c.c.ReadMsgUnix(buf, oob)
	if errors.Is(err, io.EOF) {
		return 0, nil, io.EOF
	}
	if err != nil {
		return 0, nil, err
	}
	files, err := parse(oob[:oobn])
	if err == nil && flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
		err = ErrTruncated
	}
	if err != nil {
		CloseAll(files)
		return 0, nil, err
	}
	return n, files, nil
}

func parse(oob []byte) ([]*os.File, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("parse control messages: %w", err)
	}
	var files []*os.File
	for i := range msgs {
		fds, err := unix.ParseUnixRights(&msgs[i])
		if err != nil {
			return files, fmt.Errorf("parse descriptors: %w", err)
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	return files, nil
}

// SetDeadline bounds Receive and Send; the zero time lifts it.
func (c *Conn) SetDeadline(t time.Time) error { return c.c.SetDeadline(t) }

// File returns a duplicate for passing on.
func (c *Conn) File() (*os.File, error) { return c.c.File() }

// Close ends a blocked Receive.
func (c *Conn) Close() error { return c.c.Close() }

// CloseAll closes received files that nobody wants.
func CloseAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

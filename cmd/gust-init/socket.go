// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/gustcloud/gust/internal/worker/spawner/initproto"
)

// errClosed means that the other side closed the socket.
var errClosed = errors.New("socket closed")

// receive blocks for the next packet. The caller closes the descriptors.
func receive() (initproto.Message, []int, error) {
	buf := make([]byte, initproto.MaxMessage)
	oob := make([]byte, unix.CmsgSpace(4*initproto.MaxFiles))
	for {
		n, oobn, flags, _, err := unix.Recvmsg(socketFD, buf, oob, unix.MSG_CMSG_CLOEXEC)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, nil, err
		case n == 0:
			return nil, nil, errClosed
		case flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0:
			return nil, nil, initproto.ErrMalformed
		}
		fds, err := descriptors(oob[:oobn])
		if err != nil {
			return nil, nil, err
		}
		m, err := initproto.Decode(buf[:n])
		return m, fds, err
	}
}

func descriptors(oob []byte) ([]int, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(msgs) != 1 {
		return nil, initproto.ErrMalformed
	}
	return unix.ParseUnixRights(&msgs[0])
}

func sendPacket(m initproto.Message) error {
	p := initproto.Encode(m)
	for {
		err := unix.Sendmsg(socketFD, p, nil, nil, unix.MSG_NOSIGNAL)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

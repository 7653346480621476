// SPDX-License-Identifier: Apache-2.0

package spawner

import (
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gustcloud/gust/internal/worker/sandbox"
	"github.com/gustcloud/gust/internal/worker/spawner/packet"
)

// nsThread is one operating system thread that lives as long as the process. It enters network namespaces, and every
// sandbox is cloned from it: the parent death signal of a child fires when its parent *thread* ends.
type nsThread struct {
	jobs chan func()
	home *os.File // the host's network namespace
}

func newNSThread() (*nsThread, error) {
	home, err := os.Open("/proc/self/ns/net")
	if err != nil {
		return nil, fmt.Errorf("open the host's network namespace: %w", err)
	}
	t := &nsThread{jobs: make(chan func()), home: home}
	go func() {
		runtime.LockOSThread() // for ever: the channel is never closed
		for job := range t.jobs {
			job()
		}
	}()
	return t, nil
}

// inNew runs fn in a new network namespace with a loopback interface that is up.
func (t *nsThread) inNew(fn func() error) error {
	return t.in(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make a network namespace: %w", err)
		}
		if err := loopbackUp(); err != nil {
			return fmt.Errorf("bring the loopback interface up: %w", err)
		}
		return fn()
	})
}

// inNetOf runs fn in the network namespace of a process.
func (t *nsThread) inNetOf(pid int, fn func() error) error {
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return fmt.Errorf("open the sandbox's network namespace: %w", err)
	}
	defer func() { _ = ns.Close() }()
	return t.in(func() error {
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter the sandbox's network namespace: %w", err)
		}
		return fn()
	})
}

// in runs fn on the thread and brings it back to the host's network namespace.
func (t *nsThread) in(fn func() error) error {
	done := make(chan error)
	t.jobs <- func() {
		err := fn()
		if herr := unix.Setns(int(t.home.Fd()), unix.CLONE_NEWNET); herr != nil {
			// Going on would put other sandboxes into this one's network.
			fmt.Fprintln(os.Stderr, "spawner: leave a network namespace:", herr)
			os.Exit(1) //nolint:forbidigo // ends every sandbox by their parent death signal
		}
		done <- err
	}
	return <-done
}

func loopbackUp() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(s) }()
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, ifr)
}

// listen makes a listening socket in the sandbox's network namespace.
func (s *service) listen(b *box, network, addr string) (*os.File, error) {
	a, err := parseAddress(network, addr)
	if err != nil {
		return nil, err
	}
	var f *os.File
	err = s.ns.inNetOf(b.pid, func() error {
		f, err = a.listen()
		return err
	})
	return f, err
}

// listenAll makes the listeners of a template, in their order. It runs in the sandbox's network namespace.
func listenAll(list []sandbox.Address) (files []*os.File, err error) {
	defer func() {
		if err != nil {
			packet.CloseAll(files)
		}
	}()
	for _, l := range list {
		a, err := parseAddress(l.Network, l.Address)
		if err != nil {
			return files, err
		}
		f, err := a.listen()
		if err != nil {
			return files, fmt.Errorf("listen on %s: %w", l.Address, err)
		}
		files = append(files, f)
	}
	return files, nil
}

func (a address) listen() (*os.File, error) {
	// Package syscall, as x/sys refuses a name that fills sun_path, which Node.js 20 needs.
	family, to := unix.AF_UNIX, syscall.Sockaddr(&syscall.SockaddrUnix{Name: "@" + a.abstract})
	if a.tcp.IsValid() {
		family, to = unix.AF_INET, &syscall.SockaddrInet4{Port: int(a.tcp.Port()), Addr: a.tcp.Addr().As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket: %w", err)
	}
	f := os.NewFile(uintptr(fd), "listener")
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err == nil {
		if err = syscall.Bind(fd, to); err == nil {
			err = unix.Listen(fd, 128)
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("listen: %w", err)
	}
	return f, nil
}

// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command payload is what the driver suite runs inside sandboxes. Each attempt prints one line: "ok" with a value, or
// the name of the errno that refused it.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

var commands = map[string]func(args []string) (string, error){
	"args":   func(args []string) (string, error) { return strings.Join(args, "|"), nil },
	"env":    func([]string) (string, error) { return strings.Join(os.Environ(), "|"), nil },
	"cwd":    func([]string) (string, error) { return os.Getwd() },
	"pid":    func([]string) (string, error) { return strconv.Itoa(os.Getpid()), nil },
	"exit":   func(args []string) (string, error) { os.Exit(number(args[0])); return "", nil },
	"stderr": func(args []string) (string, error) { fmt.Fprintln(os.Stderr, args[0]); return "", nil },
	"wait":   wait,
	"orphan": orphan,
	"tick":   tick,
	"dial":   dial,
	"read":   read,
	"write":  func(args []string) (string, error) { return "", os.WriteFile(args[0], []byte(args[1]), 0o600) },
	"append": appendTo,
	"fill":   fill,
	"alloc":  alloc,
	"spin":   spin,
	"forks":  forks,
	"bomb":   bomb,
	"files":  files,
	"kill": func(args []string) (string, error) {
		return "", unix.Kill(number(args[0]), syscall.Signal(number(args[1])))
	},
	"watches": func(args []string) (string, error) {
		return many(args, func() error { _, err := unix.InotifyInit1(0); return err })
	},
	"timers": func(args []string) (string, error) {
		return many(args, func() error {
			var id int32
			_, _, errno := syscall.RawSyscall(syscall.SYS_TIMER_CREATE, 1, 0, reflect.ValueOf(&id).Pointer())
			if errno != 0 {
				return errno
			}
			return nil
		})
	},
	"mount":  mount,
	"ptrace": ptrace,
	"userns": userns,
	"mountns": func([]string) (string, error) {
		return onThread(func() error { return unix.Unshare(unix.CLONE_NEWNS) })
	},
	"setuid": func([]string) (string, error) { return "", syscall.Setuid(0) },
	"mknod": func(args []string) (string, error) {
		return "", unix.Mknod(args[0], unix.S_IFBLK|0o600, int(unix.Mkdev(7, 0)))
	},
	"chroot": func(args []string) (string, error) { return onThread(func() error { return unix.Chroot(args[0]) }) },
	"fds":    fds,
	"blocking": func([]string) (string, error) {
		flags, err := unix.FcntlInt(1, unix.F_GETFL, 0)
		return strconv.FormatBool(flags&unix.O_NONBLOCK == 0), err
	},
}

func main() {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Println("unknown command")
		os.Exit(2)
	}
	value, err := commands[os.Args[1]](os.Args[2:])
	if err == nil {
		fmt.Println(strings.TrimSpace("ok " + value))
		return
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		fmt.Println(unix.ErrnoName(errno))
		return
	}
	fmt.Println("error", err)
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

// wait tells that it runs and ends by a signal; SIGTERM makes it say so.
func wait([]string) (string, error) {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	fmt.Println("waiting", os.Getpid())
	<-term
	return "terminated", nil
}

// orphan leaves a child behind that ends at once: PID 1 must reap it.
func orphan([]string) (string, error) {
	p, err := os.StartProcess("/proc/self/exe", []string{"payload", "args", "left behind"}, &os.ProcAttr{})
	if err != nil {
		return "", err
	}
	return strconv.Itoa(p.Pid), p.Release()
}

func tick([]string) (string, error) {
	for n := 0; ; n++ {
		if _, err := fmt.Println(n); err != nil {
			return "", err
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func dial(args []string) (string, error) {
	c, err := net.DialTimeout(args[0], args[1], 5*time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	p, err := io.ReadAll(c)
	return string(p), err
}

func read(args []string) (string, error) {
	f, err := os.Open(args[0])
	if err != nil {
		return "", err
	}
	defer f.Close()
	p := make([]byte, 4096)
	n, err := f.Read(p)
	if err == io.EOF {
		err = nil
	}
	return string(p[:n]), err
}

func appendTo(args []string) (string, error) {
	f, err := os.OpenFile(args[0], os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(args[1])
	return "", errors.Join(err, f.Close())
}

// fill writes a file until the disk is full and says how many KiB fitted.
func fill(args []string) (string, error) {
	f, err := os.Create(args[0])
	if err != nil {
		return "", err
	}
	defer f.Close()
	block := make([]byte, 64<<10)
	for total := 0; ; {
		n, err := f.Write(block)
		total += n
		if errors.Is(err, syscall.ENOSPC) {
			return strconv.Itoa(total >> 10), nil
		}
		if err != nil || total > 8<<30 {
			return "", err
		}
	}
}

// alloc touches so many MiB and holds them until it is told to end.
func alloc(args []string) (string, error) {
	p, err := unix.Mmap(-1, 0, number(args[0])<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return "", err
	}
	for i := 0; i < len(p); i += 4096 {
		p[i] = 1
	}
	return wait(nil)
}

// spin burns so many milliseconds of wall time on each CPU and says the CPU time in milliseconds.
func spin(args []string) (string, error) {
	until := time.Now().Add(time.Duration(number(args[0])) * time.Millisecond)
	done := make(chan bool)
	for range runtime.NumCPU() {
		go func() {
			for time.Now().Before(until) {
			}
			done <- true
		}()
	}
	for range runtime.NumCPU() {
		<-done
	}
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return "", err
	}
	return strconv.FormatInt((u.Utime.Nano()+u.Stime.Nano())/1e6, 10), nil
}

// forks makes processes of one thread until it is refused, and says how many came first.
func forks(args []string) (string, error) {
	runtime.LockOSThread()
	var children []int
	defer func() { // they hold the standard output open
		for _, pid := range children {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}()
	for n := range number(args[0]) {
		pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
		if errno != 0 {
			fmt.Println(n)
			return "", errno
		}
		if pid == 0 {
			for {
				syscall.RawSyscall6(syscall.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
			}
		}
		children = append(children, int(pid))
	}
	return args[0], nil
}

// bomb forks processes that fork, for ever.
func bomb([]string) (string, error) {
	fmt.Println("started")
	for {
		syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	}
}

// userns clones a child in a user namespace of its own: unshare refuses a process with threads.
func userns([]string) (string, error) {
	pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD)|unix.CLONE_NEWUSER, 0, 0, 0, 0, 0)
	if errno != 0 {
		return "", errno
	}
	if pid == 0 {
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
	}
	_, err := unix.Wait4(int(pid), nil, 0, nil)
	return "", err
}

// files opens the null device until it is refused and says how many came first.
func files(args []string) (string, error) {
	for n := range number(args[0]) {
		if _, err := syscall.Open(os.DevNull, syscall.O_RDONLY, 0); err != nil {
			fmt.Println(n)
			return "", err
		}
	}
	return args[0], nil
}

// many makes so many of a thing until it is refused and says how many came first. With a second argument it then holds
// them; without, it fails when it was refused.
func many(args []string, one func() error) (string, error) {
	for n := range number(args[0]) {
		err := one()
		if err == nil {
			continue
		}
		if len(args) == 1 {
			os.Exit(1)
		}
		var errno syscall.Errno
		errors.As(err, &errno)
		fmt.Printf("%d\n%s\n", n, unix.ErrnoName(errno))
		return wait(nil)
	}
	return args[0], nil
}

func mount(args []string) (string, error) {
	if err := unix.Mount("tmpfs", args[0], "tmpfs", 0, ""); err != nil {
		return "", err
	}
	return "", unix.Unmount(args[0], 0)
}

func ptrace(args []string) (string, error) {
	return onThread(func() error {
		pid := number(args[0])
		if err := unix.PtraceSeize(pid); err != nil {
			return err
		}
		return nil
	})
}

// onThread runs what changes its thread on one that ends with it.
func onThread(fn func() error) (string, error) {
	err := make(chan error)
	go func() {
		runtime.LockOSThread()
		err <- fn()
	}()
	return "", <-err
}

// ofRuntime tells whether a descriptor is the Go runtime's own: its poller and what it watches of its control group.
func ofRuntime(to string) bool {
	return strings.HasPrefix(to, "anon_inode:[event") || strings.HasPrefix(to, "/sys/fs/cgroup/")
}

// fds lists what this process was given beside 0, 1 and 2.
func fds([]string) (string, error) {
	var names []string
	for fd := 3; fd < 1024; fd++ {
		if to, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd)); err == nil && !ofRuntime(to) {
			names = append(names, to)
		}
	}
	return strings.Join(names, "|"), nil
}

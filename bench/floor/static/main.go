// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command static is the floor of a compiled function: one raw socket, system calls only. It is also a custom runtime
// that Lambda accepts as `bootstrap`, so the floor and the function under test are the same file.
package main

import (
	"bytes"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	address, _ := syscall.Getenv("AWS_LAMBDA_RUNTIME_API")
	host, port, ok := strings.Cut(address, ":")
	n, err := strconv.Atoi(port)
	if !ok || err != nil {
		syscall.Exit(2)
	}
	var ip [4]byte
	for i, part := range strings.SplitN(host, ".", 4) {
		b, err := strconv.Atoi(part)
		if err != nil {
			syscall.Exit(2)
		}
		ip[i] = byte(b) //nolint:gosec // a part of an address that is connected to, or not
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil || syscall.Connect(fd, &syscall.SockaddrInet4{Port: n, Addr: ip}) != nil ||
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1) != nil {
		syscall.Exit(3)
	}
	for buf := make([]byte, 64<<10); ; {
		write(fd, []byte("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: a\r\n\r\n"))
		head, event := read(fd, buf)
		id := header(head, "lambda-runtime-aws-request-id:")
		write(fd, append([]byte("POST /2018-06-01/runtime/invocation/"+id+"/response HTTP/1.1\r\nHost: a\r\nContent-Length: "+
			strconv.Itoa(len(event))+"\r\n\r\n"), event...))
		read(fd, buf)
	}
}

func write(fd int, p []byte) {
	for len(p) > 0 {
		n, err := syscall.Write(fd, p)
		if err != nil && err != syscall.EINTR {
			syscall.Exit(4)
		}
		p = p[max(n, 0):]
	}
}

// read returns one answer; its parts are valid until the next read.
func read(fd int, buf []byte) (head, body []byte) {
	size, have := 0, 0
	for {
		if have == len(buf) {
			syscall.Exit(5)
		}
		n, err := syscall.Read(fd, buf[have:])
		if err == syscall.EINTR { //nolint:errorlint // an errno
			continue
		}
		if err != nil || n == 0 {
			syscall.Exit(0) // the Runtime API has gone
		}
		have += n
		end := bytes.Index(buf[:have], []byte("\r\n\r\n"))
		if end < 0 {
			continue
		}
		if size, err = strconv.Atoi(header(buf[:end], "content-length:")); err != nil {
			syscall.Exit(5)
		}
		if have >= end+4+size {
			return buf[:end], buf[end+4 : end+4+size]
		}
	}
}

func header(head []byte, name string) string {
	_, after, _ := bytes.Cut(bytes.ToLower(head), []byte(name))
	value, _, _ := bytes.Cut(after, []byte("\r\n"))
	return string(bytes.TrimSpace(value))
}

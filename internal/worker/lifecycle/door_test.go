// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"errors"
	"net"
	"testing"
)

func TestDoorBoundsConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := newDoor(l)
	accepted := make(chan net.Conn)
	ended := make(chan error, 1)
	go func() {
		for {
			c, err := d.Accept()
			if err != nil {
				ended <- err
				return
			}
			accepted <- c
		}
	}()
	for range doorConns + 10 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	var held []net.Conn
	for range doorConns {
		held = append(held, <-accepted)
	}
	select {
	case <-accepted:
		t.Fatalf("more than %d connections", doorConns)
	case d.places <- struct{}{}:
		t.Fatal("a place is free")
	default:
	}
	for range 2 { // twice closed is one place
		_ = held[0].Close()
	}
	held[0] = <-accepted
	if n := len(d.places); n != doorConns {
		t.Errorf("%d places are taken", n)
	}
	_ = d.Close() // ends an Accept that waits for a place
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	for _, c := range held {
		_ = c.Close()
	}
}

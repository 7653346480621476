// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"net"
	"sync"
)

// doorConns bounds the connections of one sandbox to the AWS API: each costs the server a descriptor, and a function may
// hold many thousands. SDKs keep 10 to 50. What is over it waits in the listener's queue, in the sandbox's own memory.
const doorConns = 128

// door is the listener of the AWS API inside a sandbox, with at most doorConns connections at a time.
type door struct {
	net.Listener
	places chan struct{} // one token for each connection
	closed chan struct{}
	once   sync.Once
}

func newDoor(l net.Listener) *door {
	return &door{Listener: l, places: make(chan struct{}, doorConns), closed: make(chan struct{})}
}

// Accept waits for a connection and for its place.
func (d *door) Accept() (net.Conn, error) {
	select {
	case d.places <- struct{}{}:
	case <-d.closed:
		return nil, net.ErrClosed
	}
	c, err := d.Listener.Accept()
	if err != nil {
		<-d.places
		return nil, err
	}
	return &doorConn{Conn: c, door: d}, nil
}

// Close ends an Accept that waits for a place too.
func (d *door) Close() error {
	d.once.Do(func() { close(d.closed) })
	return d.Listener.Close()
}

type doorConn struct {
	net.Conn
	door *door
	once sync.Once
}

// Close gives the place back.
func (c *doorConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { <-c.door.places })
	return err
}

// SPDX-License-Identifier: Apache-2.0

package spawner

import (
	"fmt"
	"net/netip"
	"strings"
)

// address is where a listener stands inside a sandbox: exactly one of the fields is set.
type address struct {
	tcp      netip.AddrPort // of 127.0.0.0/8
	abstract string         // name of an abstract unix socket, without "@"
}

func parseAddress(network, addr string) (address, error) {
	switch network {
	case "tcp":
		ap, err := netip.ParseAddrPort(addr)
		if err != nil || !ap.Addr().Is4() || !ap.Addr().IsLoopback() || ap.Port() == 0 {
			return address{}, fmt.Errorf("tcp address %q: want 127.0.0.1 and a port", addr)
		}
		return address{tcp: ap}, nil
	case "unix":
		name, ok := strings.CutPrefix(addr, "@")
		if !ok || name == "" || len(name) > 107 || strings.ContainsRune(name, 0) {
			return address{}, fmt.Errorf("unix address %q: want an abstract name, @name", addr)
		}
		return address{abstract: name}, nil
	default:
		return address{}, fmt.Errorf("network %q: want tcp or unix", network)
	}
}

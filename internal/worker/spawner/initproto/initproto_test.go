// SPDX-License-Identifier: Apache-2.0

package initproto

import (
	"bytes"
	"reflect"
	"testing"
)

var samples = []struct {
	name string
	m    Message
}{
	{"setup", Setup{Hostname: "h", ProcMasks: []string{"/proc/kcore"}, ProcRO: []string{"/proc/sys"}, UID: 993, GID: 990, TmpAttached: true}},
	{"claim", Claim{Seq: 7, Targets: []string{"/var/task", "/tmp"}, Replace: 2, Files: 1024}},
	{"start", Start{Seq: 8, Path: "/var/task/bootstrap", Dir: "/var/task", Args: []string{"bootstrap"}, Env: []string{"A=", "B=2"}}},
	{"start without lists", Start{Seq: 1, Path: "/x"}},
	{"signal", Signal{PID: 3, Signal: 9}},
	{"reply", Reply{Seq: 8, PID: 3, Errno: 2, Step: "exec"}},
	{"exit", Exit{PID: 3, Code: 1, Signal: 0}},
	{"join", Bare{Kind: KindJoin}},
	{"ready", Bare{Kind: KindReady}},
}

func TestDecodeReturnsWhatWasEncoded(t *testing.T) {
	for _, tt := range samples {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Decode(Encode(tt.m))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.m) {
				t.Errorf("got %#v, want %#v", got, tt.m)
			}
		})
	}
}

func TestDecodeRefusesEveryCutAndExtension(t *testing.T) {
	for _, tt := range samples {
		p := Encode(tt.m)
		for n := range len(p) {
			if m, err := Decode(p[:n]); err == nil {
				t.Errorf("%s: first %d of %d bytes decoded as %#v", tt.name, n, len(p), m)
			}
		}
		if m, err := Decode(append(bytes.Clone(p), 0)); err == nil {
			t.Errorf("%s: one byte too many decoded as %#v", tt.name, m)
		}
	}
}

// FuzzDecode checks that no packet crashes the decoder and that what it accepts has exactly one encoding.
func FuzzDecode(f *testing.F) {
	for _, tt := range samples {
		f.Add(Encode(tt.m))
	}
	f.Add([]byte{byte(KindStart), 0, 0, 0, 0, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, p []byte) {
		m, err := Decode(p)
		if err != nil {
			return
		}
		if again := Encode(m); !bytes.Equal(again, p) {
			t.Errorf("%x decoded to %#v, which encodes to %x", p, m, again)
		}
	})
}

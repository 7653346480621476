// SPDX-License-Identifier: Apache-2.0

package spawner

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/gustcloud/gust/internal/worker/sandbox"
)

const id = "0123456789abcdef"

var goodRequests = []struct {
	name string
	r    request
}{
	{"hello", request{Seq: 1, Op: opHello}},
	{"prepare", request{Seq: 2, Op: opPrepare, ID: id, Template: &sandbox.Template{
		Name: "python3.11", EphemeralMB: 512, Binds: []sandbox.Bind{{Source: "/usr/lib", Target: "/usr/lib"}},
	}}},
	{"prepare with listeners", request{Seq: 2, Op: opPrepare, ID: id, Template: &sandbox.Template{
		Listeners: []sandbox.Address{{Network: "tcp", Address: "127.0.0.1:9001"}, {Network: "unix", Address: "@name"}},
	}}},
	{"prepare an empty template", request{Seq: 2, Op: opPrepare, ID: id, Template: &sandbox.Template{}}},
	{"listen on tcp", request{Seq: 3, Op: opListen, ID: id, Network: "tcp", Address: "127.0.0.1:9001"}},
	{"listen on an abstract socket", request{Seq: 3, Op: opListen, ID: id, Network: "unix", Address: "@runtime"}},
	{"claim", request{Seq: 4, Op: opClaim, ID: id, Claim: &claimRequest{
		Code: "/var/lib/gust/code/x", Runtime: "/r", Opt: "/o", MemoryMB: 128, EphemeralMB: 512, CPU: 0.07, PIDs: 1024, Tmp: id,
	}}},
	{"take tmp", request{Seq: 8, Op: opTakeTmp, ID: id}},
	{"drop tmp", request{Seq: 9, Op: opDropTmp, ID: id}},
	{"close", request{Seq: 10, Op: opClose, ID: id}},
}

func TestDecodeRequestReturnsWhatWasSent(t *testing.T) {
	for _, tt := range goodRequests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := json.Marshal(tt.r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := decodeRequest(p)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.r) {
				t.Errorf("got %+v, want %+v", got, tt.r)
			}
		})
	}
}

func TestDecodeRequestRefuses(t *testing.T) {
	for _, tt := range []struct{ name, p string }{
		{"nothing", ``},
		{"no object", `[]`},
		{"an unknown field", `{"seq":1,"op":"hello","shell":"rm"}`},
		{"two objects", `{"seq":1,"op":"hello"}{"seq":2,"op":"hello"}`},
		{"an unknown request", `{"seq":1,"op":"exec","id":"` + id + `"}`},
		{"no request", `{"seq":1,"id":"` + id + `"}`},
		{"hello to a sandbox", `{"seq":1,"op":"hello","id":"` + id + `"}`},
		{"an id that is a path", `{"seq":1,"op":"close","id":"../../../../etc/x"}`},
		{"an id in capitals", `{"seq":1,"op":"close","id":"0123456789ABCDEF"}`},
		{"no id", `{"seq":1,"op":"close"}`},
		{"prepare without a template", `{"seq":1,"op":"prepare","id":"` + id + `"}`},
		{"a template for another request", `{"seq":1,"op":"close","id":"` + id + `","template":{"Name":""}}`},
		{"a claim for another request", `{"seq":1,"op":"stats","id":"` + id + `","claim":{"code":"/x","memoryMB":1,"ephemeralMB":1,"cpu":1,"pids":1}}`},
		{"an address for another request", `{"seq":1,"op":"stats","id":"` + id + `","address":"@x"}`},
		{"a relative source", prepareJSON("usr", "/usr")},
		{"a target with dots", prepareJSON("/usr", "/usr/../etc")},
		{"a target over the root", prepareJSON("/usr", "/")},
		{"a target in /proc", prepareJSON("/usr", "/proc/sys")},
		{"a target in /dev", prepareJSON("/usr", "/dev/sda")},
		{"a target at /tmp", prepareJSON("/usr", "/tmp")},
		{"a target with a zero byte", prepareJSON("/usr", `/usr\u0000x`)},
		{"relative code", claimJSON(`"code":"x"`)},
		{"code with a slash too many", claimJSON(`"code":"/x/"`)},
		{"no code", claimJSON(`"memoryMB":1`)},
		{"a relative layer", claimJSON(`"code":"/x","opt":"y"`)},
		{"negative memory", claimJSON(`"code":"/x","memoryMB":-1`)},
		{"too much memory", claimJSON(`"code":"/x","memoryMB":1048577`)},
		{"a negative share", claimJSON(`"code":"/x","cpu":-0.1`)},
		{"too many processes", claimJSON(`"code":"/x","pids":4194305`)},
		{"a tmp that is no id", claimJSON(`"code":"/x","tmp":"/tmp"`)},
		{"a listener on all addresses", listenJSON("tcp", "0.0.0.0:9001")},
		{"a listener on a name", listenJSON("tcp", "localhost:9001")},
		{"a listener on any port", listenJSON("tcp", "127.0.0.1:0")},
		{"a listener on a path", listenJSON("unix", "/run/x")},
		{"a listener without a name", listenJSON("unix", "@")},
		{"a listener with a long name", listenJSON("unix", "@"+strings.Repeat("x", 108))},
		{"a listener on udp", listenJSON("udp", "127.0.0.1:53")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if r, err := decodeRequest([]byte(tt.p)); !errors.Is(err, errRequest) {
				t.Errorf("got %+v, %v, want errRequest", r, err)
			}
		})
	}
}

func prepareJSON(source, target string) string {
	return `{"seq":1,"op":"prepare","id":"` + id + `","template":{"Binds":[{"Source":"` + source + `","Target":"` + target + `"}]}}`
}

func claimJSON(fields string) string {
	return `{"seq":1,"op":"claim","id":"` + id + `","claim":{` + fields + `}}`
}

func listenJSON(network, address string) string {
	return `{"seq":1,"op":"listen","id":"` + id + `","network":"` + network + `","address":"` + address + `"}`
}

// FuzzRequest checks that no packet crashes the decoder, that what it accepts is what its validation promises, and that
// it survives another round.
func FuzzRequest(f *testing.F) {
	for _, tt := range goodRequests {
		p, err := json.Marshal(tt.r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p)
	}
	f.Add([]byte(prepareJSON("/usr", "/proc/x")))
	f.Add([]byte(claimJSON(`"code":"/x","cpu":1e400`)))
	f.Fuzz(func(t *testing.T, p []byte) {
		r, err := decodeRequest(p)
		if err != nil {
			return
		}
		if r.Op != opHello && !validID(r.ID) {
			t.Errorf("accepted the id %q", r.ID)
		}
		if r.Op == opClaim && !cleanPath(r.Claim.Code) {
			t.Errorf("accepted the code %q", r.Claim.Code)
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if r2, err := decodeRequest(again); err != nil || !sameRequest(r, r2) {
			t.Errorf("%s decoded to %+v, then to %+v, %v", p, r, r2, err)
		}
	})
}

// sameRequest compares what is on the wire: an empty list and none are one.
func sameRequest(a, b request) bool {
	p, _ := json.Marshal(a)
	q, _ := json.Marshal(b)
	return string(p) == string(q)
}

// SPDX-License-Identifier: Apache-2.0

package spawner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/gustcloud/gust/internal/worker/sandbox"
	"github.com/gustcloud/gust/internal/worker/spawner/cgroup"
)

// maxPacket bounds a request or an answer in bytes: a template with many binds.
const maxPacket = 128 << 10

// op names a request.
type op string

// The requests. Each but hello and dropTmp names a sandbox.
const (
	opHello   op = "hello"   // answers the host's limits
	opPrepare op = "prepare" // answers the socket of PID 1, the control files of freezer and CPU quota if there are any, the listeners
	opListen  op = "listen"  // answers a listening socket
	opClaim   op = "claim"   // answers the detached mounts for PID 1
	opTakeTmp op = "takeTmp" // the /tmp of the sandbox outlives it under the sandbox's id
	opDropTmp op = "dropTmp"
	opClose   op = "close"
)

// request is one packet from the server. Fields that an op does not use must be absent.
type request struct {
	Seq      uint64            `json:"seq"`
	Op       op                `json:"op"`
	ID       string            `json:"id,omitempty"` // 16 hexadecimal digits
	Template *sandbox.Template `json:"template,omitempty"`
	Network  string            `json:"network,omitempty"` // "tcp" or "unix"
	Address  string            `json:"address,omitempty"`
	Claim    *claimRequest     `json:"claim,omitempty"`
}

// claimRequest is sandbox.Claim on the wire; CPU and Files have their units.
type claimRequest struct {
	Code        string  `json:"code"`
	Runtime     string  `json:"runtime,omitempty"`
	Opt         string  `json:"opt,omitempty"`
	MemoryMB    int     `json:"memoryMB"`
	EphemeralMB int     `json:"ephemeralMB"`
	CPU         float64 `json:"cpu"`
	PIDs        int     `json:"pids"`
	Tmp         string  `json:"tmp,omitempty"` // id given to takeTmp
}

// answer is one packet to the server; descriptors travel beside it.
type answer struct {
	Seq     uint64          `json:"seq"`
	Error   string          `json:"error,omitempty"`
	Errno   int             `json:"errno,omitempty"` // beside Error, when the kernel gave one
	Limits  *sandbox.Limits `json:"limits,omitempty"`
	Targets []string        `json:"targets,omitempty"` // one for each descriptor of a claim
	Replace uint32          `json:"replace,omitempty"` // bit i: detach what is at Targets[i] first
	Freezer *freezer        `json:"freezer,omitempty"` // of a prepare, when the host has one
	Quota   int             `json:"quota,omitempty"`   // of a prepare: version of the CPU quota's control file, which comes next
	Threads int             `json:"threads,omitempty"` // of a prepare: those of PID 1, which are not the function's

	Listeners int              `json:"listeners,omitempty"` // of a prepare: how many of the descriptors, the last ones
	Counters  *cgroup.Counters `json:"counters,omitempty"`  // of a prepare
}

// freezer says how to use a control file that travels beside it.
type freezer struct {
	Freeze string `json:"freeze"` // what to write to ask for it
	Thaw   string `json:"thaw"`
	State  string `json:"state"`  // file that tells the state
	Frozen string `json:"frozen"` // what it contains when every process has stopped
}

// maxMB bounds every size in a request: 1 TiB.
const maxMB = 1 << 20

var errRequest = errors.New("malformed spawner request")

// decodeRequest reads one packet strictly: one JSON object, known fields, only those of its op, in their ranges.
func decodeRequest(p []byte) (request, error) {
	var r request
	d := json.NewDecoder(bytes.NewReader(p))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return request{}, fmt.Errorf("%w: %w", errRequest, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return request{}, fmt.Errorf("%w: bytes after its end", errRequest)
	}
	if err := r.validate(); err != nil {
		return request{}, fmt.Errorf("%w: %s: %w", errRequest, r.Op, err)
	}
	return r, nil
}

func (r request) validate() error {
	if r.Op == opHello {
		if r.ID != "" {
			return errors.New("a sandbox is named")
		}
	} else if !validID(r.ID) {
		return fmt.Errorf("id %q", r.ID)
	}
	if (r.Template != nil) != (r.Op == opPrepare) || (r.Claim != nil) != (r.Op == opClaim) ||
		(r.Network != "" || r.Address != "") != (r.Op == opListen) {
		return errors.New("fields of another request")
	}
	switch r.Op {
	case opPrepare:
		return validTemplate(*r.Template)
	case opClaim:
		return r.Claim.validate()
	case opListen:
		_, err := parseAddress(r.Network, r.Address)
		return err
	case opHello, opTakeTmp, opDropTmp, opClose:
		return nil
	default:
		return errors.New("unknown request")
	}
}

func (c claimRequest) validate() error {
	if !cleanPath(c.Code) {
		return fmt.Errorf("code %q is not a clean absolute path", c.Code)
	}
	for _, p := range []string{c.Runtime, c.Opt} {
		if p != "" && !cleanPath(p) {
			return fmt.Errorf("%q is not a clean absolute path", p)
		}
	}
	if c.MemoryMB < 0 || c.MemoryMB > maxMB || c.EphemeralMB < 0 || c.EphemeralMB > maxMB {
		return errors.New("size out of range")
	}
	if !(c.CPU >= 0 && c.CPU <= 4096) || c.PIDs < 0 || c.PIDs > 1<<22 {
		return errors.New("limit out of range")
	}
	if c.Tmp != "" && !validID(c.Tmp) {
		return fmt.Errorf("tmp %q", c.Tmp)
	}
	return nil
}

func validTemplate(t sandbox.Template) error {
	if t.EphemeralMB < 0 || t.EphemeralMB > maxMB {
		return errors.New("size out of range")
	}
	for _, b := range t.Binds {
		if !cleanPath(b.Source) || !cleanPath(b.Target) {
			return fmt.Errorf("bind %q at %q: not clean absolute paths", b.Source, b.Target)
		}
		if reserved(b.Target) {
			return fmt.Errorf("bind at %q: the sandbox's own place", b.Target)
		}
	}
	if len(t.Listeners) > sandbox.MaxListeners {
		return fmt.Errorf("%d listeners", len(t.Listeners))
	}
	for _, l := range t.Listeners {
		if _, err := parseAddress(l.Network, l.Address); err != nil {
			return err
		}
	}
	return nil
}

// reserved tells whether a template must not show something of the host at target.
func reserved(target string) bool {
	for _, own := range []string{"/proc", "/tmp", "/dev"} {
		if target == own || strings.HasPrefix(target, own+"/") {
			return true
		}
	}
	return target == "/"
}

func cleanPath(p string) bool {
	return strings.HasPrefix(p, "/") && path.Clean(p) == p && !strings.ContainsRune(p, 0)
}

func validID(id string) bool {
	if len(id) != 16 {
		return false
	}
	for _, c := range id {
		if !strings.ContainsRune("0123456789abcdef", c) {
			return false
		}
	}
	return true
}

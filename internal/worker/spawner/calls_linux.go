// SPDX-License-Identifier: Apache-2.0

package spawner

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/gustcloud/gust/internal/worker/sandbox"
	"github.com/gustcloud/gust/internal/worker/spawner/cgroup"
	"github.com/gustcloud/gust/internal/worker/spawner/packet"
)

// Prepared is what the server holds of a parked sandbox.
type Prepared struct {
	Init    *packet.Conn  // its PID 1; closing it ends the sandbox too
	Freezer *Freezer      // nil when the host has none
	Quota   *cgroup.Quota // of CPU time; nil when the host has none
	Meter   *cgroup.Meter
	Threads int // of PID 1, which the meter counts too
	// Listeners are those of the template, in its order.
	Listeners []*os.File
}

// Mounts are what a claim attaches: one detached mount for each target.
type Mounts struct {
	Files   []*os.File // the caller closes them
	Targets []string
	Replace uint32 // bit i: detach what is at Targets[i] first
}

// Hello waits until the spawner is ready and returns what the host enforces.
func (c *Client) Hello(ctx context.Context) (sandbox.Limits, error) {
	a, files, err := c.call(ctx, request{Op: opHello})
	if err != nil {
		return sandbox.Limits{}, err
	}
	packet.CloseAll(files)
	if a.Limits == nil {
		return sandbox.Limits{}, errors.New("the spawner answered no limits")
	}
	return *a.Limits, nil
}

// Prepare makes a parked sandbox.
func (c *Client) Prepare(ctx context.Context, id string, t sandbox.Template) (Prepared, error) {
	a, files, err := c.call(ctx, request{Op: opPrepare, ID: id, Template: &t})
	if err != nil {
		return Prepared{}, err
	}
	want := 1
	if a.Freezer != nil {
		want++
	}
	if a.Quota != 0 {
		want++
	}
	if len(files) != want+a.Listeners || a.Listeners != len(t.Listeners) || a.Counters == nil {
		packet.CloseAll(files)
		return Prepared{}, fmt.Errorf("the spawner answered %d descriptors to prepare, want %d", len(files), want+len(t.Listeners))
	}
	p := Prepared{Meter: cgroup.NewMeter(*a.Counters), Threads: a.Threads, Listeners: files[want:]}
	if p.Init, err = packet.New(files[0]); err != nil {
		packet.CloseAll(files[1:])
		return Prepared{}, err
	}
	if a.Freezer != nil {
		p.Freezer = &Freezer{file: files[1], freezer: *a.Freezer}
	}
	if a.Quota != 0 {
		p.Quota = cgroup.NewQuota(files[want-1], a.Quota)
	}
	return p, nil
}

// Listen makes a listening socket in the sandbox's network namespace.
func (c *Client) Listen(ctx context.Context, id, network, address string) (*os.File, error) {
	_, files, err := c.call(ctx, request{Op: opListen, ID: id, Network: network, Address: address})
	if err != nil {
		return nil, err
	}
	if len(files) != 1 {
		packet.CloseAll(files)
		return nil, fmt.Errorf("the spawner answered %d descriptors to listen", len(files))
	}
	return files[0], nil
}

// Claim limits the sandbox and returns the mounts that its PID 1 attaches. tmp is "" or the id of a sandbox whose /tmp
// was taken.
func (c *Client) Claim(ctx context.Context, id string, cl sandbox.Claim, tmp string) (Mounts, error) {
	a, files, err := c.call(ctx, request{Op: opClaim, ID: id, Claim: &claimRequest{
		Code: cl.Code, Runtime: cl.Runtime, Opt: cl.Opt, MemoryMB: cl.MemoryMB, EphemeralMB: cl.EphemeralMB,
		CPU: cl.CPU, PIDs: cl.PIDs, Tmp: tmp,
	}})
	if err != nil {
		return Mounts{}, err
	}
	if len(files) != len(a.Targets) {
		packet.CloseAll(files)
		return Mounts{}, fmt.Errorf("the spawner answered %d descriptors for %d mounts", len(files), len(a.Targets))
	}
	return Mounts{Files: files, Targets: a.Targets, Replace: a.Replace}, nil
}

// The calls below wait as long as it takes: their work is short and must not be left half done.

// TakeTmp makes the sandbox's /tmp outlive it, for a Claim or DropTmp with its id.
func (c *Client) TakeTmp(id string) error { return c.simple(opTakeTmp, id) }

// DropTmp discards a /tmp that was taken; nothing happens when a claim took it over.
func (c *Client) DropTmp(id string) error { return c.simple(opDropTmp, id) }

// CloseSandbox ends a sandbox and returns when nothing of it is left.
func (c *Client) CloseSandbox(id string) error { return c.simple(opClose, id) }

func (c *Client) simple(o op, id string) error {
	_, files, err := c.exchange(request{Op: o, ID: id}, nil, nil)
	packet.CloseAll(files)
	return err
}

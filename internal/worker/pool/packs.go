// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"strings"

	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/worker/lifecycle"
	"github.com/gustcloud/gust/internal/worker/runtimes"
	"github.com/gustcloud/gust/internal/worker/sandbox"
)

// Packs returns the Runtimes of a set of packs. isolated is the driver's Limits.Isolation.
func Packs(set *runtimes.Set, isolated bool) Runtimes { return packs{set: set, isolated: isolated} }

type packs struct {
	set      *runtimes.Set
	isolated bool
}

// Launch implements Runtimes.
func (p packs) Launch(ctx context.Context, v *invoke.Version) (lifecycle.Launch, error) {
	pack, err := p.set.Pack(ctx, v.Runtime)
	if err != nil {
		return lifecycle.Launch{}, err
	}
	l := lifecycle.Launch{
		Template: pack.Template, RuntimeDir: pack.RuntimeDir, Version: versionText(v.Runtime, pack.Version),
		Command: func(s lifecycle.Start) (sandbox.Command, error) { return p.command(pack, v, s) },
	}
	l.Template.EphemeralMB = parkedEphemeralMB
	return l, nil
}

// parkedEphemeralMB is the size of /tmp that sandboxes are parked with: Lambda's default.
const parkedEphemeralMB = 512

func (p packs) command(pack *runtimes.Pack, v *invoke.Version, s lifecycle.Start) (sandbox.Command, error) {
	env := runtimes.Environ(runtimes.Variables{
		Version: v, LogStream: s.LogStream, RuntimeAPI: s.RuntimeAPI, Socket: s.Socket, Endpoint: s.Endpoint,
		InitType: s.InitType, Paths: s.Paths,
		Credentials: runtimes.Credentials{
			AccessKeyID: s.Credentials.AccessKeyID, SecretAccessKey: s.Credentials.SecretAccessKey,
			SessionToken: s.Credentials.SessionToken,
		},
	})
	if s.Paths.Tmp != "/tmp" { // a driver without its own root
		env = append(env, "TMPDIR="+s.Paths.Tmp)
	}
	cmd, err := pack.Command(runtimes.Start{Isolated: p.isolated, Paths: s.Paths, Code: s.Code, Handler: v.Handler, Env: env})
	var missing *runtimes.EntrypointError
	if errors.As(err, &missing) {
		return cmd, &lifecycle.EntrypointError{Message: missing.Message}
	}
	return cmd, err
}

// versionText is how INIT_START names a runtime: "python:3.11.7", "nodejs:20.11.1"; custom ones have their name only.
func versionText(runtime, version string) string {
	if version == "" {
		return runtime
	}
	return strings.TrimRight(strings.TrimSuffix(runtime, ".x"), "0123456789.") + ":" + version
}

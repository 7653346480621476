// SPDX-License-Identifier: Apache-2.0

package archtest

import (
	"go/ast"
	"path"
	"testing"
)

// kind is which time a clock tells.
type kind string

const (
	machine kind = "machine" // never scaled
	service kind = "service" // can run fast and be moved on a server for tests
)

const clockPackage = module + "/internal/base/clock"

// clocks lists every field of the product that holds a clock, and what for. A new one is decided here: what is waited
// for by users' rules (retries, visibility, schedules, retention, TTLs) follows service time, and all else the machine's.
var clocks = map[string]struct {
	kind kind
	what string
}{
	"internal/admin.Deps.Clock":                    {machine, "links to packages, the time that a backup took"},
	"internal/admin.Deps.Time":                     {service, "is shown and moved"},
	"internal/app.mover.time":                      {service, "is moved"},
	"internal/app.parts.clock":                     {machine, "handed on"},
	"internal/app.parts.time":                      {service, "handed on"},
	"internal/app.worker.clock":                    {machine, "handed on"},
	"internal/base/clock.Service.machine":          {machine, "what service time is made of"},
	"internal/base/clock.Timer.service":            {service, "whose timer it is"},
	"internal/cli/trial.Client.clock":              {machine, "signatures, measurements"},
	"internal/cli/trial.Options.Clock":             {machine, "how long a server took to start"},
	"internal/frontdoor.Caller.clock":              {machine, "metering"},
	"internal/frontdoor.Deps.Clock":                {machine, "signatures, tokens, HTTP deadlines"},
	"internal/frontdoor.pacedBody.clock":           {machine, "HTTP deadlines"},
	"internal/services/iam.Deps.Clock":             {machine, "keys of sessions, the cache of access keys, their last use"},
	"internal/services/lambda.Deps.Clock":          {machine, "age of packages that a request has just stored, dates of revisions"},
	"internal/services/logs.Deps.Clock":            {service, "retention; its Machine for the window of events and flushes"},
	"internal/services/sts.Deps.Clock":             {machine, "sessions"},
	"internal/store/engine/pebble.Options.Clock":   {machine, "limits of transactions"},
	"internal/store/engine/pebble.Options.Time":    {service, "the store's Now"},
	"internal/store/engine/pebble.Store.clock":     {machine, "limits of transactions"},
	"internal/store/engine/pebble.Store.time":      {service, "the store's Now"},
	"internal/store/engine/postgres.Options.Clock": {machine, "limits of transactions"},
	"internal/store/engine/postgres.Options.Time":  {service, "the store's Now"},
	"internal/store/engine/postgres.Store.clock":   {machine, "limits of transactions"},
	"internal/store/engine/postgres.Store.time":    {service, "the store's Now"},
	"internal/store/engine/postgres.pool.clock":    {machine, "age of connections"},
	"internal/store/lease.Deps.Clock":              {machine, "leases of nodes"},
	"internal/store/queue.Deps.Clock":              {service, "visibility, delay; its Machine for polls"},
	"internal/store/timer.Deps.Clock":              {service, "timers; its Machine for polls"},
	"internal/worker/lifecycle.Deps.Clock":         {machine, "function timeout, init and shutdown budgets"},
	"internal/worker/output.Deps.Clock":            {machine, "times of log events"},
	"internal/worker/pool.Deps.Clock":              {machine, "idle time of environments, metering"},
	"internal/worker/pool.parking.clock":           {machine, "parked sandboxes"},
	"internal/worker/runtimeapi.Server.clock":      {machine, "pauses between accepts"},
	"internal/worker/sandbox/linux.Deps.Clock":     {machine, "start and end of sandboxes"},
	"internal/worker/sandbox/linux.Driver.clock":   {machine, "start and end of sandboxes"},
	"internal/worker/sandbox/process.Deps.Clock":   {machine, "start and end of processes"},
	"internal/worker/spawner.service.clock":        {machine, "boot of sandboxes"},
	"internal/worker/spawner/cgroup.Host.clock":    {machine, "waits for the kernel"},
	"internal/worker/spawner/cgroup.Options.Clock": {machine, "waits for the kernel"},
}

// TestEveryClockIsClassified: the two kinds are two types that cannot be given for one another, so that a field's type is
// what it gets. A function that tells the time would hide its kind.
func TestEveryClockIsClassified(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for _, s := range mustTree(t) {
		if s.test || s.generated {
			continue
		}
		for name, k := range clockFields(s) {
			found[name] = true
			want, ok := clocks[name]
			switch {
			case k == "":
				t.Errorf("%s is a function that tells the time: take a clock.Clock or a *clock.Service", name)
			case !ok:
				t.Errorf("%s is a clock that is not in the list: is it of service time or the machine's?", name)
			case k != want.kind:
				t.Errorf("%s tells the time of the %s; it is for %s, which follows that of the %s", name, k, want.what, want.kind)
			}
		}
	}
	for name := range clocks {
		if !found[name] {
			t.Errorf("%s is in the list and holds no clock", name)
		}
	}
}

// clockFields returns the kind of every struct field of a file that holds a clock, by folder, type and field; "" for a
// function that tells the time.
func clockFields(s source) map[string]kind {
	fields := map[string]kind{}
	names := s.names()
	for _, d := range s.file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range g.Specs {
			x, ok := spec.(*ast.TypeSpec)
			if !ok {
				continue
			}
			ast.Inspect(x, func(n ast.Node) bool {
				st, ok := n.(*ast.StructType)
				if !ok {
					return true
				}
				for _, f := range st.Fields.List {
					k, ok := clockKind(f.Type, names, s.dir)
					if !ok {
						continue
					}
					if len(f.Names) == 0 {
						fields[s.dir+"."+x.Name.Name+".(embedded)"] = k
					}
					for _, name := range f.Names {
						fields[s.dir+"."+x.Name.Name+"."+name.Name] = k
					}
				}
				return true
			})
		}
	}
	return fields
}

// clockKind tells whether a type is that of a clock, and of which kind.
func clockKind(t ast.Expr, names map[string]string, dir string) (kind, bool) {
	switch x := t.(type) {
	case *ast.StarExpr:
		return clockKind(x.X, names, dir)
	case *ast.FuncType:
		if len(x.Params.List) != 0 || x.Results == nil || len(x.Results.List) != 1 {
			return "", false
		}
		r, ok := x.Results.List[0].Type.(*ast.SelectorExpr)
		return "", ok && selected(r, "time") && r.Sel.Name == "Time"
	case *ast.SelectorExpr:
		id, ok := x.X.(*ast.Ident)
		if ok && names[id.Name] == clockPackage {
			return kindOf(x.Sel.Name)
		}
	case *ast.Ident:
		if path.Join(module, dir) == clockPackage {
			return kindOf(x.Name)
		}
	}
	return "", false
}

func kindOf(name string) (kind, bool) {
	switch name {
	case "Clock", "System":
		return machine, true
	case "Service":
		return service, true
	}
	return "", false
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const module = "github.com/gustcloud/gust"

// programs are what is built, smallest first. The second tells how much of the third is codecs and net/http, which every
// server links anyway. The third binds every service, as a server does: tables, types, errors and the dispatch of each
// operation. The fourth also links the in-process client of every service; a server links those that it uses.
var programs = []struct{ name, what string }{
	{"empty", "empty program"},
	{"codecs", "all codecs, no contract"},
	{"link", "all codecs, all contracts"},
	{"clients", "the same with all in-process clients"},
}

// starts are the runs that are timed. The limit is for tables that are linked and not used: that is what a server that
// starts pays. The last also prepares every table, as each service's first call does for its own.
var starts = []struct {
	name, what string
	args       []string
	limited    bool
}{
	{name: "empty", what: "empty program"},
	{name: "codecs", what: "all codecs, no contract"},
	{name: "link", what: "all contracts linked", limited: true},
	{name: "link", what: "all contracts linked, all tables prepared", args: []string{"prepare"}},
}

// lay fills dir with a module of that name that holds wire, what wire imports, the contracts and the programs. It returns
// the number of services.
func lay(root, dir string) (int, error) {
	for _, f := range []string{"go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join(root, f))
		if err != nil {
			return 0, err
		}
		if err := write(filepath.Join(dir, f), string(b)); err != nil {
			return 0, err
		}
	}
	packages, err := dependencies(root, module+"/internal/wire")
	if err != nil {
		return 0, err
	}
	for _, p := range packages {
		if err := copySource(filepath.Join(root, p), filepath.Join(dir, p)); err != nil {
			return 0, err
		}
	}
	ops, err := everything(root)
	if err != nil {
		return 0, err
	}
	if err := write(filepath.Join(dir, "ops.txt"), ops); err != nil {
		return 0, err
	}
	c := exec.Command("go", "run", "./apigen", "-awsapi", "../internal/awsapi",
		"-ops", filepath.Join(dir, "ops.txt"), "-out", filepath.Join(dir, "internal", "awsapi"))
	c.Dir = filepath.Join(root, "tools")
	if b, err := c.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("apigen: %w\n%s", err, b)
	}
	contracts, err := filepath.Glob(filepath.Join(dir, "internal", "awsapi", "*"))
	if err != nil {
		return 0, err
	}
	var imports, binds, clients strings.Builder
	for _, path := range contracts {
		name := filepath.Base(path)
		fmt.Fprintf(&imports, "\t%q\n", module+"/internal/awsapi/"+name)
		fmt.Fprintf(&binds, "\t\t%s.Bind(nil),\n", name)
		fmt.Fprintf(&clients, "\t\t%s.Bind(%s.Client{}),\n", name, name)
	}
	return len(contracts), errors.Join(
		write(filepath.Join(dir, "empty", "main.go"), "package main\n\nfunc main() {}\n"),
		write(filepath.Join(dir, "codecs", "main.go"), codecs),
		write(filepath.Join(dir, "link", "main.go"), fmt.Sprintf(link, imports.String(), binds.String())),
		write(filepath.Join(dir, "clients", "main.go"), fmt.Sprintf(link, imports.String(), clients.String())),
	)
}

// copySource copies the source of one package, without tests.
func copySource(from, to string) error {
	files, err := filepath.Glob(filepath.Join(from, "*.go"))
	if err != nil {
		return err
	}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		if err := write(filepath.Join(to, filepath.Base(f)), string(b)); err != nil {
			return err
		}
	}
	return nil
}

// dependencies returns the folders of a package and of what it imports of the module.
func dependencies(root, pkg string) ([]string, error) {
	c := exec.Command("go", "list", "-deps", pkg)
	c.Dir = root
	b, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var dirs []string
	for line := range strings.Lines(string(b)) {
		if dir, ok := strings.CutPrefix(strings.TrimSpace(line), module+"/"); ok {
			dirs = append(dirs, dir)
		}
	}
	return dirs, nil
}

// everything is an ops.txt of all operations of all models that are imported whole.
func everything(root string) (string, error) {
	models, err := filepath.Glob(filepath.Join(root, "internal", "awsapi", "model", "*.json"))
	if err != nil || len(models) == 0 {
		return "", errors.Join(err, fmt.Errorf("no models below %s", root))
	}
	var b strings.Builder
	for _, path := range models {
		if name := strings.TrimSuffix(filepath.Base(path), ".json"); name != "ec2" {
			fmt.Fprintf(&b, "%s: *\n", name)
		}
	}
	return b.String(), nil
}

func write(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(text), 0o644)
}

const codecs = `package main

import (
	"net/http/httptest"

	"github.com/gustcloud/gust/internal/wire"
)

func main() {
	s := &wire.Schema{Protocols: []wire.ProtocolID{"json", "rest-json", "query", "ec2", "rest-xml", "smithy-rpc-v2-cbor"}}
	for _, id := range s.Protocols {
		if p := s.Protocol(id); p != nil {
			p.Error(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil), &wire.Fault{Status: 400}, "")
		}
	}
}
`

const link = `package main

import (
	"net/http/httptest"
	"os"

	"github.com/gustcloud/gust/internal/wire"
%s)

func services() []wire.Service {
	return []wire.Service{
%s	}
}

func main() {
	n := 0
	for _, s := range services() {
		if len(os.Args) > 1 {
			n += len(s.Schema.Prepare().Operations)
		}
		if len(os.Args) > 2 { // links the codecs
			for _, id := range s.Schema.Protocols {
				s.Schema.Protocol(id).Error(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil), &wire.Fault{Status: 400}, "")
			}
		}
	}
	println(len(services()), "services,", n, "operations")
}
`

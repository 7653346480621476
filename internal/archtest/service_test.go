// SPDX-License-Identifier: Apache-2.0

package archtest

import (
	"errors"
	"go/ast"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// operations reads the implemented operations of each service.
func operations(t *testing.T) map[string][]string {
	t.Helper()
	b, err := os.ReadFile("../awsapi/ops.txt")
	if err != nil {
		t.Fatal(err)
	}
	ops := map[string][]string{}
	for line := range strings.Lines(string(b)) {
		if svc, names, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, "#") {
			ops[svc] = append(ops[svc], strings.Fields(names)...)
		}
	}
	if len(ops) == 0 {
		t.Fatal("ops.txt names no operation")
	}
	return ops
}

// shape are the files that every service has, so that all services read in the same order.
var shape = []string{"README.md", "service.go", "keys.go"}

// keyless are services that store nothing: they need no keys.go.
var keyless = []string{"sts"}

// TestServiceShape holds for each service of ops.txt: its files, a method for each operation, and a README that names all
// operations that work and no other.
func TestServiceShape(t *testing.T) {
	t.Parallel()
	methods := serviceMethods(mustTree(t))
	for svc, ops := range operations(t) {
		t.Run(svc, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join("..", "services", svc)
			if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
				t.Skipf("internal/services/%s does not exist", svc)
			}
			for _, name := range shape {
				if name == "keys.go" && slices.Contains(keyless, svc) {
					continue
				}
				if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
					t.Errorf("the service has no %s", name)
				}
			}
			for _, op := range ops {
				if !methods[svc+"."+op] {
					t.Errorf("%s stands in ops.txt and *Service has no such method", op)
				}
			}
			readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
			if err != nil {
				t.Fatal(err)
			}
			compareReadme(t, string(readme), ops)
		})
	}
}

// serviceMethods returns "lambda.Invoke" for each exported method of a type Service in internal/services/lambda.
func serviceMethods(list []source) map[string]bool {
	m := map[string]bool{}
	for _, s := range list {
		svc, ok := strings.CutPrefix(s.dir, "internal/services/")
		if !ok || s.test {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if ok && f.Recv != nil && receiver(f) == "Service" && f.Name.IsExported() {
				m[svc+"."+f.Name.Name] = true
			}
		}
	}
	return m
}

func receiver(f *ast.FuncDecl) string {
	t := f.Recv.List[0].Type
	if p, ok := t.(*ast.StarExpr); ok {
		t = p.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

var (
	block = regexp.MustCompile(`(?s)<!-- operations -->(.*?)<!-- /operations -->`)
	word  = regexp.MustCompile(`[A-Za-z0-9]+`)
)

// compareReadme wants exactly the operations between the two comments; without them, each must at least be named.
func compareReadme(t *testing.T, readme string, ops []string) {
	t.Helper()
	b := block.FindStringSubmatch(readme)
	if b == nil {
		b = []string{"", readme}
	}
	named := word.FindAllString(b[1], -1)
	for _, op := range ops {
		if !slices.Contains(named, op) {
			t.Errorf("README.md does not name %s", op)
		}
	}
	if b[0] == "" {
		return
	}
	for _, n := range named {
		if !slices.Contains(ops, n) {
			t.Errorf("README.md names %s, which ops.txt has not", n)
		}
	}
}

// TestEveryServiceHasAContract: a folder of a service without a line in ops.txt would never be reached.
func TestEveryServiceHasAContract(t *testing.T) {
	t.Parallel()
	ops := operations(t)
	dirs, err := os.ReadDir("../services")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if d.IsDir() && ops[d.Name()] == nil {
			t.Errorf("internal/services/%s has no line in ops.txt", d.Name())
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/gustcloud/gust"

// source is one Go file of the product's module.
type source struct {
	path      string // from the root of the repository, with slashes
	dir       string
	text      string
	file      *ast.File
	generated bool
	test      bool // a test, or in a folder of test support
}

var fset = token.NewFileSet()

// tree returns all Go files of the module below the root. Modules of their own (tools, test) have their own rules.
var tree = sync.OnceValues(func() ([]source, error) {
	const root = "../.."
	var list []source
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipDir(name, rel, d.Name())
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		s, err := parse(name, filepath.ToSlash(rel))
		if err != nil {
			return err
		}
		list = append(list, s)
		return nil
	})
	return list, err
})

func skipDir(name, rel, base string) error {
	if rel == "." {
		return nil
	}
	if base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return filepath.SkipDir
	}
	if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
		return filepath.SkipDir
	}
	return nil
}

func parse(name, rel string) (source, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return source{}, err
	}
	f, err := parser.ParseFile(fset, rel, b, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return source{}, err
	}
	return source{
		path: rel, dir: path.Dir(rel), text: string(b), file: f, generated: ast.IsGenerated(f),
		test: strings.HasSuffix(rel, "_test.go") || support(path.Dir(rel)),
	}, nil
}

// support tells whether a folder holds what tests share: enginetest, sandboxtest. The product must not import it.
func support(dir string) bool { return strings.HasSuffix(dir, "test") && path.Base(dir) != "test" }

// mustTree returns the tree and guards against a walk that finds nothing to judge.
func mustTree(t *testing.T) []source {
	t.Helper()
	list, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 50 {
		t.Fatalf("only %d Go files were found", len(list))
	}
	return list
}

// imports returns the paths that a file imports.
func (s source) imports() []string {
	var list []string
	for _, i := range s.file.Imports {
		list = append(list, importPath(i))
	}
	return list
}

// names returns the imported paths by the name that the file uses for them.
func (s source) names() map[string]string {
	m := map[string]string{}
	for _, i := range s.file.Imports {
		name := path.Base(importPath(i))
		if i.Name != nil {
			name = i.Name.Name
		}
		m[name] = importPath(i)
	}
	return m
}

func importPath(i *ast.ImportSpec) string { return strings.Trim(i.Path.Value, "\"`") }

func (s source) line(n ast.Node) int { return fset.Position(n.Pos()).Line }

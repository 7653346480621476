// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/gustcloud/gust/tools/internal/c2j"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files of testdata/tiny/want")

// TestGolden compares what is made of a small model that has one of everything with files that a person has read.
func TestGolden(t *testing.T) {
	t.Parallel()
	const root = "testdata/tiny"
	got, err := generate(root, mustOps(t, root))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 4 {
		t.Fatalf("%d files were made, want 4: %v", len(got), c2j.Keys(got))
	}
	if got[catalogFile], err = emitCatalog(root, mustOps(t, root)); err != nil {
		t.Fatal(err)
	}
	for _, name := range c2j.Keys(got) {
		golden := filepath.Join(root, "want", filepath.Base(name)+".txt")
		if *rewrite {
			if err := os.WriteFile(golden, got[name], 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		diff(t, name, got[name], want)
	}
}

// TestOtherContractsAreFresh does the same for those of the benchmarks and the tests.
func TestOtherContractsAreFresh(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"../../bench/wire", "../../test/events", "../../test/protocols"} {
		ops, err := readOps(filepath.Join(dir, "ops.txt"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := generate("../../internal/awsapi", ops)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range c2j.Keys(got) {
			have, err := os.ReadFile(filepath.Join(dir, "contract", name))
			if err != nil {
				t.Fatal(err)
			}
			diff(t, dir+"/"+name+" (run make gen)", have, got[name])
		}
	}
}

// TestGeneratedFilesAreFresh makes the committed contracts again and compares.
func TestGeneratedFilesAreFresh(t *testing.T) {
	t.Parallel()
	const root = "../../internal/awsapi"
	got, err := generate(root, mustOps(t, root))
	if err != nil {
		t.Fatal(err)
	}
	if got[catalogFile], err = emitCatalog(root, mustOps(t, root)); err != nil {
		t.Fatal(err)
	}
	for _, name := range c2j.Keys(got) {
		have, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		diff(t, name+" (run make gen)", have, got[name])
	}
	on, err := filepath.Glob(filepath.Join(root, "*", "zz_*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range on {
		name, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		if got[name] == nil {
			t.Errorf("%s is left over: no line of ops.txt makes it", name)
		}
	}
}

// TestGenerateIsDeterministic guards against the order of maps.
func TestGenerateIsDeterministic(t *testing.T) {
	t.Parallel()
	first, err := generate("testdata/tiny", mustOps(t, "testdata/tiny"))
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		again, err := generate("testdata/tiny", mustOps(t, "testdata/tiny"))
		if err != nil {
			t.Fatal(err)
		}
		for name := range first {
			diff(t, name, again[name], first[name])
		}
	}
}

// TestModelsStandAsWritten tells a hand-edited model from what apiimport writes: read and written again it is the same.
func TestModelsStandAsWritten(t *testing.T) {
	t.Parallel()
	models, err := filepath.Glob("../../internal/awsapi/model/*.json")
	if err != nil || len(models) == 0 {
		t.Fatalf("no models: %v", err)
	}
	for _, name := range models {
		have, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := c2j.Parse(have)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again, err := m.Format()
		if err != nil {
			t.Fatal(err)
		}
		diff(t, name, again, have)
	}
}

// diff reports the first line that differs.
func diff(t *testing.T, name string, got, want []byte) {
	t.Helper()
	g, w := splitLines(got), splitLines(want)
	for i := range max(len(g), len(w)) {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b || i >= len(g) || i >= len(w) {
			t.Errorf("%s:%d:\n got %q\nwant %q", name, i+1, a, b)
			return
		}
	}
}

func mustOps(t *testing.T, root string) c2j.Ops {
	t.Helper()
	ops, err := readOps(filepath.Join(root, "ops.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return ops
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEverythingIsAllModelsThatAreWhole(t *testing.T) {
	t.Parallel()
	models, err := filepath.Glob("../../internal/awsapi/model/*.json")
	if err != nil {
		t.Fatal(err)
	}
	ops, err := everything("../..")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(ops, ": *\n"); n != len(models)-1 || strings.Contains(ops, "ec2") || !strings.Contains(ops, "sqs: *\n") {
		t.Errorf("%d of %d models:\n%s", n, len(models), ops)
	}
	if _, err := everything(t.TempDir()); err == nil {
		t.Error("a folder without models was accepted")
	}
}

func TestCopySourceLeavesTestsOut(t *testing.T) {
	t.Parallel()
	to := t.TempDir()
	if err := copySource("../../internal/base/av", to); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(to)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), "_test.go") || !strings.HasSuffix(e.Name(), ".go") {
			t.Errorf("%s was copied", e.Name())
		}
	}
	if len(entries) == 0 {
		t.Error("nothing was copied")
	}
}

// TestShortestMeasures runs a program that ends at once, and one that fails.
func TestShortestMeasures(t *testing.T) {
	t.Parallel()
	d, _, err := shortest("/bin/sh", []string{"-c", ":"}, 3)
	if err != nil || d <= 0 {
		t.Errorf("%v, %v", d, err)
	}
	if _, _, err := shortest("/bin/sh", []string{"-c", "echo broken; exit 3"}, 1); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("error %v, want what the program said", err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// appliesTo returns for whom each case is, by direction and id: "client", "server" or "both". The marks stand in Smithy's
// own form of the suites only; testdata has a copy. Where the environment's GUST_CORPORA names the directory of the
// archive, the marks are read from there again and the copy must agree.
func appliesTo(t *testing.T) map[string]map[string]string {
	t.Helper()
	var marks map[string]map[string]string
	readJSON(t, "testdata/conformance/applies-to.json", &marks)
	dir := os.Getenv("GUST_CORPORA")
	if dir == "" {
		t.Log("GUST_CORPORA names no directory with Smithy's archive: the marks are those of testdata/conformance/applies-to.json")
		return marks
	}
	archive := filepath.Join(dir, "smithy-protocol-tests-idl.tar.gz")
	fresh := archiveMarks(t, archive)
	for direction := range fresh {
		if !maps.Equal(fresh[direction], marks[direction]) {
			t.Errorf("testdata/conformance/applies-to.json has %d %s cases that differ from %s",
				differing(fresh[direction], marks[direction]), direction, archive)
		}
	}
	t.Logf("marks of %d cases read from %s", len(fresh["input"])+len(fresh["output"])+len(fresh["events"]), archive)
	return fresh
}

func differing(a, b map[string]string) int {
	n := 0
	for id := range a {
		if a[id] != b[id] {
			n++
		}
	}
	for id := range b {
		if _, ok := a[id]; !ok {
			n++
		}
	}
	return n
}

var markWords = regexp.MustCompile(`@(httpRequestTests|httpResponseTests|httpMalformedRequestTests|eventStreamTests)\(|` +
	`(?m)^ {4,8}id: "(\w+)"|^ {4,8}appliesTo: "(\w+)"`)

// archiveMarks reads the marks off the text of the .smithy files, without regard to the rest of their grammar.
func archiveMarks(t *testing.T, archive string) map[string]map[string]string {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	marks := map[string]map[string]string{"input": {}, "output": {}, "events": {}}
	for files := tar.NewReader(z); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return marks
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(h.Name, ".smithy") || strings.Contains(h.Name, "/rpcv2Json/") { // no AWS service speaks that
			continue
		}
		text, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		direction, id := "", ""
		for _, word := range markWords.FindAllStringSubmatch(string(text), -1) {
			switch {
			case word[1] != "":
				direction = map[string]string{"httpRequestTests": "input", "httpResponseTests": "output", "eventStreamTests": "events"}[word[1]]
			case word[2] != "":
				if id = word[2]; direction != "" {
					marks[direction][id] = "both"
				}
			case direction != "":
				marks[direction][id] = word[3]
			}
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

// Command smithycases converts the protocol tests of smithy-lang/smithy, which are written in the Smithy IDL, into the JSON
// that the tests of internal/wire read. It writes, below -out:
//
//	conformance/applies-to.json    for whom each case is: "client", "server" or "both"
//	conformance/*-PROTOCOL-smithy.json  the cases that are neither in botocore's conversion of the same tests nor in another
//	                                    file there
//	malformed/PROTOCOL.json             requests that must be refused, parameters expanded
//
// It is a one-shot tool: run it when the upstream tests change. Both sources are directories on this machine:
//
//	go -C tools run ./smithycases -smithy DIR -botocore DIR/tests/unit/protocols
//
// It understands what those tests use of the IDL, no more: see parse.go.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "smithycases:", err)
		os.Exit(1)
	}
}

func run(args []string, log io.Writer) error {
	flags := flag.NewFlagSet("smithycases", flag.ContinueOnError)
	smithy := flags.String("smithy", "", "directory of .smithy files (required)")
	botocore := flags.String("botocore", "", "directory of botocore's input/ and output/ (required)")
	out := flags.String("out", "../internal/wire/testdata", "where to write")
	only := flags.String("protocols", "", "comma-separated protocols whose left-out cases are written; empty for all")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *smithy == "" || *botocore == "" || flags.NArg() > 0 {
		return fmt.Errorf("usage: smithycases -smithy DIR -botocore DIR [-out DIR] [-protocols LIST]")
	}
	m, err := parseDir(*smithy)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	if err := addIDs(known, *botocore, "input/*.json", "output/*.json"); err != nil {
		return err
	}
	if err := addIDs(known, filepath.Join(*out, "conformance"), "input-*.json", "output-*.json"); err != nil {
		return err
	}
	w := writer{m: m, out: *out, log: log}
	if *only != "" {
		w.only = strings.Split(*only, ",")
	}
	if err := w.appliesTo(); err != nil {
		return err
	}
	if err := w.leftOut("input", "httpRequestTests", known, m.request); err != nil {
		return err
	}
	if err := w.leftOut("output", "httpResponseTests", known, m.response); err != nil {
		return err
	}
	return w.malformed()
}

func parseDir(dir string) (*model, error) {
	m := &model{shapes: map[string]*shape{}}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".smithy" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := parseFile(m, string(b)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(m.ids) == 0 {
		return nil, fmt.Errorf("no shapes below %s", dir)
	}
	return m, m.resolve()
}

// addIDs adds the cases of the suites in dir, as direction/id. The files that this command writes are not among them.
func addIDs(ids map[string]bool, dir string, patterns ...string) error {
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
		if err != nil {
			return err
		}
		direction := pattern[:strings.IndexAny(pattern, "/-")]
		for _, file := range files {
			if strings.HasSuffix(file, "-smithy.json") {
				continue
			}
			b, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			var suites []struct{ Cases []struct{ ID string } }
			if err := json.Unmarshal(b, &suites); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			for _, s := range suites {
				for _, c := range s.Cases {
					ids[direction+"/"+c.ID] = true
				}
			}
		}
	}
	return nil
}

type writer struct {
	m    *model
	out  string
	only []string
	log  io.Writer
}

// appliesTo writes {"input": {id: for whom}, "output": ..., "events": ...}.
func (w *writer) appliesTo() error {
	marks := map[string]map[string]string{"input": {}, "output": {}, "events": {}}
	for direction, trait := range map[string]string{
		"input": "httpRequestTests", "output": "httpResponseTests", "events": "eventStreamTests",
	} {
		for _, c := range w.m.collect(trait) {
			if _, ok := protocols[c.protocol]; !ok {
				continue
			}
			mark := c.appliesTo
			if mark == "" {
				mark = "both"
			}
			if old, ok := marks[direction][c.id]; ok && old != mark {
				return fmt.Errorf("%s is for %s and for %s", c.id, old, mark)
			}
			marks[direction][c.id] = mark
		}
	}
	text, err := json.MarshalIndent(marks, "", " ")
	if err != nil {
		return err
	}
	return w.write("conformance/applies-to.json", append(text, '\n'))
}

// leftOut writes the cases for servers that botocore leaves out, by protocol.
func (w *writer) leftOut(direction, trait string, known map[string]bool, convert func(testCase) (map[string]any, error)) error {
	files := map[string][]map[string]any{}
	for _, c := range w.m.collect(trait) {
		p, ok := protocols[c.protocol]
		if !ok || known[direction+"/"+c.id] || w.only != nil && !slices.Contains(w.only, p.file) {
			continue
		}
		suite, err := convert(c)
		if err != nil {
			return err
		}
		files[p.file] = append(files[p.file], suite)
	}
	for file, suites := range files {
		if err := w.suites(fmt.Sprintf("conformance/%s-%s-smithy.json", direction, file), suites); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) malformed() error {
	files := map[string][]map[string]any{}
	before := 0
	for _, c := range w.m.collect("httpMalformedRequestTests") {
		before++
		expanded, err := expand(c)
		if err != nil {
			return err
		}
		for _, e := range expanded {
			suite, err := w.m.malformed(e)
			if err != nil {
				return err
			}
			files[protocols[c.protocol].file] = append(files[protocols[c.protocol].file], suite)
		}
	}
	fmt.Fprintf(w.log, "%d malformed-request tests before expansion\n", before)
	for file, suites := range files {
		if err := w.suites("malformed/"+file+".json", suites); err != nil {
			return err
		}
	}
	return nil
}

// suites writes suites as a list, a case in a line; suites of one operation stand once.
func (w *writer) suites(name string, suites []map[string]any) error {
	var b bytes.Buffer
	last, cases := "", 0
	for _, s := range suites {
		list, _ := s["cases"].([]any)
		delete(s, "cases")
		head, err := json.Marshal(s)
		if err != nil {
			return err
		}
		head = append(bytes.TrimSuffix(head, []byte("}")), `,"cases":[`...)
		body, err := json.Marshal(list[0])
		if err != nil {
			return err
		}
		cases++
		switch {
		case string(head) == last:
			b.WriteString(",\n")
		case last == "":
			b.WriteString("[\n")
		default:
			b.WriteString("\n]},\n")
		}
		if string(head) != last {
			b.Write(head)
			b.WriteByte('\n')
			last = string(head)
		}
		b.Write(body)
	}
	b.WriteString("\n]}\n]\n")
	fmt.Fprintf(w.log, "%s: %d cases\n", name, cases)
	return w.write(name, b.Bytes())
}

func (w *writer) write(name string, text []byte) error {
	path := filepath.Join(w.out, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// SPDX-License-Identifier: Apache-2.0

// Command apiimport turns the service models inside a botocore wheel into the trimmed models that Gust keeps in
// internal/awsapi/model. It reads a wheel that is already on this machine and never uses the network:
//
//	pip download --no-deps -d DIR botocore==VERSION
//	go -C tools run ./apiimport -wheel DIR/botocore-VERSION-py3-none-any.whl
//
// The services are those of services.txt and of ops.txt. A model is kept whole, without its documentation; of EC2, which
// is larger than all others together, only the operations of ops.txt are, and the names and routes of the rest.
//
// The version must be the one that model/SOURCE names; -update changes that.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gustcloud/gust/tools/internal/c2j"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "apiimport:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	fs := flag.NewFlagSet("apiimport", flag.ContinueOnError)
	wheelPath := fs.String("wheel", "", "botocore wheel file (required)")
	root := fs.String("awsapi", "../internal/awsapi", "directory of services.txt, ops.txt and model/")
	update := fs.Bool("update", false, "accept another botocore than model/SOURCE names, and record it there")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *wheelPath == "" || fs.NArg() > 0 {
		return fmt.Errorf("usage: apiimport -wheel FILE [-update]")
	}
	w, err := openWheel(*wheelPath)
	if err != nil {
		return err
	}
	defer w.close()
	source := filepath.Join(*root, "model", "SOURCE")
	if err := checkSource(source, w.source, *update); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(*root, "ops.txt"))
	if err != nil {
		return fmt.Errorf("read operations: %w", err)
	}
	ops, err := c2j.ParseOps(text)
	if err != nil {
		return fmt.Errorf("ops.txt: %w", err)
	}
	list, err := os.ReadFile(filepath.Join(*root, "services.txt"))
	if err != nil {
		return fmt.Errorf("read services: %w", err)
	}
	for _, svc := range c2j.ParseList(list) {
		if _, ok := ops[svc]; !ok {
			ops[svc] = nil
		}
	}
	files := map[string][]byte{source: []byte(w.source)}
	for _, svc := range c2j.Keys(ops) {
		b, err := importService(w, svc, ops[svc], out)
		if err != nil {
			return fmt.Errorf("%s: %w", svc, err)
		}
		files[filepath.Join(*root, "model", svc+".json")] = b
	}
	return write(files)
}

// write comes last: a failure on the way leaves models and SOURCE as they were.
func write(files map[string][]byte) error {
	for _, name := range c2j.Keys(files) {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("write models: %w", err)
		}
		if err := os.WriteFile(name, files[name], 0o644); err != nil {
			return fmt.Errorf("write models: %w", err)
		}
	}
	return nil
}

// keep returns the operations of m that are imported with their shapes.
func keep(svc string, ops []string, m *c2j.Model) []string {
	if svc == "ec2" {
		return ops
	}
	return m.OperationNames()
}

func importService(w *wheel, svc string, ops []string, out io.Writer) ([]byte, error) {
	raw, date, err := w.model(svc)
	if err != nil {
		return nil, err
	}
	m, err := c2j.Parse(raw)
	if err != nil {
		return nil, err
	}
	t, err := c2j.Trim(m, keep(svc, ops, m), nil)
	if err != nil {
		return nil, err
	}
	b, err := t.Format()
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(out, "%s %s: %d operations, %d of %d shapes, %d bytes\n",
		svc, date, len(m.Operations), len(t.Shapes), len(m.Shapes), len(b))
	return b, err
}

// SPDX-License-Identifier: Apache-2.0

// Command apigen turns the trimmed models, the overlays and ops.txt of internal/awsapi into one contract package for
// each service: structs, typed errors, one API interface and one static schema table; and the catalogue of all services whose models are there.
//
//	go -C tools run ./apigen              # write internal/awsapi/<service>/zz_*.go
//	go -C tools run ./apigen -coverage    # implemented / all operations of each service
//	go -C tools run ./apigen -ops FILE -out DIR   # other operations, into another folder of the module
//
// It needs no network and its output depends on its inputs only. Read service.go (what is resolved), then emit_*.go.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gustcloud/gust/tools/internal/c2j"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "apigen:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	fs := flag.NewFlagSet("apigen", flag.ContinueOnError)
	root := fs.String("awsapi", "../internal/awsapi", "directory of ops.txt, model/ and overlay/")
	opsFile := fs.String("ops", "", "file of the operations (default: ops.txt below -awsapi); the line \"svc: *\" takes all")
	outDir := fs.String("out", "", "directory that the packages go below (default: that of -awsapi)")
	coverage := fs.Bool("coverage", false, "print implemented and all operations of each service, and write nothing")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("usage: apigen [-ops FILE] [-out DIR] [-coverage]")
	}
	ops, err := readOps(cmp.Or(*opsFile, filepath.Join(*root, "ops.txt")))
	if err != nil {
		return err
	}
	if *coverage {
		return printCoverage(*root, ops, out)
	}
	files, err := generate(*root, ops)
	if err != nil {
		return err
	}
	if *outDir == "" {
		if files[catalogFile], err = emitCatalog(*root, ops); err != nil {
			return err
		}
	}
	for _, name := range c2j.Keys(files) {
		if err := writeChanged(filepath.Join(cmp.Or(*outDir, *root), name), files[name]); err != nil {
			return err
		}
	}
	return nil
}

// generate returns the content of all generated files by their path below the output directory.
func generate(root string, ops c2j.Ops) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range c2j.Keys(ops) {
		s, err := load(root, name, ops[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for base, emit := range map[string]func(*service) ([]byte, error){
			"zz_types.go": emitTypes, "zz_errors.go": emitErrors, "zz_api.go": emitAPI, "zz_schema.go": emitSchema,
		} {
			b, err := emit(s)
			if err != nil {
				return nil, fmt.Errorf("%s/%s: %w", name, base, err)
			}
			files[filepath.Join(s.pkg, base)] = b
		}
	}
	return files, nil
}

func readOps(name string) (c2j.Ops, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read operations: %w", err)
	}
	ops, err := c2j.ParseOps(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return ops, nil
}

func printCoverage(root string, ops c2j.Ops, out io.Writer) error {
	done, all := 0, 0
	for _, name := range c2j.Keys(ops) {
		s, err := load(root, name, ops[name])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		n := len(s.model.Operations)
		done, all = done+len(s.ops), all+n
		if _, err := fmt.Fprintf(out, "%-16s %4d / %4d\n", name, len(s.ops), n); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "%-16s %4d / %4d\n", "all", done, all)
	return err
}

// writeChanged leaves a file alone that is already right: its time is what build caches and editors look at.
func writeChanged(name string, b []byte) error {
	if old, err := os.ReadFile(name); err == nil && string(old) == string(b) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.WriteFile(name, b, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

// Command linkcost measures what contracts cost: it generates those of every operation of every service except EC2's into
// a temporary copy of the module's lower packages, builds a program that links them all, and compares its size and its
// start-up with those of an empty program.
//
//	go -C tools run ./linkcost            # prints the figures; fails above the limits
//
// It needs the Go toolchain and no network. Read program.go for what is built.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// The limits. Bytes are those that the contracts add to a program that has the codecs and net/http already, as every server
// has; judged with symbols, printed for both. 1 MB is 1,000,000 bytes.
const (
	maxBytes = 10_000_000
	maxStart = 15 * time.Millisecond
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "linkcost:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) (err error) {
	fs := flag.NewFlagSet("linkcost", flag.ContinueOnError)
	root := fs.String("root", "..", "the repository")
	runs := fs.Int("runs", 20, "how often each program is started; the shortest counts")
	keep := fs.String("keep", "", "build in this empty directory and keep it")
	if err := fs.Parse(args); err != nil {
		return err
	}
	dir := *keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "gust-linkcost-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	services, err := lay(*root, dir)
	if err != nil {
		return err
	}
	if err := build(dir); err != nil {
		return err
	}
	return report(out, dir, services, *runs)
}

// build builds each program with symbols and without.
func build(dir string) error {
	for _, p := range programs {
		for suffix, flags := range map[string]string{"": "", ".stripped": "-s -w"} {
			c := exec.Command("go", "build", "-trimpath", "-ldflags="+flags, "-o", p.name+suffix+".exe", "./"+p.name)
			c.Dir, c.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOWORK=off")
			if b, err := c.CombinedOutput(); err != nil {
				return fmt.Errorf("build %s: %w\n%s", p.name, err, b)
			}
		}
	}
	return nil
}

func report(out io.Writer, dir string, services, runs int) error {
	said, err := exec.Command(filepath.Join(dir, "link.exe"), "prepare").CombinedOutput()
	if err != nil {
		return fmt.Errorf("run link: %w\n%s", err, said)
	}
	fmt.Fprintf(out, "# go -C tools run ./linkcost -runs %d\n# %s, %s\n# %s; start-up is the shortest of %d runs\n",
		runs, machine(), time.Now().UTC().Format("2006-01-02 15:04 UTC"), strings.TrimSpace(string(said)), runs)
	var over, codecs int64
	var start time.Duration
	base := map[string]int64{}
	fmt.Fprintf(out, "%-44s %10s %10s %10s %10s\n", "program", "bytes", "over empty", "stripped", "over empty")
	for _, p := range programs {
		size := [2]int64{}
		for i, suffix := range []string{"", ".stripped"} {
			st, err := os.Stat(filepath.Join(dir, p.name+suffix+".exe"))
			if err != nil {
				return err
			}
			size[i] = st.Size()
			if p.name == "empty" {
				base[suffix] = st.Size()
			}
		}
		fmt.Fprintf(out, "%-44s %10d %10d %10d %10d\n", p.what, size[0], size[0]-base[""], size[1], size[1]-base[".stripped"])
		switch p.name {
		case "codecs":
			codecs = size[0]
		case "link":
			over = size[0] - codecs
		}
	}
	fmt.Fprintf(out, "\n%-44s %10s %14s\n", "start-up", "ms", "max RSS, KiB")
	for _, p := range starts {
		d, rss, err := shortest(filepath.Join(dir, p.name+".exe"), p.args, runs)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%-44s %10.2f %14d\n", p.what, float64(d.Microseconds())/1000, rss)
		if p.limited {
			start = d
		}
	}
	fmt.Fprintf(out, "\nlimits: contracts add %d of %d bytes to the codecs, and start in %.2f of %.0f ms\n",
		over, maxBytes, float64(start.Microseconds())/1000, float64(maxStart.Milliseconds()))
	if over > maxBytes || start > maxStart {
		return fmt.Errorf("%d services: above the limit", services)
	}
	return nil
}

// shortest starts a program runs times: its shortest life and its smallest peak of memory in KiB (Linux; else 0).
func shortest(path string, args []string, runs int) (best time.Duration, rss int64, err error) {
	for i := range runs {
		c := exec.Command(path, args...)
		begin := time.Now()
		if b, err := c.CombinedOutput(); err != nil {
			return 0, 0, fmt.Errorf("run %s: %w\n%s", path, err, b)
		}
		if d := time.Since(begin); i == 0 || d < best {
			best = d
		}
		if kib := peak(c.ProcessState); i == 0 || kib < rss {
			rss = kib
		}
	}
	return best, rss, nil
}

// machine describes the computer in one line, as `gust bench` does.
func machine() string {
	field := func(file, key string) string {
		b, err := os.ReadFile(file)
		if err != nil {
			return "unknown"
		}
		for line := range strings.Lines(string(b)) {
			if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
				return strings.TrimSpace(v)
			}
		}
		return "unknown"
	}
	return fmt.Sprintf("%d x %s, %s memory, %s/%s, %s", runtime.NumCPU(), field("/proc/cpuinfo", "model name"),
		field("/proc/meminfo", "MemTotal"), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

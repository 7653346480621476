// SPDX-License-Identifier: Apache-2.0

package c2j

import (
	"fmt"
	"sort"
	"strings"
)

// Ops is the content of ops.txt: the implemented operations of each service, sorted.
type Ops map[string][]string

// ParseOps reads lines of the form "lambda: CreateFunction GetFunction". A service may have several lines; empty
// lines and lines that start with # are left out.
func ParseOps(b []byte) (Ops, error) {
	o := Ops{}
	seen := map[string]bool{}
	for i, line := range strings.Split(string(b), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		svc, names, ok := strings.Cut(line, ":")
		if !ok || svc == "" || strings.ContainsAny(svc, " /.\\") {
			return nil, fmt.Errorf("line %d: not \"service: Operation ...\": %q", i+1, line)
		}
		for _, n := range strings.Fields(names) {
			if seen[svc+"."+n] {
				return nil, fmt.Errorf("line %d: %s %s stands twice", i+1, svc, n)
			}
			seen[svc+"."+n] = true
			o[svc] = append(o[svc], n)
		}
	}
	for _, names := range o {
		sort.Strings(names)
	}
	return o, nil
}

// ParseList reads words, some on each line; '#' starts a comment that ends with its line.
func ParseList(b []byte) []string {
	var list []string
	for line := range strings.SplitSeq(string(b), "\n") {
		line, _, _ = strings.Cut(line, "#")
		list = append(list, strings.Fields(line)...)
	}
	return list
}

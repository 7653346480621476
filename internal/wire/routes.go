// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"iter"
	"strings"
)

// Routes is a list of operations as text, which costs nothing before somebody reads it: one line for each, sorted by name;
// the name, with "!" behind it where the operation wants no signature, and where they are not "POST /" also the method and
// the URI: "GetObject GET /{Bucket}/{Key+}", "SignUp!".
type Routes string

// All returns the operations in their order.
func (r Routes) All() iter.Seq[Route] {
	return func(yield func(Route) bool) {
		for line := range strings.SplitSeq(string(r), "\n") {
			if line == "" {
				continue
			}
			name, rest, bound := strings.Cut(line, " ")
			rt := Route{Method: "POST", URI: "/"}
			rt.Name, rt.NoAuth = strings.CutSuffix(name, "!")
			if bound {
				rt.Method, rt.URI, _ = strings.Cut(rest, " ")
			}
			if !yield(rt) {
				return
			}
		}
	}
}

// Len is the number of operations.
func (r Routes) Len() int {
	n := 0
	for range r.All() {
		n++
	}
	return n
}

// Has tells whether there is an operation of that name.
func (r Routes) Has(name string) bool {
	_, ok := r.Find(name)
	return ok
}

// Find returns the operation of that name.
func (r Routes) Find(name string) (rt Route, ok bool) {
	for rt := range r.All() {
		if rt.Name == name {
			return rt, true
		}
	}
	return Route{}, false
}

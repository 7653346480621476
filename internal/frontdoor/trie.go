// SPDX-License-Identifier: Apache-2.0

package frontdoor

import (
	"net/url"
	"slices"
	"strings"
)

// trie finds a REST operation by method, path and constant query parameters. Paths are matched as sent: segments of the
// escaped path, never cleaned, because "//" and ".." are parts of S3 keys.
type trie struct{ root node }

type node struct {
	static map[string]*node
	label  *node   // {Name}: one segment that is not empty
	greedy []route // {Name+}: the rest of the path, not empty
	routes []route // routes that end here, those with more query parameters first
}

type route struct {
	method string
	query  []param // constant query parameters of the URI
	value  int     // what the caller of add gave
}

type param struct {
	name, value string
	any         bool // "?uploads": the value does not matter
}

// add enters a route of the model: "/2015-03-31/functions/{FunctionName}/code", "/{Bucket}/{Key+}?uploads". A trailing
// slash of the path does not count.
func (t *trie) add(method, uri string, value int) {
	path, query, _ := strings.Cut(uri, "?")
	rt := route{method: method, value: value}
	for part := range strings.SplitSeq(query, "&") {
		if part != "" {
			k, v, has := strings.Cut(part, "=")
			rt.query = append(rt.query, param{name: k, value: v, any: !has || v == ""})
		}
	}
	n := &t.root
	for seg := range strings.SplitSeq(trimSlashes(path), "/") {
		switch {
		case strings.HasSuffix(seg, "+}"):
			n.greedy = insert(n.greedy, rt)
			return
		case strings.HasPrefix(seg, "{"):
			if n.label == nil {
				n.label = &node{}
			}
			n = n.label
		case seg != "":
			if n.static == nil {
				n.static = map[string]*node{}
			}
			if n.static[seg] == nil {
				n.static[seg] = &node{}
			}
			n = n.static[seg]
		}
	}
	n.routes = insert(n.routes, rt)
}

func insert(list []route, rt route) []route {
	i := slices.IndexFunc(list, func(have route) bool { return len(have.query) < len(rt.query) })
	if i < 0 {
		i = len(list)
	}
	return slices.Insert(list, i, rt)
}

func trimSlashes(path string) string {
	return strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
}

// find returns the value of the route that matches, and the labels as they stand in escapedPath. A constant segment is
// preferred to a label, a label to the rest of the path. ok is false when nothing matches.
func (t *trie) find(method, escapedPath, rawQuery string) (value int, labels []string, ok bool) {
	m := matcher{method: method, rawQuery: rawQuery}
	v, ok := m.walk(&t.root, strings.TrimPrefix(escapedPath, "/"))
	return v, m.labels, ok
}

type matcher struct {
	method, rawQuery string
	query            url.Values // parsed when first needed
	labels           []string
}

func (m *matcher) walk(n *node, rest string) (int, bool) {
	if rest == "" {
		return m.pick(n.routes)
	}
	seg, after, _ := strings.Cut(rest, "/")
	if next := n.static[seg]; next != nil {
		if v, ok := m.walk(next, after); ok {
			return v, true
		}
	}
	kept := len(m.labels)
	if n.label != nil && seg != "" {
		m.labels = append(m.labels, seg)
		if v, ok := m.walk(n.label, after); ok {
			return v, true
		}
		m.labels = m.labels[:kept]
	}
	if v, ok := m.pick(n.greedy); ok {
		m.labels = append(m.labels, rest)
		return v, true
	}
	return 0, false
}

func (m *matcher) pick(routes []route) (int, bool) {
	for i := range routes {
		if routes[i].method == m.method && m.hasAll(routes[i].query) {
			return routes[i].value, true
		}
	}
	return 0, false
}

func (m *matcher) hasAll(params []param) bool {
	if len(params) == 0 {
		return true
	}
	if m.query == nil {
		m.query, _ = url.ParseQuery(m.rawQuery) // what could be parsed decides
	}
	for _, p := range params {
		v, ok := m.query[p.name]
		if !ok || !p.any && !slices.Contains(v, p.value) {
			return false
		}
	}
	return true
}

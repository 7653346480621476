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
	suffix string  // what follows a greedy label: "/policy"
	query  []param // constant query parameters of the URI
	value  int     // what the caller of add gave
}

type param struct {
	name, value string
	any         bool // "?uploads": the value does not matter
}

// add enters a route of the model: "/2015-03-31/functions/{FunctionName}/code", "/{Bucket}/{Key+}?uploads". A trailing
// slash of the path does not count. The parameter x-id only repeats the operation's name for a reader of logs, and most
// clients leave it away: it is no condition.
func (t *trie) add(method, uri string, value int) {
	path, query, _ := strings.Cut(uri, "?")
	rt := route{method: method, value: value}
	for part := range strings.SplitSeq(query, "&") {
		if k, v, has := strings.Cut(part, "="); k != "" && k != "x-id" {
			rt.query = append(rt.query, param{name: k, value: v, any: !has || v == ""})
		}
	}
	n := &t.root
	for path = trimSlashes(path); path != ""; {
		seg, rest, _ := strings.Cut(path, "/")
		switch {
		case strings.HasSuffix(seg, "+}"):
			if rest != "" {
				rt.suffix = "/" + rest
			}
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
		path = rest
	}
	n.routes = insert(n.routes, rt)
}

// insert keeps the order in which routes are tried: what asks for more first.
func insert(list []route, rt route) []route {
	i := slices.IndexFunc(list, func(have route) bool {
		if len(have.suffix) != len(rt.suffix) {
			return len(have.suffix) < len(rt.suffix)
		}
		return len(have.query) < len(rt.query)
	})
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

// begins tells whether some route begins with the path's first segment.
func (t *trie) begins(escapedPath string) bool {
	seg, _, _ := strings.Cut(strings.TrimPrefix(escapedPath, "/"), "/")
	return t.root.static[seg] != nil
}

type matcher struct {
	method, rawQuery string
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
		m.push(seg)
		if v, ok := m.walk(n.label, after); ok {
			return v, true
		}
		m.labels = m.labels[:kept]
	}
	for i := range n.greedy {
		rt := &n.greedy[i]
		if label, ok := strings.CutSuffix(rest, rt.suffix); ok && label != "" && m.allows(rt) {
			m.push(label)
			return rt.value, true
		}
	}
	return 0, false
}

// push adds a label. Few operations have more than four.
func (m *matcher) push(label string) {
	if m.labels == nil {
		m.labels = make([]string, 0, 4)
	}
	m.labels = append(m.labels, label)
}

func (m *matcher) pick(routes []route) (int, bool) {
	for i := range routes {
		if m.allows(&routes[i]) {
			return routes[i].value, true
		}
	}
	return 0, false
}

func (m *matcher) allows(rt *route) bool {
	if rt.method != m.method {
		return false
	}
	for i := range rt.query {
		if p := &rt.query[i]; !hasParam(m.rawQuery, p) {
			return false
		}
	}
	return true
}

// hasParam tells whether a query string has the parameter, with its value if that matters.
func hasParam(rawQuery string, p *param) bool {
	for part := range strings.SplitSeq(rawQuery, "&") {
		k, v, _ := strings.Cut(part, "=")
		if unescaped(k) == p.name && (p.any || unescaped(v) == p.value) {
			return true
		}
	}
	return false
}

// queryParam returns the first value of a parameter. It makes no map of the query, which most requests do not need.
func queryParam(rawQuery, name string) (value string, ok bool) {
	for part := range strings.SplitSeq(rawQuery, "&") {
		if k, v, _ := strings.Cut(part, "="); unescaped(k) == name {
			return unescaped(v), true
		}
	}
	return "", false
}

// unescaped decodes a part of a query string; what cannot be decoded stays as it is.
func unescaped(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

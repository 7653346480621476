// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gustcloud/gust/tools/internal/c2j"
)

// table is the service's types and operations as text, and the Go types that it takes one after another. The form of the text stands in
// internal/wire/table.go, the meaning of its parts in internal/wire/schema.go.
func (s *service) table() (text string, goTypes []string, err error) {
	s.refs = make(map[string]int, len(s.shapes))
	for i, n := range s.shapes {
		s.refs[n] = i + 1
	}
	var b strings.Builder
	for _, n := range s.shapes {
		l, goType, err := s.shapeLine(n)
		if err != nil {
			return "", nil, fmt.Errorf("shape %s: %w", n, err)
		}
		if goType != "" {
			goTypes = append(goTypes, goType)
		}
		b.WriteString(string(l) + "\n")
		for _, m := range s.model.Shapes[n].Members {
			if s.overlay.Types[n] != "" {
				break // its Go type is no structure of the contract
			}
			l, err := s.memberLine(n, m)
			if err != nil {
				return "", nil, fmt.Errorf("shape %s: member %s: %w", n, m.Name, err)
			}
			b.WriteString(string(l) + "\n")
		}
	}
	for _, op := range s.ops {
		b.WriteString(string(s.operationLine(op)) + "\n")
	}
	return b.String(), goTypes, nil
}

// line is one line of the table.
type line string

// plain are values that need no quotes.
var plain = regexp.MustCompile("^[^\\s\"`]+$")

// set adds a trait with a value.
func (l *line) set(trait, value string) {
	if !plain.MatchString(value) {
		value = strings.ReplaceAll(strconv.Quote(value), "`", `\x60`)
	}
	*l += line(" " + trait + value)
}

// text adds a trait unless its value is empty.
func (l *line) text(trait, value string) {
	if value != "" {
		l.set(trait, value)
	}
}

// truth adds a trait without a value.
func (l *line) truth(trait string, on bool) {
	if on {
		*l += line(" " + trait)
	}
}

func (l *line) namespace(trait string, n *c2j.XMLNamespec) {
	if n != nil {
		l.set(trait, strings.TrimSpace(n.Prefix+" "+n.URI))
	}
}

var timeFormats = map[string]string{"": "", "unixTimestamp": "1", "iso8601": "2", "rfc822": "3"}

func (l *line) time(format string) error {
	n, ok := timeFormats[format]
	if !ok {
		return fmt.Errorf("unknown timestamp format %q", format)
	}
	l.text("T", n)
	return nil
}

func (s *service) shapeLine(name string) (l line, goType string, err error) {
	x := s.model.Shapes[name]
	kind, goType, err := s.kind(name)
	if err != nil {
		return "", "", err
	}
	l = line(kind + name)
	if r := x.Member; r != nil {
		l.set("e", strconv.Itoa(s.refs[r.Shape]))
		l.text("n", r.LocationName)
		l.namespace("L", r.XMLNamespace)
	}
	if r := x.Value; r != nil {
		l.set("e", strconv.Itoa(s.refs[r.Shape]))
		l.text("n", r.LocationName)
		l.namespace("L", r.XMLNamespace)
		l.set("k", strconv.Itoa(s.refs[x.Key.Shape]))
		l.text("q", x.Key.LocationName)
		l.namespace("Y", x.Key.XMLNamespace)
	}
	l.truth("F", x.Flattened)
	l.truth("S", x.Sparse)
	if err := l.time(x.TimestampFormat); err != nil {
		return "", "", err
	}
	l.text("w", x.LocationName)
	l.namespace("N", x.XMLNamespace)
	s.rules(&l, name)
	if x.Exception {
		s.fault(&l, name)
	}
	return l, goType, nil
}

// kind returns the letter of a shape's kind, and its Go type where wire needs it. Structures, lists and maps of them are named
// by a nil pointer: a generic type for each would be large.
func (s *service) kind(name string) (kind, goType string, err error) {
	x := s.model.Shapes[name]
	if x.Document {
		return "o", "", nil
	}
	switch x.Type {
	case "structure":
		g := s.goNames[name]
		switch {
		case s.overlay.Types[name] != "":
			return "a", "wire.StructOf[" + s.overlay.Types[name] + "]{}", nil
		case x.EventStream:
			return "v", "wire.EventsOf[" + g + "]{}", nil
		case x.Union:
			return "u", "(*" + g + ")(nil)", nil
		}
		return "s", "(*" + g + ")(nil)", nil
	case "list":
		e, err := s.goType(x.Member.Shape)
		if s.holdsStructures(x.Member.Shape) {
			return "l", "(*[]" + e + ")(nil)", err
		}
		return "l", "wire.SliceOf[" + e + "]{}", err
	case "map":
		e, err := s.goType(x.Value.Shape)
		if s.holdsStructures(x.Value.Shape) {
			return "m", "(*map[string]" + e + ")(nil)", err
		}
		return "m", "wire.MapOf[" + e + "]{}", err
	case "blob":
		if x.Streaming {
			return "y", "", nil
		}
	}
	return scalars[x.Type].kind, "", nil
}

// holdsStructures tells whether the Go type of a shape names a structure of this contract.
func (s *service) holdsStructures(name string) bool {
	x := s.model.Shapes[name]
	switch x.Type {
	case "structure":
		return !x.Document && s.overlay.Types[name] == ""
	case "list":
		return s.holdsStructures(x.Member.Shape)
	case "map":
		return s.holdsStructures(x.Value.Shape)
	}
	return false
}

// fault adds what makes a shape an error.
func (s *service) fault(l *line, name string) {
	x := s.model.Shapes[name]
	if c := s.errorCode(name); c != name {
		l.set("E", c)
	}
	l.set("C", strconv.Itoa(errorStatus(x)))
	l.truth("X", !x.Fault && errorStatus(x) < 500)
	if q := s.queryCode(name); q != s.errorCode(name) {
		l.set("Q", q)
	}
	l.text("G", s.overlay.Errors[name].Prefix)
	if m := messageOf(x); m != "message" {
		l.set("M", m)
	}
}

// sensitive tells whether a message must not show values of the shape: a list or map is shown with what it holds, a
// structure with its name.
func (s *service) sensitive(shape string) bool {
	x := s.model.Shapes[shape]
	for _, part := range []*c2j.Ref{x.Member, x.Key, x.Value} {
		if part != nil && s.sensitive(part.Shape) {
			return true
		}
	}
	return x.Sensitive
}

// locations maps "location" of a member.
var locations = map[string]string{"uri": "u", "querystring": "q", "header": "h", "headers": "H", "statusCode": "s"}

func (s *service) memberLine(owner string, m c2j.Member) (line, error) {
	o, x := s.model.Shapes[owner], s.model.Shapes[m.Shape]
	l := line(" " + strconv.Itoa(s.refs[m.Shape]))
	if s.yielded(owner, m) {
		l = line(" ~" + m.Name + " " + strconv.Itoa(s.refs[m.Shape]))
	} else {
		l.truth("l", m.Name != exported(m.Name))
	}
	if m.LocationName != m.Name || o.Payload == m.Name { // a payload without one has the name of its shape, in XML
		l.text("w", m.LocationName)
	}
	if s.yielded(owner, m) {
		return l, nil
	}
	_, pointer, err := s.field(owner, m)
	if err != nil {
		return "", err
	}
	flags := ""
	for _, f := range []struct {
		on     bool
		letter string
	}{
		{slices.Contains(o.Required, m.Name), "R"},
		{pointer, "P"},
		{m.Flattened, "F"},
		{m.XMLAttribute, "A"},
		{m.Idempotency, "I"},
		{s.sensitive(m.Shape), "S"},
		{m.HostLabel, "H"},
		{m.JSONValue, "J"},
		{m.EventPayload, "V"},
		{m.EventHeader, "U"},
		{m.EventHeader && x.Type == "byte", "1"},
		{m.EventHeader && x.Type == "short", "2"},
	} {
		if f.on {
			flags += f.letter
		}
	}
	l.text("!", flags)
	switch {
	case o.Payload == m.Name:
		l.set("@", "p")
	case m.EventHeader || m.EventPayload:
		l.set("@", "e")
	case m.Location == "":
	case locations[m.Location] == "":
		return "", fmt.Errorf("unknown location %q", m.Location)
	default:
		l.set("@", locations[m.Location])
	}
	if err := l.time(m.TimestampFormat); err != nil {
		return "", err
	}
	l.text("q", m.QueryName)
	l.namespace("N", m.XMLNamespace)
	l.text("a", s.overlay.Members[owner+"."+m.Name].AltWire)
	return l, nil
}

func (s *service) operationLine(op operation) line {
	d, o := op.def, s.overlay.Operations[op.name]
	l := line("/" + op.name + " " + strconv.Itoa(s.refs[op.input]) + " " + strconv.Itoa(s.refs[op.output]))
	if d.HTTP.Method != "POST" {
		l.set("m", d.HTTP.Method)
	}
	if d.HTTP.RequestURI != "/" {
		l.set("u", d.HTTP.RequestURI)
	}
	if c := d.HTTP.ResponseCode; c != 0 && c != 200 {
		l.set("s", strconv.Itoa(c))
	}
	l.truth("i", op.noIn)
	l.truth("o", op.noOut)
	l.truth("a", d.AuthType == "none")
	l.truth("p", d.UnsignedPayload || d.AuthType == "v4-unsigned-body")
	if d.Endpoint != nil {
		l.text("h", d.Endpoint.HostPrefix)
	}
	if d.Output != nil {
		if w := d.Output.ResultWrapper; w == op.name+"Result" {
			l.truth("R", true)
		} else {
			l.text("r", w)
		}
	}
	if d.Input != nil {
		l.text("n", d.Input.LocationName)
		l.namespace("N", d.Input.XMLNamespace)
	}
	if o.MaxBody > 0 {
		l.set("b", strconv.FormatInt(o.MaxBody, 10))
	}
	l.text("t", o.OutputMediaType)
	l.truth("U", o.UnwrappedOutput)
	refs := make([]string, len(d.Errors))
	for i, e := range d.Errors {
		refs[i] = strconv.Itoa(s.refs[e.Shape])
	}
	l.text("e", strings.Join(refs, ","))
	return l
}

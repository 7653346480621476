// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/gustcloud/gust/tools/internal/c2j"
)

// emitSchema prints the table. What its parts mean stands in internal/wire/schema.go; a zero value is not printed.
func emitSchema(s *service) ([]byte, error) {
	var w writer
	m := s.model.Metadata
	w.f("// The types of the table by name, in its order.\nconst (\n_ wire.Ref = iota\n")
	for _, n := range s.shapes {
		w.f("%s\n", ref(n))
	}
	w.f(")\n\n// Schema returns the table of %s.\nfunc Schema() *wire.Schema { return &schema }\n\n", m.ServiceID)
	w.f("var schema = wire.Schema{\n")
	if err := s.header(&w); err != nil {
		return nil, err
	}
	table, goTypes, err := s.table()
	if err != nil {
		return nil, err
	}
	w.f("Table: `\n%s`,\nGo: []any{\n", table)
	for _, g := range goTypes {
		w.f("%s,\n", g)
	}
	w.f("},\n")
	s.missing(&w)
	w.f("}\n")
	return s.file("", importsOf(w.String()), &w)
}

// header prints what is true of the whole service.
func (s *service) header(w *writer) error {
	m, o := s.model.Metadata, s.overlay
	signing := m.SigningName
	if signing == "" {
		signing = m.EndpointPrefix
	}
	for _, x := range [][2]string{
		{"ID", s.name},
		{"ServiceID", m.ServiceID},
		{"SigningName", signing},
		{"EndpointPrefix", m.EndpointPrefix},
		{"APIVersion", m.APIVersion},
		{"TargetPrefix", m.TargetPrefix},
		{"JSONVersion", m.JSONVersion},
		{"XMLNamespace", cmp.Or(m.XMLNamespace, o.XMLNamespace)},
		{"ErrorPrefix", o.ErrorPrefix},
		{"ErrorTypeMember", o.ErrorTypeMember},
		{"ValidationCode", o.ValidationCode},
		{"UnknownOperationCode", o.UnknownOperationCode},
		{"UnimplementedCode", o.UnimplementedCode},
	} {
		if x[1] != "" {
			w.f("%s: %q,\n", x[0], x[1])
		}
	}
	if o.MaxBody > 0 {
		w.f("MaxBody: %d,\n", o.MaxBody)
	}
	if m.QueryCompatible != nil {
		w.f("QueryCompat: true,\n")
	}
	if o.BodyCRC32 {
		w.f("BodyCRC32: true,\n")
	}
	if o.BareErrors {
		w.f("BareErrors: true,\n")
	}
	list, err := s.protocols()
	w.f("Protocols: %s,\n", list)
	return err
}

// missing prints the operations that are not implemented as wire.Routes.
func (s *service) missing(w *writer) {
	implemented := map[string]bool{}
	for _, op := range s.ops {
		implemented[op.name] = true
	}
	var text strings.Builder
	for _, n := range s.model.OperationNames() {
		h, open := s.model.Operations[n].HTTP, ""
		if s.model.Operations[n].AuthType == "none" {
			open = "!"
		}
		switch {
		case implemented[n]:
		case h.Method == "POST" && h.RequestURI == "/":
			fmt.Fprintf(&text, "%s%s\n", n, open)
		default:
			fmt.Fprintf(&text, "%s%s %s %s\n", n, open, h.Method, h.RequestURI)
		}
	}
	if text.Len() > 0 {
		w.f("Missing: `\n%s`,\n", text.String())
	}
}

var protocolNames = map[string]string{
	"json": "ProtocolJSON", "rest-json": "ProtocolRESTJSON", "query": "ProtocolQuery", "ec2": "ProtocolEC2",
	"rest-xml": "ProtocolRESTXML", "smithy-rpc-v2-cbor": "ProtocolCBOR",
}

// protocols is the Go list of the service's protocols: the overlay's, else the model's.
func (s *service) protocols() (string, error) {
	list := s.overlay.Protocols
	if len(list) == 0 {
		list = s.model.Metadata.Protocols
	}
	if len(list) == 0 {
		list = []string{s.model.Metadata.Protocol}
	}
	names := make([]string, 0, len(list))
	for _, p := range list {
		if protocolNames[p] == "" {
			return "", fmt.Errorf("unknown protocol %q", p)
		}
		names = append(names, "wire."+protocolNames[p])
	}
	return "[]wire.ProtocolID{" + strings.Join(names, ", ") + "}", nil
}

// ref is the constant that stands for a type. It keeps the model's spelling: shapes that differ in case stay apart.
func ref(shape string) string { return "ref" + shape }

// attrs collects the parts of one composite literal, without zero values.
type attrs []string

func (a *attrs) add(key, value string) { *a = append(*a, key+": "+value) }

func (a *attrs) text(key, value string) {
	if value != "" {
		a.add(key, fmt.Sprintf("%q", value))
	}
}

func (a *attrs) truth(key string, value bool) {
	if value {
		a.add(key, "true")
	}
}

func (a *attrs) namespace(key string, n *c2j.XMLNamespec) {
	if n == nil {
		return
	}
	x := attrs{}
	x.text("URI", n.URI)
	x.text("Prefix", n.Prefix)
	a.add(key, "&wire.XMLNamespace{"+x.String()+"}")
}

func (a attrs) String() string { return strings.Join(a, ", ") }

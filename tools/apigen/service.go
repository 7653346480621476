// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gustcloud/gust/tools/internal/c2j"
)

// service is a model with its overlay, resolved: what the emitters print.
type service struct {
	name    string // of the model, and the service's id
	pkg     string // the folder and the Go package: name without hyphens
	model   *c2j.Model
	overlay *overlay
	ops     []operation
	shapes  []string          // all shapes that the table holds, sorted
	goNames map[string]string // shape to Go type name (structures) or constant prefix (enums)
	inputs  map[string]bool   // shapes that are an operation's input
	refs    map[string]int    // shapes by their place in the table, from 1
	added   map[string]bool   // errors that are the overlay's and not the model's
}

// operation is one implemented operation.
type operation struct {
	name          string
	def           *c2j.Operation
	input, output string // shape names
	noIn, noOut   bool   // the model has no such shape: it is ours, and empty
}

// load reads and resolves one service.
func load(root, name string, ops []string) (*service, error) {
	b, err := os.ReadFile(filepath.Join(root, "model", name+".json"))
	if err != nil {
		return nil, fmt.Errorf("read model (apiimport makes it): %w", err)
	}
	m, err := c2j.Parse(b)
	if err != nil {
		return nil, err
	}
	o, err := readOverlay(filepath.Join(root, "overlay", name+".json"))
	if err != nil {
		return nil, err
	}
	return resolve(name, m, o, ops)
}

func resolve(name string, m *c2j.Model, o *overlay, ops []string) (*service, error) {
	if err := o.apply(m); err != nil {
		return nil, err
	}
	o.route(m)
	if len(ops) == 1 && ops[0] == "*" {
		ops = m.OperationNames()
	}
	for _, n := range ops {
		if m.Operations[n] == nil {
			return nil, fmt.Errorf("ops.txt names %s, which the model has not", n)
		}
	}
	m, err := c2j.Trim(m, ops, append(o.modelledErrors(m), o.validationErrors(m)...))
	if err != nil {
		return nil, fmt.Errorf("%w: run make import-models", err)
	}
	s := &service{name: name, pkg: strings.ReplaceAll(name, "-", ""), model: m, overlay: o, goNames: map[string]string{}, inputs: map[string]bool{}, added: map[string]bool{}}
	for _, n := range ops {
		if err := s.addOperation(n); err != nil {
			return nil, err
		}
	}
	s.addErrors()
	if err := s.addStreams(); err != nil {
		return nil, err
	}
	s.shapes = c2j.Keys(m.Shapes)
	for _, n := range s.shapes {
		if err := s.check(n); err != nil {
			return nil, fmt.Errorf("shape %s: %w", n, err)
		}
	}
	if err := s.checkValidationCode(); err != nil {
		return nil, err
	}
	return s, s.nameTypes()
}

// checkValidationCode wants an error with that code, which has its status and form.
func (s *service) checkValidationCode() error {
	code := s.overlay.ValidationCode
	if code == "" || len(s.ops) == 0 {
		return nil
	}
	for _, n := range s.shapes {
		if s.model.Shapes[n].Exception && s.errorCode(n) == code {
			return nil
		}
	}
	return fmt.Errorf("no error has the validation code %s: name it in the overlay's errors", code)
}

// addOperation gives every operation an input and an output structure.
func (s *service) addOperation(name string) error {
	def := s.model.Operations[name]
	op := operation{name: name, def: def, noIn: def.Input == nil, noOut: def.Output == nil}
	for _, x := range []struct {
		ref  *c2j.Ref
		name string
		to   *string
	}{{def.Input, name + "Input", &op.input}, {def.Output, name + "Output", &op.output}} {
		if x.ref != nil {
			*x.to = x.ref.Shape
			continue
		}
		if s.model.Shapes[x.name] != nil {
			return fmt.Errorf("%s needs an empty %s, but the model has such a shape", name, x.name)
		}
		s.model.Shapes[x.name] = &c2j.Shape{Type: "structure"}
		*x.to = x.name
	}
	s.inputs[op.input] = true
	s.ops = append(s.ops, op)
	return nil
}

// addErrors adds the overlay's errors that the model has not as shapes, and a message to those that have none.
func (s *service) addErrors() {
	for _, n := range c2j.Keys(s.overlay.Errors) {
		e := s.overlay.Errors[n]
		if s.model.Shapes[n] != nil {
			continue
		}
		x := &c2j.Shape{Type: "structure", Exception: true, Fault: e.Fault, Error: &c2j.Error{
			Code: e.Code, HTTPStatusCode: e.Status, SenderFault: !e.Fault,
		}}
		if t := s.overlay.ErrorTypeMember; t != "" {
			x.Members = append(x.Members, c2j.Member{Name: t, Ref: c2j.Ref{Shape: s.stringShape()}})
		}
		s.model.Shapes[n], s.added[n] = x, true
	}
	for _, n := range c2j.Keys(s.model.Shapes) {
		if x := s.model.Shapes[n]; x.Exception && messageOf(x) == "" {
			name := s.overlay.MessageMember
			if name == "" {
				name = "message"
			}
			x.Members = append(x.Members, c2j.Member{Name: name, Ref: c2j.Ref{Shape: s.stringShape()}})
		}
	}
}

// addStreams gives members that stream a blob shape that streams, where the model marks the member only (S3's Body).
func (s *service) addStreams() error {
	for _, n := range c2j.Keys(s.model.Shapes) {
		x := s.model.Shapes[n]
		for i, m := range x.Members {
			of := s.model.Shapes[m.Shape]
			if !m.Streaming || of == nil || of.Streaming {
				continue
			}
			name := m.Shape + "Stream"
			if have := s.model.Shapes[name]; have != nil && !have.Streaming {
				return fmt.Errorf("shape %s: its member %s needs a shape %s, but the model has one", n, m.Name, name)
			}
			stream := *of
			stream.Streaming = true
			s.model.Shapes[name] = &stream
			x.Members[i].Shape = name
		}
	}
	return nil
}

// yielded tells whether m of owner is an exception of an event stream: the iterator yields it as an error, so that it is in
// the table but no field.
func (s *service) yielded(owner string, m c2j.Member) bool {
	return s.model.Shapes[owner].EventStream && s.model.Shapes[m.Shape].Exception
}

// stringShape is a plain string without constraints; it is added where the model has none of that name.
func (s *service) stringShape() string {
	for _, n := range []string{"String", "GustString"} {
		x := s.model.Shapes[n]
		if x == nil {
			x = &c2j.Shape{Type: "string"}
			s.model.Shapes[n] = x
		}
		if x.Type == "string" && x.Min == nil && x.Max == nil && x.Pattern == "" && x.Enum == nil {
			return n
		}
	}
	panic("a model declares GustString")
}

// messageOf returns the member of an error that is its message, or "".
func messageOf(x *c2j.Shape) string {
	for _, m := range x.Members {
		if strings.EqualFold(m.Name, "message") {
			return m.Name
		}
	}
	return ""
}

func (s *service) check(name string) error {
	x := s.model.Shapes[name]
	if x.Type == "structure" {
		fields := map[string]bool{}
		for _, m := range x.Members {
			if f := exported(m.Name); fields[f] {
				return fmt.Errorf("two members become Go field %s", f)
			}
			fields[exported(m.Name)] = true
			if s.model.Shapes[m.Shape] == nil {
				return fmt.Errorf("member %s is of shape %s, which is not there", m.Name, m.Shape)
			}
		}
		for _, r := range x.Required {
			if x.Members.Get(r) == nil {
				return fmt.Errorf("required member %s is not there", r)
			}
		}
	}
	_, err := s.goType(name)
	return err
}

// reserved are the names that every contract package declares beside its shapes.
var reserved = []string{"API", "Client", "Bind", "Schema"}

// nameTypes gives each structure and enum its Go name and refuses duplicates.
func (s *service) nameTypes() error {
	used := map[string]string{}
	for _, r := range reserved {
		used[r] = "the contract"
	}
	claim := func(name, by string) error {
		if old := used[name]; old != "" {
			return fmt.Errorf("%s and %s both want the Go name %s: rename one in the overlay", old, by, name)
		}
		used[name] = by
		return nil
	}
	for _, n := range s.shapes {
		x := s.model.Shapes[n]
		if x.Type != "structure" && len(x.Enum) == 0 || s.overlay.Types[n] != "" {
			continue
		}
		g := s.overlay.Rename[n]
		if g == "" {
			g = exported(n)
		}
		s.goNames[n] = g
		if x.Type == "structure" {
			if err := claim(g, "shape "+n); err != nil {
				return err
			}
		}
	}
	for _, n := range s.shapes {
		for _, v := range s.model.Shapes[n].Enum {
			if err := claim(s.constant(n, v), "value "+v+" of "+n); err != nil {
				return err
			}
		}
	}
	return nil
}

// constant is the Go name of an enum value: RuntimePython312.
func (s *service) constant(shape, value string) string { return s.goNames[shape] + camel(value) }

// goType is the Go type of a shape in value position: an element of a list, a value of a map.
func (s *service) goType(name string) (string, error) {
	x := s.model.Shapes[name]
	if x == nil {
		return "", fmt.Errorf("no shape %s", name)
	}
	if x.Sparse { // wire.Type.Sparse: elements are pointers
		return "", fmt.Errorf("%s is sparse, which no model was when apigen was written", name)
	}
	switch x.Type {
	case "structure":
		if g := s.overlay.Types[name]; g != "" {
			return g, nil
		}
		if g := s.goNames[name]; g != "" {
			return g, nil
		}
		return exported(name), nil
	case "list":
		e, err := s.goType(x.Member.Shape)
		return "[]" + e, err
	case "map":
		if k := s.model.Shapes[x.Key.Shape]; k == nil || k.Type != "string" {
			return "", fmt.Errorf("the key of map %s is not a string", name)
		}
		e, err := s.goType(x.Value.Shape)
		return "map[string]" + e, err
	}
	if g := scalars[x.Type].goType; g != "" {
		return g, nil
	}
	return "", fmt.Errorf("unknown type %q", x.Type)
}

// scalars maps the model's types without parts.
var scalars = map[string]struct{ goType, kind string }{
	"string": {"string", "t"}, "character": {"string", "t"}, "boolean": {"bool", "b"},
	"byte": {"int32", "i"}, "short": {"int32", "i"}, "integer": {"int32", "i"},
	"long": {"int64", "j"}, "float": {"float32", "f"}, "double": {"float64", "d"},
	"timestamp": {"time.Time", "z"}, "blob": {"[]byte", "x"},
}

// field is the Go type of a member and whether it is a pointer to a scalar. The rules stand in internal/wire/schema.go.
func (s *service) field(owner string, m c2j.Member) (goType string, pointer bool, err error) {
	x := s.model.Shapes[m.Shape]
	if x.Document {
		return "json.RawMessage", false, nil
	}
	if s.streams(m) {
		if s.inputs[owner] {
			return "io.Reader", false, nil
		}
		return "io.ReadCloser", false, nil
	}
	g, err := s.goType(m.Shape)
	if err != nil {
		return "", false, err
	}
	if x.EventStream {
		return "iter.Seq2[" + g + ", error]", false, nil
	}
	o := s.model.Shapes[owner]
	switch x.Type {
	case "structure":
		return "*" + g, false, nil
	case "list", "map", "timestamp", "blob":
		return g, false, nil
	}
	if slices.Contains(o.Required, m.Name) || o.Exception && x.Type == "string" {
		return g, false, nil
	}
	return "*" + g, true, nil
}

func (s *service) streams(m c2j.Member) bool {
	x := s.model.Shapes[m.Shape]
	return x.Type == "blob" && (m.Streaming || x.Streaming)
}

// SPDX-License-Identifier: Apache-2.0

package c2j

import "fmt"

// Trim returns a model with the metadata of m; the operations ops whole, with the shapes that they reach; of all other
// operations the name and the HTTP binding, so that the server can tell "not implemented" from "unknown". more names shapes
// that are kept beside. Operations and shapes are shared with m.
func Trim(m *Model, ops, more []string) (*Model, error) {
	t := &Model{Metadata: m.Metadata, Operations: map[string]*Operation{}, Shapes: map[string]*Shape{}}
	for name, op := range m.Operations {
		t.Operations[name] = &Operation{HTTP: op.HTTP, AuthType: op.AuthType}
	}
	for _, name := range ops {
		op := m.Operations[name]
		if op == nil {
			return nil, fmt.Errorf("the model has no operation %s", name)
		}
		t.Operations[name] = op
		for _, r := range references(op) {
			if err := reach(m, t, r); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	for _, name := range more {
		if err := reach(m, t, name); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func references(op *Operation) []string {
	var names []string
	if op.Input != nil {
		names = append(names, op.Input.Shape)
	}
	if op.Output != nil {
		names = append(names, op.Output.Shape)
	}
	for _, e := range op.Errors {
		names = append(names, e.Shape)
	}
	return names
}

// reach copies a shape and all shapes below it from m to t.
func reach(m, t *Model, name string) error {
	if t.Shapes[name] != nil {
		return nil
	}
	s := m.Shapes[name]
	if s == nil {
		return fmt.Errorf("the model has no shape %s", name)
	}
	t.Shapes[name] = s
	for _, r := range []*Ref{s.Member, s.Key, s.Value} {
		if r == nil {
			continue
		}
		if err := reach(m, t, r.Shape); err != nil {
			return err
		}
	}
	for _, x := range s.Members {
		if err := reach(m, t, x.Shape); err != nil {
			return fmt.Errorf("%s.%s: %w", name, x.Name, err)
		}
	}
	return nil
}

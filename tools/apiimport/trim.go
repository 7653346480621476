// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/gustcloud/gust/tools/internal/c2j"
)

// trim keeps of a model: the metadata; the operations ops whole, with the shapes that they reach; of all other
// operations the name and the HTTP binding, so that the server can tell "not implemented" from "unknown".
func trim(m *c2j.Model, ops []string) (*c2j.Model, error) {
	t := &c2j.Model{Metadata: m.Metadata, Operations: map[string]*c2j.Operation{}, Shapes: map[string]*c2j.Shape{}}
	for name, op := range m.Operations {
		t.Operations[name] = &c2j.Operation{HTTP: op.HTTP, AuthType: op.AuthType}
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
	return t, nil
}

func references(op *c2j.Operation) []string {
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
func reach(m, t *c2j.Model, name string) error {
	if t.Shapes[name] != nil {
		return nil
	}
	s := m.Shapes[name]
	if s == nil {
		return fmt.Errorf("the model has no shape %s", name)
	}
	t.Shapes[name] = s
	for _, r := range []*c2j.Ref{s.Member, s.Key, s.Value} {
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

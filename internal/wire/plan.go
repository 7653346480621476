// SPDX-License-Identifier: Apache-2.0

package wire

// plan is what a schema's first use computes from the table: look-ups that would bloat generated code.
type plan struct {
	operations map[string]int
}

// prepared returns the plan, computing it once.
func (s *Schema) prepared() *plan {
	s.once.Do(func() {
		p := &plan{operations: make(map[string]int, len(s.Operations))}
		for i := range s.Operations {
			p.operations[s.Operations[i].Name] = i
		}
		s.plan = p
	})
	return s.plan
}

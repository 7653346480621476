// SPDX-License-Identifier: Apache-2.0

package main

// rules adds the constraints of a shape.
func (s *service) rules(l *line, name string) {
	x := s.model.Shapes[name]
	if x.Type == "structure" || x.Type == "timestamp" || x.Type == "boolean" {
		return
	}
	if x.Min != nil {
		l.set("<", x.Min.String())
	}
	if x.Max != nil {
		l.set(">", x.Max.String())
	}
	l.text("p", x.Pattern)
	if s.overlay.Shapes[name].Open {
		return
	}
	for _, v := range x.Enum {
		l.set("=", v)
	}
}

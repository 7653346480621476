// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// rules returns the constraints of a shape.
func (s *service) rules(name string) attrs {
	x := s.model.Shapes[name]
	a := attrs{}
	if x.Type == "structure" || x.Type == "timestamp" || x.Type == "boolean" {
		return a
	}
	if x.Min != nil {
		a.text("Min", x.Min.String())
	}
	if x.Max != nil {
		a.text("Max", x.Max.String())
	}
	a.text("Pattern", x.Pattern)
	if len(x.Enum) > 0 && !s.overlay.Shapes[name].Open {
		values := make([]string, 0, len(x.Enum))
		for _, v := range x.Enum {
			values = append(values, fmt.Sprintf("%q", v))
		}
		a.add("Enum", "[]string{"+strings.Join(values, ", ")+"}")
	}
	return a
}

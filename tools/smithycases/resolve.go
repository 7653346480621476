// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// prelude is where names stand that no file defines.
const prelude = "smithy.api#"

// resolve makes names absolute, carries out apply statements and copies members of mixins.
func (m *model) resolve() error {
	for _, id := range m.ids {
		s := m.shapes[id]
		for _, name := range []*string{&s.input, &s.output} {
			if *name != "" {
				*name = m.absolute(s.scope, *name)
			}
		}
		for _, names := range [][]string{s.errors, s.operations, s.mixins} {
			for i := range names {
				names[i] = m.absolute(s.scope, names[i])
			}
		}
		for _, mb := range s.members {
			if mb.target != "" {
				mb.target = m.absolute(s.scope, mb.target)
			}
		}
	}
	for _, id := range m.ids {
		if err := m.mix(m.shapes[id]); err != nil {
			return err
		}
	}
	for _, a := range m.apply {
		name, memberName, _ := strings.Cut(a.target, "$")
		s := m.shapes[m.absolute(a.scope, name)]
		if s == nil {
			return fmt.Errorf("apply to %s, which does not exist", a.target)
		}
		traits := s.traits
		if memberName != "" {
			traits = nil
			for _, mb := range s.members {
				if mb.name == memberName {
					traits = mb.traits
				}
			}
			if traits == nil {
				return fmt.Errorf("apply to %s, which does not exist", a.target)
			}
		}
		for k, v := range a.traits {
			traits[k] = merge(traits[k], v)
		}
	}
	return nil
}

func (m *model) absolute(sc *scope, name string) string {
	if strings.Contains(name, "#") {
		return name
	}
	if id, ok := sc.uses[name]; ok {
		return id
	}
	if id := sc.namespace + "#" + name; m.shapes[id] != nil {
		return id
	}
	return prelude + name
}

// mix puts the members of s's mixins before its own. A mixin is done before those that use it.
func (m *model) mix(s *shape) error {
	mixins := s.mixins
	s.mixins = nil
	var members []*member
	for _, id := range mixins {
		from := m.shapes[id]
		if from == nil {
			return fmt.Errorf("%s: mixin %s does not exist", s.id, id)
		}
		if err := m.mix(from); err != nil {
			return err
		}
		for _, mb := range from.members {
			c := *mb
			c.traits = map[string]any{}
			for k, v := range mb.traits {
				c.traits[k] = v
			}
			members = append(members, &c)
		}
		for k, v := range from.traits {
			if _, own := s.traits[k]; !own && k != "mixin" {
				s.traits[k] = v
			}
		}
	}
	s.members = append(members, s.members...)
	return nil
}

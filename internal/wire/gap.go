// SPDX-License-Identifier: Apache-2.0

package wire

// gap is a tree of the positions that a decoder found to be absent, as the validator walks it beside the values: what lies
// outside of it costs nothing, however many values there are. A nil gap has nothing absent at or below.
type gap struct {
	here    bool            // the value itself is absent
	named   map[string]*gap // below: members of a structure, or keys of a map
	indexed map[int]*gap    // elements of a list, from 1
}

func newGap(missing [][]segment) *gap {
	if len(missing) == 0 {
		return nil
	}
	root := &gap{}
	for _, position := range missing {
		g := root
		for _, s := range position {
			g = g.grow(s)
		}
		g.here = true
	}
	return root
}

func (g *gap) below(s segment) *gap {
	switch {
	case g == nil:
		return nil
	case s.isIndex():
		return g.indexed[s.index]
	}
	return g.named[s.name]
}

func (g *gap) grow(s segment) *gap {
	if next := g.below(s); next != nil {
		return next
	}
	next := &gap{}
	if s.isIndex() {
		if g.indexed == nil {
			g.indexed = map[int]*gap{}
		}
		g.indexed[s.index] = next
		return next
	}
	if g.named == nil {
		g.named = map[string]*gap{}
	}
	g.named[s.name] = next
	return next
}

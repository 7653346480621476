// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"strconv"
	"strings"
	"sync"
	"unsafe"
)

// plan is what a schema's first use computes from the table: look-ups that would bloat generated code. It is read-only
// afterwards, apart from the patterns, which compile at their first use.
type plan struct {
	operations map[string]int
	bindings   map[*Operation]*binding
	types      []*typePlan // by Ref
}

// typePlan is a Type with its references resolved.
type typePlan struct {
	*Type
	st structType // structures and unions
	sl sliceType
	mp mapType
	ev eventsType // event streams

	fields  []fieldPlan
	byName  map[string]int // wire names of InBody members, nil for few fields
	names   names          // in forms and XML
	payload *fieldPlan     // the InPayload member
	events  *fieldPlan     // the member that is an event stream
	bound   bool           // some member stands outside the body
	tracked uint64         // the track bits of all members

	elem, key *typePlan

	costs    costs
	defaults bool // a member here or below has a default
	// checks: a constraint or a required member stands here or below, so validation must look at values of this type.
	checks bool
	rules  rules
}

// fieldPlan is a Field with its type resolved.
type fieldPlan struct {
	*Field
	typ  *typePlan
	wire string // name on the wire
	form string // the same in forms, see prepareNames
	xml  string // and as an XML element or attribute
	// track is the member's bit (1 << n) among those whose presence only the decoder can see, or 0. A structure has at most
	// 64 of them; later ones count as present.
	track    uint64
	fallback unsafe.Pointer // the value of Field.Default, read-only; nil for none
}

// rules are Constraints, parsed.
type rules struct {
	some           bool // any rule at all
	hasMin, hasMax bool
	unique         bool
	min, max       int64
	minF, maxF     float64 // the same for floating point members
	enum           map[string]struct{}

	once    sync.Once
	pattern *Pattern // nil: not checked
}

// fewFields is up to which number of members a linear search beats a map.
const fewFields = 8

// prepared returns the plan, computing it once.
func (s *Schema) prepared() *plan {
	s.once.Do(func() {
		s.unpack()
		s.plan = prepare(s)
	})
	return s.plan
}

func prepare(s *Schema) *plan {
	p := &plan{operations: make(map[string]int, len(s.Operations)), types: make([]*typePlan, len(s.Types))}
	for i := range s.Operations {
		p.operations[s.Operations[i].Name] = i
	}
	plans := make([]typePlan, len(s.Types))
	for i := range s.Types {
		p.types[i] = &plans[i]
	}
	for i := range s.Types {
		prepareType(s, p, &plans[i], &s.Types[i])
	}
	prepareNames(s, p.types)
	p.bindings = make(map[*Operation]*binding, len(s.Operations))
	for i := range s.Operations {
		op := &s.Operations[i]
		p.bindings[op] = newBinding(s, op, p.types[op.Input])
	}
	for changed := true; changed; { // recursive shapes: repeat until nothing new is found
		changed = false
		for _, t := range p.types {
			if !t.checks && checksBelow(t) {
				t.checks, changed = true, true
			}
			if !t.defaults && defaultsBelow(t) {
				t.defaults, changed = true, true
			}
		}
	}
	prepareDefaults(s, p.types)
	return p
}

func prepareType(s *Schema, p *plan, t *typePlan, from *Type) {
	t.Type = from
	t.st, _ = from.Go.(structType)
	t.sl, _ = from.Go.(sliceType)
	t.mp, _ = from.Go.(mapType)
	t.ev, _ = from.Go.(eventsType)
	if from.Elem != 0 {
		t.elem = p.types[from.Elem]
	}
	if from.Key != 0 {
		t.key = p.types[from.Key]
	}
	t.costs = costsOf(s, from)
	prepareRules(&t.rules, from.Rules)
	t.fields = make([]fieldPlan, len(from.Fields))
	next := uint64(1)
	for i := range from.Fields {
		f := &t.fields[i]
		f.Field = &from.Fields[i]
		f.typ = p.types[f.Type]
		if f.wire = f.Wire; f.wire == "" && f.Loc != InHeaders {
			f.wire = f.Name
		}
		if f.Flags&(Required|Pointer) == Required && isScalar(s.Types[f.Type].Kind) {
			f.track = next
			t.tracked |= next
			next <<= 1
		}
		if f.Loc != InBody {
			t.bound = true
		}
		if f.Loc == InPayload {
			t.payload = f
		}
		if s.Types[f.Type].Kind == KindEvents {
			t.events = f
		}
	}
	if len(t.fields) > fewFields {
		t.byName = make(map[string]int, len(t.fields))
		for i := range t.fields {
			t.byName[t.fields[i].wire] = i
		}
	}
}

func prepareRules(r *rules, c *Constraints) {
	if c == nil {
		return
	}
	r.some = true
	r.min, r.minF, r.hasMin = bound(c.Min)
	r.max, r.maxF, r.hasMax = bound(c.Max)
	r.unique = c.Unique
	if len(c.Enum) > 0 {
		r.enum = make(map[string]struct{}, len(c.Enum))
		for _, v := range c.Enum {
			r.enum[v] = struct{}{}
		}
	}
}

func bound(text string) (n int64, f float64, ok bool) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, 0, false
	}
	if n, err = strconv.ParseInt(text, 10, 64); err != nil {
		n = int64(f)
	}
	return n, f, true
}

func checksBelow(t *typePlan) bool {
	if t.rules.some || t.elem != nil && t.elem.checks || t.key != nil && t.key.checks {
		return true
	}
	for i := range t.fields {
		if t.fields[i].Flags&Required != 0 || t.fields[i].typ.checks {
			return true
		}
	}
	return false
}

// isScalar tells the kinds whose required members are Go values, which cannot show absence. A required timestamp can
// (it is the zero time), so it is not one.
func isScalar(k Kind) bool { return k >= KindString && k <= KindBool }

// field finds the member called name on the wire. next is where it is expected: members mostly come in model order.
func (t *typePlan) field(name string, next int) int {
	if next < len(t.fields) && t.fields[next].wire == name {
		return next
	}
	if t.byName != nil {
		if i, ok := t.byName[name]; ok {
			return i
		}
		return -1
	}
	for i := range t.fields {
		if t.fields[i].wire == name {
			return i
		}
	}
	return -1
}

// named finds a member by its name in the model, whose first letter may have either case.
func (t *typePlan) named(name string) int {
	if name == "" {
		return -1
	}
	for i := range t.fields {
		if n := t.fields[i].Name; n[1:] == name[1:] && strings.EqualFold(n[:1], name[:1]) {
			return i
		}
	}
	return -1
}

// timeFormat is the format of a timestamp member, or def where the model names none.
func (f *fieldPlan) timeFormat(def TimeFormat) TimeFormat {
	switch {
	case f.Time != TimeDefault:
		return f.Time
	case f.typ.Time != TimeDefault:
		return f.typ.Time
	}
	return def
}

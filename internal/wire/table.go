// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Generated code does not hold Types and Operations as Go values: tens of thousands of structures with pointers would be megabytes that
// each garbage collection reads, used or not. It holds Table, a text that nothing reads before the service's first call, and
// Go, the Go types of those shapes that have one. tools/apigen writes the text:
//
//	sSendMessageRequest            one line for each shape in the order of their Refs: its kind, its name, its traits
//	 7 !R                          below it one for each member: Ref of its type, traits
//	 3 !P
//	tString
//	lTagKeyList e9 >50
//	/SendMessage 1 2               one for each operation: its name, input, output, traits
//
// A trait is a letter (see shapeTrait, errorTrait, memberTrait and operationTrait) and its value, quoted as in Go where it is
// empty or holds a space or a quote. Names and offsets of members are not written: they are those of the Go structure's
// fields, which stand in the same order.

// kinds are the letters of the kinds. Those of goKinds take the next of Schema.Go.
var kinds = map[byte]Kind{
	's': KindStruct, 'u': KindUnion, 'l': KindList, 'm': KindMap, 't': KindString, 'i': KindInt32, 'j': KindInt64,
	'f': KindFloat32, 'd': KindFloat64, 'b': KindBool, 'x': KindBlob, 'z': KindTime, 'o': KindDocument, 'y': KindStream,
	'v': KindEvents, 'a': KindAttribute,
}

const goKinds = "sulmva"

// flags are the letters of memberTrait '!'.
var flags = map[rune]FieldFlags{
	'R': Required, 'P': Pointer, 'F': Flattened, 'A': XMLAttribute, 'I': IdempotencyToken, 'S': Sensitive, 'H': HostLabel,
	'J': JSONValue, 'V': EventPayload, 'U': EventHeader, '1': EventByte, '2': EventShort,
}

// locations are the values of memberTrait '@'.
var locations = map[string]Location{
	"u": InURI, "q": InQuery, "h": InHeader, "H": InHeaders, "s": InStatus, "p": InPayload, "e": InEvent,
}

// unpack makes Types and Operations of Table and Go. Both are generated, so that a fault in them is a fault of the program: it panics.
func (s *Schema) unpack() {
	if s.Table == "" {
		return
	}
	lines := strings.Split(strings.Trim(s.Table, "\n"), "\n")
	types := make([]Type, 1, len(lines)+1) // the first stands for "none"
	members, operations := 0, 0
	for _, l := range lines {
		switch l[0] {
		case ' ':
			members++
		case '/':
			operations++
		default:
			types = append(types, Type{})
		}
	}
	u := unpacker{schema: s, types: types, members: make([]Field, 0, members), gos: s.Go}
	s.Operations = make([]Operation, 0, operations)
	for _, l := range lines {
		u.text = l[1:]
		switch l[0] {
		case ' ':
			u.member()
		case '/':
			s.Operations = append(s.Operations, u.operation())
		default:
			u.shape(l[0])
		}
	}
	if u.close(); len(u.gos) > 0 {
		u.fail("%d Go types are left over", len(u.gos))
	}
	s.Types = types
}

// unpacker reads one line after another.
type unpacker struct {
	schema  *Schema
	types   []Type
	members []Field // of all types, in one piece; a type has a part of it
	gos     []any   // those that are not taken yet
	text    string  // the rest of the line

	ref    Ref          // of the shape that is being read
	first  int          // its first member
	goType reflect.Type // its Go structure; nil for none
	next   int          // the structure's next field
}

func (u *unpacker) fail(format string, args ...any) {
	panic("wire: table of " + u.schema.ID + ", " + u.types[u.ref].Name + ": " + fmt.Sprintf(format, args...))
}

// word takes the next word of the line.
func (u *unpacker) word() string {
	w, rest, _ := strings.Cut(u.text, " ")
	u.text = rest
	return w
}

// trait takes the next trait of the line.
func (u *unpacker) trait() (letter byte, value string, ok bool) {
	if u.text == "" {
		return 0, "", false
	}
	letter, u.text = u.text[0], u.text[1:]
	if !strings.HasPrefix(u.text, `"`) {
		return letter, u.word(), true
	}
	quoted, err := strconv.QuotedPrefix(u.text)
	if err == nil {
		u.text = strings.TrimPrefix(u.text[len(quoted):], " ")
		value, err = strconv.Unquote(quoted)
	}
	if err != nil {
		u.fail("%s: %v", u.text, err)
	}
	return letter, value, true
}

func (u *unpacker) number(s string) Ref {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || int(n) >= len(u.types) {
		u.fail("no type %q", s)
	}
	return Ref(n)
}

// close ends the shape before.
func (u *unpacker) close() {
	if u.goType != nil && u.next != u.goType.NumField() {
		u.fail("%d members, %s has %d fields", u.next, u.goType, u.goType.NumField())
	}
	t := &u.types[u.ref]
	t.Fields = u.members[u.first:len(u.members):len(u.members)]
	if t.Error != nil && t.Error.Code == "" {
		t.Error.Code = t.Name
	}
	if t.Error != nil && t.Error.Message == "" {
		t.Error.Message = "message"
	}
	u.goType, u.next, u.first = nil, 0, len(u.members)
}

func (u *unpacker) shape(kind byte) {
	u.close()
	u.ref++
	t := &u.types[u.ref]
	t.Kind, t.Name = kinds[kind], u.word()
	if t.Kind == KindNone {
		u.fail("no kind %q", kind)
	}
	if strings.IndexByte(goKinds, kind) >= 0 {
		if len(u.gos) == 0 {
			u.fail("no Go type is left")
		}
		t.Go, u.goType = goTypeOf(u.gos[0])
		u.gos = u.gos[1:]
		if !fits(t.Kind, t.Go) {
			u.fail("it cannot be a %T", t.Go)
		}
	}
	for {
		letter, value, ok := u.trait()
		if !ok {
			return
		}
		u.shapeTrait(t, letter, value)
	}
}

// fits tells whether g gives the access that kind needs.
func fits(kind Kind, g GoType) (ok bool) {
	switch kind {
	case KindList:
		_, ok = g.(sliceType)
	case KindMap:
		_, ok = g.(mapType)
	case KindEvents:
		_, ok = g.(eventsType)
	default:
		_, ok = g.(structType)
	}
	return ok
}

func (u *unpacker) shapeTrait(t *Type, letter byte, value string) {
	switch letter {
	case 'e':
		t.Elem = u.number(value)
	case 'n':
		t.ElemName = value
	case 'k':
		t.Key = u.number(value)
	case 'q':
		t.KeyName = value
	case 'F':
		t.Flattened = true
	case 'S':
		t.Sparse = true
	case 'T':
		t.Time = TimeFormat(u.digit(value))
	case 'w':
		t.Wire = value
	case 'N':
		t.Namespace = namespace(value)
	case 'L':
		t.ElemNamespace = namespace(value)
	case 'Y':
		t.KeyNamespace = namespace(value)
	case '<', '>', 'p', '=':
		if t.Rules == nil {
			t.Rules = &Constraints{}
		}
		t.Rules.set(letter, value)
	default:
		if t.Error == nil {
			t.Error = &ErrorInfo{}
		}
		u.errorTrait(t.Error, letter, value)
	}
}

func (c *Constraints) set(letter byte, value string) {
	switch letter {
	case '<':
		c.Min = value
	case '>':
		c.Max = value
	case 'p':
		c.Pattern = value
	case '=':
		c.Enum = append(c.Enum, value)
	}
}

func (u *unpacker) errorTrait(e *ErrorInfo, letter byte, value string) {
	switch letter {
	case 'E':
		e.Code = value
	case 'C':
		e.Status = u.digit(value)
	case 'X':
		e.Sender = true
	case 'Q':
		e.QueryCode = value
	case 'G':
		e.Prefix = value
	case 'M':
		e.Message = value
	default:
		u.fail("no trait %q", letter)
	}
}

func (u *unpacker) digit(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		u.fail("%v", err)
	}
	return n
}

// namespace reads "uri" or "prefix uri".
func namespace(s string) *XMLNamespace {
	if prefix, uri, ok := strings.Cut(s, " "); ok {
		return &XMLNamespace{URI: uri, Prefix: prefix}
	}
	return &XMLNamespace{URI: s}
}

// member reads one member. An exception of an event stream is yielded and no field of the structure: it has its name.
func (u *unpacker) member() {
	var f Field
	w := u.word()
	if name, ok := strings.CutPrefix(w, "~"); ok {
		f.Name, w = name, u.word()
	} else {
		if u.goType == nil || u.next >= u.goType.NumField() {
			u.fail("no field is left for member %d", u.next)
		}
		g := u.goType.Field(u.next)
		f.Name, f.Off = g.Name, g.Offset
		u.next++
	}
	f.Type = u.number(w)
	for {
		letter, value, ok := u.trait()
		if !ok {
			break
		}
		u.memberTrait(&f, letter, value)
	}
	u.members = append(u.members, f)
}

func (u *unpacker) memberTrait(f *Field, letter byte, value string) {
	switch letter {
	case 'l':
		f.Name = strings.ToLower(f.Name[:1]) + f.Name[1:]
	case '!':
		for _, c := range value {
			f.Flags |= flags[c]
		}
	case '@':
		f.Loc = locations[value]
		if f.Loc == InBody {
			u.fail("no location %q", value)
		}
	case 'w':
		f.Wire = value
	case 'T':
		f.Time = TimeFormat(u.digit(value))
	case 'q':
		f.QueryName = value
	case 'N':
		f.Namespace = namespace(value)
	case 'a':
		f.AltWire = value
	default:
		u.fail("no trait %q of %s", letter, f.Name)
	}
}

func (u *unpacker) operation() Operation {
	op := Operation{Name: u.word(), Method: "POST", URI: "/"}
	op.Input, op.Output = u.number(u.word()), u.number(u.word())
	for {
		letter, value, ok := u.trait()
		if !ok {
			return op
		}
		u.operationTrait(&op, letter, value)
	}
}

func (u *unpacker) operationTrait(op *Operation, letter byte, value string) {
	switch letter {
	case 'm':
		op.Method = value
	case 'u':
		op.URI = value
	case 's':
		op.Status = u.digit(value)
	case 'i':
		op.NoInput = true
	case 'o':
		op.NoOutput = true
	case 'e':
		for e := range strings.SplitSeq(value, ",") {
			op.Errors = append(op.Errors, u.number(e))
		}
	case 'a':
		op.NoAuth = true
	case 'h':
		op.HostPrefix = value
	case 'R':
		op.ResultWrapper = op.Name + "Result"
	case 'r':
		op.ResultWrapper = value
	case 'n':
		op.InputName = value
	case 'N':
		op.InputNamespace = namespace(value)
	case 'U':
		op.UnwrappedOutput = true
	case 't':
		op.OutputMediaType = value
	case 'b':
		op.MaxBody = int64(u.digit(value))
	case 'p':
		op.UnsignedPayload = true
	default:
		u.fail("no trait %q of %s", letter, op.Name)
	}
}

// goTypeOf returns the access to the Go type that x stands for, and its structure if it is one: (*T)(nil) stands for
// structure T, (*[]T)(nil) and (*map[string]T)(nil) for list and map; others stand for themselves.
func goTypeOf(x any) (GoType, reflect.Type) {
	t := reflect.TypeOf(x)
	if g, ok := x.(GoType); ok {
		if e, ok := x.(eventsType); ok {
			return g, e.union()
		}
		return g, nil
	}
	switch t = t.Elem(); t.Kind() {
	case reflect.Slice:
		return sliceOfType(t), nil
	case reflect.Map:
		return mapOfType(t), nil
	default:
		return structOfType(t), t
	}
}

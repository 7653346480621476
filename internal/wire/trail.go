// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// trail is where a decoder or the validator stands, for the paths in validation messages, and what a decoder found to be
// missing. Its strings may alias the request body; a path is a copy.
type trail struct {
	room    [6]segment // the first segments: in place, so that the trail stays on the stack
	deeper  []segment  // those after them
	depth   int
	missing [][]segment // positions of required members that were absent and that no Go value shows to be so
}

// segment is a member's name, a map key (key set) or a list position counted from 1 (name empty).
type segment struct {
	name  string
	index int
	key   bool
}

// isIndex tells positions in a list from names.
func (s segment) isIndex() bool { return s.name == "" && !s.key }

func (t *trail) pushMember(name string) { t.push(segment{name: name}) }
func (t *trail) pushIndex(i int)        { t.push(segment{index: i}) }
func (t *trail) pushKey(key string)     { t.push(segment{name: key, key: true}) }

func (t *trail) push(s segment) {
	if t.depth < len(t.room) {
		t.room[t.depth] = s
	} else {
		t.deeper = append(t.deeper, s)
	}
	t.depth++
}

func (t *trail) pop() {
	if t.depth--; t.depth >= len(t.room) {
		t.deeper = t.deeper[:t.depth-len(t.room)]
	}
}

// at returns the segment at depth i.
func (t *trail) at(i int) segment {
	if i < len(t.room) {
		return t.room[i]
	}
	return t.deeper[i-len(t.room)]
}

// maxPath is about how many bytes a path may have: a key is as long as its request made it.
const maxPath = 4 << 10

// path renders the position as AWS does: "globalSecondaryIndexes.1.member.provisionedThroughput". It stops soon after maxPath.
func (t *trail) path() string {
	var b []byte
	for i := range t.depth {
		s := t.at(i)
		if len(b) > maxPath {
			break
		}
		if len(b) > 0 {
			b = append(b, '.')
		}
		switch {
		case s.key:
			key := s.name
			if len(key) > maxPath {
				key = strings.ToValidUTF8(key[:maxPath], "")
			}
			b = append(append(b, key...), ".member"...)
		case s.isIndex():
			b = append(strconv.AppendInt(b, int64(s.index), 10), ".member"...)
		default:
			b = appendDecapitalized(b, s.name)
		}
	}
	return string(b)
}

// appendDecapitalized appends name with its first letter in lower case, as Java names its fields: KMSKeyArn is kMSKeyArn.
func appendDecapitalized(b []byte, name string) []byte {
	r, n := utf8.DecodeRuneInString(name)
	return append(utf8.AppendRune(b, unicode.ToLower(r)), name[n:]...)
}

// require records the tracked members of t that are not among seen. The trail stands at the structure.
func (t *trail) require(typ *typePlan, seen uint64) {
	if typ.tracked&^seen == 0 {
		return
	}
	for i := range typ.fields {
		if f := &typ.fields[i]; f.track&^seen != 0 {
			t.pushMember(f.Name)
			t.miss()
			t.pop()
		}
	}
}

// maxMissing bounds the work and the message that a request made of nulls can cause.
const maxMissing = 100

// miss records that the value at the trail is absent.
func (t *trail) miss() {
	if len(t.missing) >= maxMissing {
		return
	}
	position := make([]segment, t.depth)
	for i := range position {
		position[i] = t.at(i)
	}
	t.missing = append(t.missing, position)
}

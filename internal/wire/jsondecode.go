// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/gustcloud/gust/internal/base/av"
)

// jsonDecoder decodes JSON text into Go values.
type jsonDecoder struct {
	scanner
	trail
	allowance
	schema *Schema
	texts  []string // room for optional strings
	tree   bool     // members have their model names, timestamps may be ISO 8601 text: see DecodeJSON
	strict bool     // REST-JSON takes less than AWS JSON: see the uses
}

// start readies d, a zero decoder, for data. It is no constructor so that decoders stay on the stack.
func (d *jsonDecoder) start(s *Schema, data []byte) error {
	if !utf8.Valid(data) {
		return errSyntax()
	}
	d.schema = s
	d.allow(len(data))
	d.data, d.clone = data, len(data) > cloneAbove
	return nil
}

// document decodes the whole text, an object, into the structure at p and returns the tracked members that it held.
// bodyOnly leaves out members that the HTTP binding puts elsewhere. Empty text is an empty object.
func (d *jsonDecoder) document(t *typePlan, p unsafe.Pointer, bodyOnly bool) (seen uint64, err error) {
	switch d.peek() {
	case '{':
		seen, err = d.object(t, p, bodyOnly)
	case '[':
		return 0, serialization(msgList)
	case 0:
		if d.pos == len(d.data) {
			return 0, nil
		}
		return 0, errSyntax()
	default:
		if err = d.skip(); err == nil {
			err = serialization(msgElementType)
		}
	}
	if err != nil {
		return 0, err
	}
	return seen, d.end()
}

// object decodes an object into a structure or union; the next byte is its brace.
func (d *jsonDecoder) object(t *typePlan, p unsafe.Pointer, bodyOnly bool) (seen uint64, err error) {
	if err := d.open(); err != nil {
		return 0, err
	}
	next, set := 0, 0
	var had fieldSet
	for first := true; ; first = false {
		more, err := d.more('}', first)
		if err != nil {
			return 0, err
		}
		if !more {
			break
		}
		name, err := d.key()
		if err != nil {
			return 0, err
		}
		var i int
		if d.tree {
			i = t.named(name)
		} else {
			i = t.field(name, next)
		}
		if i < 0 && d.strict && name != "__type" {
			set += 2 // makes a union invalid, even beside a known member
		}
		if i < 0 || bodyOnly && t.fields[i].Loc != InBody {
			if err := d.skip(); err != nil {
				return 0, err
			}
			continue
		}
		next = i + 1
		if had.add(i) {
			return 0, errTwice(name)
		}
		f := &t.fields[i]
		present, err := d.member(f, p)
		if err != nil {
			return 0, err
		}
		if present {
			seen |= f.track
			set++
		}
	}
	if t.Kind == KindUnion && set != 1 {
		return 0, errUnion(t)
	}
	return seen, nil
}

// member decodes the value of f into the structure at p; null counts as absent.
func (d *jsonDecoder) member(f *fieldPlan, p unsafe.Pointer) (present bool, err error) {
	if null, err := d.null(); null || err != nil {
		return false, err
	}
	if f.typ.Kind == KindStream || f.typ.Kind == KindEvents {
		return false, d.skip()
	}
	if err := d.spendMember(f.typ); err != nil {
		return false, err
	}
	d.pushMember(f.Name)
	err = d.value(f.typ, d.enter(f, p), f.timeFormat(TimeEpoch), msgFieldType)
	d.pop()
	return true, err
}

// enter is f.enter with less work for what most members are: optional strings share an allocation.
func (d *jsonDecoder) enter(f *fieldPlan, p unsafe.Pointer) unsafe.Pointer {
	if f.Flags&Pointer == 0 || f.typ.Kind != KindString {
		return f.enter(p)
	}
	if len(d.texts) == 0 {
		d.texts = make([]string, 4)
	}
	text := &d.texts[0]
	d.texts = d.texts[1:]
	*(**string)(unsafe.Add(p, f.Off)) = text
	return unsafe.Pointer(text)
}

// value decodes a value that is not null to v, in value position. wrong is the message for a scalar in the place of a
// collection.
func (d *jsonDecoder) value(t *typePlan, v unsafe.Pointer, tf TimeFormat, wrong string) error {
	c := d.peek()
	switch t.Kind {
	case KindStruct, KindUnion:
		if c != '{' {
			return d.mismatch(t, wrong)
		}
		seen, err := d.object(t, v, false)
		if err != nil {
			return err
		}
		d.require(t, seen)
		return nil
	case KindList:
		if c != '[' {
			return d.mismatch(t, wrong)
		}
		return d.list(t, v)
	case KindMap:
		if c != '{' {
			return d.mismatch(t, wrong)
		}
		if t.elem.Kind == KindAttribute {
			m, err := d.attributes()
			*(*map[string]av.Value)(v) = m
			return err
		}
		return d.mapping(t, v)
	case KindAttribute:
		if c != '{' {
			return d.mismatch(attributeStruct, wrong)
		}
		return d.attribute(v)
	case KindDocument:
		start := d.pos
		if err := d.skip(); err != nil {
			return err
		}
		*(*[]byte)(v) = bytes.Clone(d.data[start:d.pos])
		return nil
	case KindString, KindBlob, KindBool:
		return d.textual(t, v, c)
	case KindTime:
		return d.time(t, v, tf, c)
	default:
		return d.numeric(t, v, c)
	}
}

func (d *jsonDecoder) list(t *typePlan, v unsafe.Pointer) error {
	if err := d.open(); err != nil {
		return err
	}
	t.sl.empty(v)
	for n := 1; ; n++ {
		more, err := d.more(']', n == 1)
		if err != nil || !more {
			return err
		}
		if err := d.spendElement(t); err != nil {
			return err
		}
		d.pushIndex(n)
		null, err := d.null()
		switch {
		case err != nil:
		case !null:
			err = d.value(t.elem, t.room(t.sl.extend(v)), t.elem.Time, msgElementType)
		case t.Sparse:
			t.sl.extend(v)
		case d.strict && !t.elem.rules.some:
			err = errNull(t)
		default:
			d.miss()
			t.sl.extend(v)
		}
		d.pop()
		if err != nil {
			return err
		}
	}
}

func (d *jsonDecoder) mapping(t *typePlan, v unsafe.Pointer) error {
	if err := d.open(); err != nil {
		return err
	}
	t.mp.empty(v)
	room := t.mp.scratch()
	for first := true; ; first = false {
		more, err := d.more('}', first)
		if err != nil || !more {
			return err
		}
		if err := d.spendEntry(&t.costs, t.mp.length(v)); err != nil {
			return err
		}
		key, err := d.mapKey()
		if err != nil {
			return err
		}
		null, err := d.null()
		if err != nil {
			return err
		}
		if null {
			switch {
			case t.Sparse:
				err = d.store(t, v, key, room)
			case d.strict:
				err = errNull(t)
			}
			if err != nil {
				return err
			}
			continue
		}
		d.pushKey(key)
		err = d.value(t.elem, t.room(room), t.elem.Time, msgElementType)
		d.pop()
		if err != nil {
			return err
		}
		if err := d.store(t, v, key, room); err != nil {
			return err
		}
	}
}

// store puts the value in room into the map at v, which must not have the key yet.
func (d *jsonDecoder) store(t *typePlan, v unsafe.Pointer, key string, room unsafe.Pointer) error {
	size := t.mp.length(v)
	if t.mp.store(v, key, room); t.mp.length(v) == size {
		return errTwice(key)
	}
	return nil
}

// textual decodes strings, blobs and booleans. c is the next byte.
func (d *jsonDecoder) textual(t *typePlan, v unsafe.Pointer, c byte) error {
	switch {
	case t.Kind == KindBool && c == 't':
		*(*bool)(v) = true
		return d.literal("true")
	case t.Kind == KindBool && c == 'f':
		*(*bool)(v) = false
		return d.literal("false")
	case t.Kind == KindString && c == '"':
		s, err := d.string()
		*(*string)(v) = s
		return err
	case t.Kind == KindBlob && c == '"':
		s, err := d.text(false)
		if err != nil {
			return err
		}
		b, err := decodeBase64(s)
		*(*[]byte)(v) = b
		return err
	}
	return d.mismatch(t, "")
}

// decodeBase64's texts are DynamoDB's, recorded by the tests of the emulator dynalite; unverified for other services.
func decodeBase64(s string) ([]byte, error) {
	b := make([]byte, base64.StdEncoding.DecodedLen(len(s)))
	n, err := base64.StdEncoding.Decode(b, unsafe.Slice(unsafe.StringData(s), len(s)))
	switch {
	case err == nil:
		return b[:n], nil
	case len(s)%4 != 0:
		return nil, serialization("Base64 encoded length is expected a multiple of 4 bytes but found: %d", len(s))
	}
	return nil, serialization("Invalid last non-pad Base64 character dectected") // spelt as AWS does
}

// numeric decodes integers and floating point numbers. c is the next byte.
func (d *jsonDecoder) numeric(t *typePlan, v unsafe.Pointer, c byte) error {
	if c == '"' && (t.Kind == KindFloat32 || t.Kind == KindFloat64) {
		s, err := d.text(false)
		if err != nil {
			return err
		}
		if f, ok := namedFloat(s); ok {
			return setFloat(t, v, f)
		}
		return serialization("STRING_VALUE cannot be converted to %s", javaName(t))
	}
	if c != '-' && (c < '0' || c > '9') {
		return d.mismatch(t, "")
	}
	text, whole, err := d.number()
	if err != nil {
		return err
	}
	if t.Kind == KindFloat32 || t.Kind == KindFloat64 {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return serialization("NUMBER_VALUE cannot be converted to %s", javaName(t)) // unverified
		}
		return setFloat(t, v, f)
	}
	n, ok := parseInteger(text, whole)
	if !ok || !t.holds(n) {
		return serialization("%s cannot be converted to %s", numberToken(whole), javaName(t)) // unverified
	}
	setInteger(t, v, n)
	return nil
}

// parseInteger accepts 3.0 and 1e3 too: they are integers, and some clients' languages have no other numbers.
func parseInteger(text string, whole bool) (int64, bool) {
	if whole {
		n, err := strconv.ParseInt(text, 10, 64)
		return n, err == nil
	}
	f, err := strconv.ParseFloat(text, 64)
	const exact = 1 << 53
	if err != nil || f != math.Trunc(f) || f > exact || f < -exact {
		return 0, false
	}
	return int64(f), true
}

func setInteger(t *typePlan, v unsafe.Pointer, n int64) {
	if t.Kind == KindInt32 {
		*(*int32)(v) = int32(n)
		return
	}
	*(*int64)(v) = n
}

func setFloat(t *typePlan, v unsafe.Pointer, f float64) error {
	if t.Kind == KindFloat64 {
		*(*float64)(v) = f
		return nil
	}
	if !math.IsInf(f, 0) && math.IsInf(float64(float32(f)), 0) {
		return serialization("NUMBER_VALUE cannot be converted to %s", javaName(t)) // unverified
	}
	*(*float32)(v) = float32(f)
	return nil
}

func namedFloat(s string) (float64, bool) {
	switch s {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	return 0, false
}

// time decodes a timestamp: a number in seconds, or a string where the model says so.
func (d *jsonDecoder) time(t *typePlan, v unsafe.Pointer, tf TimeFormat, c byte) error {
	var at time.Time
	var text string
	var err error
	epoch := tf == TimeDefault || tf == TimeEpoch
	if d.tree {
		if tf, epoch = TimeISO8601, c != '"'; epoch {
			tf = TimeEpoch
		}
	}
	switch {
	case epoch && (c == '-' || '0' <= c && c <= '9'):
		text, _, err = d.number()
	case !epoch && c == '"':
		text, err = d.text(false)
	default:
		return d.mismatch(t, "")
	}
	if err != nil {
		return err
	}
	if at, err = parseTime(text, tf); err == nil && d.strict && tf == TimeISO8601 && !isDateTime(text) {
		err = errTimestamp
	}
	if err != nil {
		return serialization("%q is not a valid timestamp", shortened(text)) // unverified
	}
	*(*time.Time)(v) = at
	return nil
}

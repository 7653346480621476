// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"strings"
	"unsafe"
)

// cborDecoder decodes CBOR into Go values.
type cborDecoder struct {
	cborScanner
	trail
	allowance
	millis bool // timestamps are milliseconds: see amzCBOR
}

// start readies d, a zero decoder, for data. It is no constructor so that decoders stay on the stack.
func (d *cborDecoder) start(data []byte) {
	d.allow(len(data))
	d.data, d.clone = data, len(data) > cloneAbove
}

// document decodes the whole data, a map, into the structure at p and returns the tracked members that it held. bodyOnly
// leaves out members that stand elsewhere. No data at all is an empty map.
func (d *cborDecoder) document(t *typePlan, p unsafe.Pointer, bodyOnly bool) (seen uint64, err error) {
	if len(d.data) == 0 {
		return 0, nil
	}
	h, err := d.untagged()
	switch {
	case err != nil:
		return 0, err
	case h.major == cborList:
		return 0, serialization(msgList)
	case h.major != cborMap:
		return 0, serialization(msgElementType)
	}
	if seen, err = d.object(t, p, h, bodyOnly); err != nil {
		return 0, err
	}
	if d.left() {
		return 0, errCBOR()
	}
	return seen, nil
}

// untagged reads the next head that is no tag: what tags mean is the model's to say. Each is one byte or more of the data,
// and costs no depth.
func (d *cborDecoder) untagged() (head, error) {
	for {
		h, err := d.head()
		if err != nil || h.major != cborTag {
			return h, err
		}
	}
}

// fieldSet is a set of a structure's members, by their position. Those after the 256th are never in it.
type fieldSet [4]uint64

// add adds i and tells whether it was there.
func (s *fieldSet) add(i int) (had bool) {
	if i >= 64*len(s) {
		return false
	}
	word, bit := &s[i/64], uint64(1)<<(i%64)
	had = *word&bit != 0
	*word |= bit
	return had
}

// errDuplicate refuses what RFC 8949, section 5.6 calls invalid. AWS's own answer is not known.
func errDuplicate() error { return serialization("A map has the same key twice.") }

// object decodes the map whose head is h into a structure or union.
func (d *cborDecoder) object(t *typePlan, p unsafe.Pointer, h head, bodyOnly bool) (seen uint64, err error) {
	if !d.fits(h.arg) {
		return 0, errCBOR()
	}
	if err := d.enter(); err != nil {
		return 0, err
	}
	defer d.leave()
	next, set := 0, 0
	var had fieldSet
	for n := uint64(0); ; n++ {
		more, err := d.more(h, n)
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
		i := t.field(name, next)
		if i < 0 || bodyOnly && t.fields[i].Loc != InBody {
			if err := d.skip(); err != nil {
				return 0, err
			}
			continue
		}
		next = i + 1
		if had.add(i) {
			return 0, errDuplicate()
		}
		present, err := d.member(&t.fields[i], p)
		if err != nil {
			return 0, err
		}
		if present {
			seen |= t.fields[i].track
			set++
		}
	}
	if t.Kind == KindUnion && set != 1 {
		return 0, serialization("Union %s must have exactly one member set", t.Name) // unverified
	}
	return seen, nil
}

// member decodes the value of f into the structure at p; null counts as absent.
func (d *cborDecoder) member(f *fieldPlan, p unsafe.Pointer) (present bool, err error) {
	if d.null() {
		return false, nil
	}
	switch f.typ.Kind {
	case KindStream, KindEvents, KindDocument: // the protocol has no documents
		return false, d.skip()
	default:
	}
	if err := d.spendMember(f.typ); err != nil {
		return false, err
	}
	d.pushMember(f.Name)
	err = d.value(f.typ, f.enter(p), msgFieldType)
	d.pop()
	return true, err
}

// value decodes a value that is not null to v, in value position. wrong is the message for what is no collection in the
// place of one.
func (d *cborDecoder) value(t *typePlan, v unsafe.Pointer, wrong string) error {
	if t.Kind >= KindInt32 && t.Kind <= KindFloat64 || t.Kind == KindTime {
		return d.numeric(t, v)
	}
	h, err := d.untagged()
	if err != nil {
		return err
	}
	switch {
	case t.Kind == KindString && h.major == cborText:
		s, err := d.text(h, d.clone)
		*(*string)(v) = s
		return err
	case t.Kind == KindBlob && h.major == cborBytes:
		b, err := d.bytes(h)
		if err == nil && !h.open {
			b = bytes.Clone(b)
		}
		if b == nil {
			b = []byte{}
		}
		*(*[]byte)(v) = b
		return err
	case t.Kind == KindBool && h.major == cborSimple && (h.info == cborFalse || h.info == cborTrue):
		*(*bool)(v) = h.info == cborTrue
		return nil
	case t.Kind == KindList && h.major == cborList:
		return d.list(t, v, h)
	case t.Kind == KindMap && h.major == cborMap:
		return d.mapping(t, v, h)
	case (t.Kind == KindStruct || t.Kind == KindUnion) && h.major == cborMap:
		seen, err := d.object(t, v, h, false)
		if err != nil {
			return err
		}
		d.require(t, seen)
		return nil
	}
	return d.mismatch(t, h, wrong)
}

func (d *cborDecoder) list(t *typePlan, v unsafe.Pointer, h head) error {
	if !d.fits(h.arg) {
		return errCBOR()
	}
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	t.sl.empty(v)
	for n := uint64(0); ; n++ {
		more, err := d.more(h, n)
		if err != nil || !more {
			return err
		}
		if err := d.spendElement(t); err != nil {
			return err
		}
		d.pushIndex(int(n) + 1)
		switch {
		case !d.null():
			err = d.value(t.elem, t.room(t.sl.extend(v)), msgElementType)
		case t.Sparse:
			t.sl.extend(v)
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

func (d *cborDecoder) mapping(t *typePlan, v unsafe.Pointer, h head) error {
	if !d.fits(h.arg) {
		return errCBOR()
	}
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	t.mp.empty(v)
	room := t.mp.scratch()
	for n := uint64(0); ; n++ {
		more, err := d.more(h, n)
		if err != nil || !more {
			return err
		}
		if err := d.spendEntry(&t.costs, t.mp.length(v)); err != nil {
			return err
		}
		key, err := d.key()
		if err != nil {
			return err
		}
		if d.clone {
			key = strings.Clone(key)
		}
		switch {
		case !d.null():
			d.pushKey(key)
			err = d.value(t.elem, t.room(room), msgElementType)
			d.pop()
			if err != nil {
				return err
			}
		case !t.Sparse:
			continue
		}
		size := t.mp.length(v)
		t.mp.store(v, key, room)
		if t.mp.length(v) == size {
			return errDuplicate()
		}
	}
}

// mismatch words the error for an item of the wrong type, whose head is h. The texts follow the JSON decoder's: AWS's own
// for CBOR are not known.
func (d *cborDecoder) mismatch(t *typePlan, h head, wrong string) error {
	token := numberToken(true)
	switch h.major {
	case cborMap:
		return serialization(msgStructure)
	case cborList:
		return serialization(msgList)
	case cborText:
		token = "STRING_VALUE"
	case cborBytes:
		token = "BINARY_VALUE"
	case cborSimple:
		switch h.info {
		case cborTrue:
			token = "TRUE_VALUE"
		case cborFalse:
			token = "FALSE_VALUE"
		case cborNull, cborUndefined:
			token = "NULL_VALUE"
		default:
			token = numberToken(false)
		}
	}
	switch t.Kind {
	case KindStruct, KindUnion, KindList, KindMap:
		return serialization("%s", wrong)
	default:
		return serialization("%s cannot be converted to %s", token, javaName(t))
	}
}

// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"github.com/gustcloud/gust/internal/base/av"
)

// This file is the JSON form of DynamoDB's attribute values: {"S":"text"}. Types of KindAttribute are av.Value in Go.
// What is no value of one data type (empty, or several) is kept as such, for the service to refuse in its words.

// attribute decodes the object at the position into the av.Value at v.
func (d *jsonDecoder) attribute(v unsafe.Pointer) error {
	if err := d.open(); err != nil {
		return err
	}
	value, set := av.Value{}, 0
	for first := true; ; first = false {
		more, err := d.more('}', first)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		name, err := d.key()
		if err != nil {
			return err
		}
		kind := av.KindOf(name)
		null, err := d.null()
		switch {
		case err != nil:
			return err
		case null:
			continue
		case kind == av.None:
			if err := d.skip(); err != nil {
				return err
			}
			continue
		}
		set++
		if err := d.collection(kind); err != nil {
			return err
		}
		if value, err = d.attributeOf(kind); err != nil {
			return err
		}
	}
	if set > 1 {
		value = av.Ambiguous()
	}
	*(*av.Value)(v) = value
	return nil
}

// collection takes what a value of that kind has beside its elements.
func (d *jsonDecoder) collection(kind av.Kind) error {
	switch kind {
	case av.M, av.L, av.SS, av.NS, av.BS:
		return d.spend(collectionCost)
	default:
		return nil
	}
}

// The types that the members of an attribute value have, for messages about wrong ones.
var (
	attributeText   = &typePlan{Type: &Type{Name: "String", Kind: KindString}}
	attributeBytes  = &typePlan{Type: &Type{Name: "Blob", Kind: KindBlob}}
	attributeTruth  = &typePlan{Type: &Type{Name: "Boolean", Kind: KindBool}}
	attributeStruct = &typePlan{Type: &Type{Name: "AttributeValue", Kind: KindStruct}}
	attributeTexts  = &typePlan{Type: &Type{Name: "StringSet", Kind: KindList}, elem: attributeText}
	attributeMap    = &typePlan{Type: &Type{Name: "Map", Kind: KindMap}, elem: attributeStruct}
)

// attributeOf decodes the value of the member that names kind.
func (d *jsonDecoder) attributeOf(kind av.Kind) (av.Value, error) {
	c := d.peek()
	switch kind {
	case av.S, av.N:
		s, err := d.attributeString(c)
		if kind == av.N {
			return av.Number(s), err
		}
		return av.String(s), err
	case av.B:
		s, err := d.attributeBinary(c)
		return av.Binary(s), err
	case av.BOOL, av.NULL:
		var truth bool
		err := d.textual(attributeTruth, unsafe.Pointer(&truth), c)
		if kind == av.NULL {
			return av.Null(truth), err
		}
		return av.Bool(truth), err
	case av.M:
		if c != '{' {
			return av.Value{}, d.mismatch(attributeMap, msgFieldType)
		}
		m, err := d.attributes()
		return av.Map(m), err
	case av.L:
		if c != '[' {
			return av.Value{}, d.mismatch(attributeTexts, msgFieldType)
		}
		l, err := d.attributeList()
		return av.List(l), err
	default:
		if c != '[' {
			return av.Value{}, d.mismatch(attributeTexts, msgFieldType)
		}
		members, err := d.attributeSet(kind)
		return av.Set(kind, members), err
	}
}

func (d *jsonDecoder) attributeString(c byte) (string, error) {
	if c != '"' {
		return "", d.mismatch(attributeText, "")
	}
	return d.string()
}

// attributeBinary decodes base64; the bytes become the string without another copy.
func (d *jsonDecoder) attributeBinary(c byte) (string, error) {
	if c != '"' {
		return "", d.mismatch(attributeBytes, "")
	}
	s, err := d.text(false)
	if err != nil {
		return "", err
	}
	b, err := decodeBase64(s)
	return unsafe.String(unsafe.SliceData(b), len(b)), err
}

// What attribute values take, in bytes: an element of a list or set with the room that it grows into, and what a collection
// takes by itself.
const (
	valueCost      = 2 * unsafe.Sizeof(av.Value{})
	setCost        = 2 * unsafe.Sizeof("")
	collectionCost = 64
)

var attributeCosts = mapCosts(unsafe.Sizeof(av.Value{}))

// mapKey reads the key of a map's entry.
func (d *jsonDecoder) mapKey() (string, error) {
	key, err := d.key()
	if d.clone {
		key = strings.Clone(key)
	}
	return key, err
}

func (d *jsonDecoder) attributes() (map[string]av.Value, error) {
	if err := d.open(); err != nil {
		return nil, err
	}
	m := make(map[string]av.Value)
	for first := true; ; first = false {
		more, err := d.more('}', first)
		if err != nil || !more {
			return m, err
		}
		if err := d.spendEntry(&attributeCosts, len(m)); err != nil {
			return nil, err
		}
		key, err := d.mapKey()
		if err != nil {
			return nil, err
		}
		null, err := d.null()
		if err != nil {
			return nil, err
		}
		if null {
			continue
		}
		if d.peek() != '{' {
			return nil, d.mismatch(attributeStruct, msgElementType)
		}
		var v av.Value
		if err := d.attribute(unsafe.Pointer(&v)); err != nil {
			return nil, err
		}
		if _, twice := m[key]; twice {
			return nil, errTwice(key)
		}
		m[key] = v
	}
}

func (d *jsonDecoder) attributeList() ([]av.Value, error) {
	if err := d.open(); err != nil {
		return nil, err
	}
	list := []av.Value{}
	for first := true; ; first = false {
		more, err := d.more(']', first)
		if err != nil || !more {
			return list, err
		}
		if err := d.spend(valueCost); err != nil {
			return nil, err
		}
		null, err := d.null()
		var v av.Value // null is an empty value, which the service refuses
		switch {
		case err != nil:
			return nil, err
		case null:
		case d.peek() != '{':
			return nil, d.mismatch(attributeStruct, msgElementType)
		default:
			if err := d.attribute(unsafe.Pointer(&v)); err != nil {
				return nil, err
			}
		}
		list = append(list, v)
	}
}

func (d *jsonDecoder) attributeSet(kind av.Kind) ([]string, error) {
	if err := d.open(); err != nil {
		return nil, err
	}
	set := []string{}
	for first := true; ; first = false {
		more, err := d.more(']', first)
		if err != nil || !more {
			return set, err
		}
		if err := d.spend(setCost); err != nil {
			return nil, err
		}
		c := d.peek()
		var s string
		switch null, nullErr := d.null(); {
		case null || nullErr != nil:
			err = nullErr // null counts as empty, which the service refuses
		case kind == av.BS:
			s, err = d.attributeBinary(c)
		default:
			s, err = d.attributeString(c)
		}
		if err != nil {
			return nil, err
		}
		set = append(set, s)
	}
}

// attribute appends v. A value that is not of one data type is an empty object.
func (e *jsonEncoder) attribute(v av.Value) {
	kind := v.Kind()
	if kind.String() == "" {
		e.buf = append(e.buf, "{}"...)
		return
	}
	e.buf = append(append(append(e.buf, '{', '"'), kind.String()...), '"', ':')
	switch kind {
	case av.BOOL, av.NULL:
		e.buf = strconv.AppendBool(e.buf, v.Truth())
	case av.M:
		e.buf = append(e.buf, '{')
		names := make([]string, 0, len(v.Map()))
		for name := range v.Map() {
			names = append(names, name)
		}
		slices.Sort(names)
		for i, name := range names {
			if i > 0 {
				e.buf = append(e.buf, ',')
			}
			e.buf = append(appendJSONString(e.buf, name), ':')
			e.attribute(v.Map()[name])
		}
		e.buf = append(e.buf, '}')
	case av.L:
		e.buf = append(e.buf, '[')
		for i, element := range v.List() {
			if i > 0 {
				e.buf = append(e.buf, ',')
			}
			e.attribute(element)
		}
		e.buf = append(e.buf, ']')
	case av.SS, av.NS, av.BS:
		e.buf = append(e.buf, '[')
		for i, member := range v.Set() {
			if i > 0 {
				e.buf = append(e.buf, ',')
			}
			e.attributeText(kind == av.BS, member)
		}
		e.buf = append(e.buf, ']')
	default:
		e.attributeText(kind == av.B, v.Text())
	}
	e.buf = append(e.buf, '}')
}

func (e *jsonEncoder) attributeText(binary bool, s string) {
	if !binary {
		e.buf = appendJSONString(e.buf, s)
		return
	}
	e.buf = append(e.buf, '"')
	e.buf = base64.StdEncoding.AppendEncode(e.buf, unsafe.Slice(unsafe.StringData(s), len(s)))
	e.buf = append(e.buf, '"')
}

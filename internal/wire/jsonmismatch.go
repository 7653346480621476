// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"fmt"
	"strings"
)

// Messages for wrong types are DynamoDB's, as recorded by the public test suite of the emulator dynalite
// (test/helpers, "assertType"); those marked unverified follow their form.
const (
	msgStructure   = "Start of structure or map found where not expected"
	msgList        = "Start of list found where not expected"
	msgFieldType   = "Unexpected field type"
	msgElementType = "Unexpected value type in payload"
	msgBase64      = "only base-64-encoded strings are convertible to bytes"
)

// mismatch consumes a value of the wrong type and words the error. wrong is the message for scalars where t is a
// collection.
func (d *jsonDecoder) mismatch(t *typePlan, wrong string) error {
	c, start := d.peek(), d.pos
	if err := d.skip(); err != nil {
		return err
	}
	collection := t.Kind == KindStruct || t.Kind == KindUnion || t.Kind == KindMap || t.Kind == KindList
	token := ""
	switch c {
	case '{':
		return serialization(msgStructure)
	case '[':
		return serialization("Unrecognized collection type %s", d.javaType(t))
	case '"':
		token = "STRING_VALUE"
	case 't':
		token = "TRUE_VALUE"
	case 'f':
		token = "FALSE_VALUE"
	default:
		token = numberToken(!bytes.ContainsAny(d.data[start:d.pos], ".eE"))
	}
	switch {
	case collection:
		return serialization("%s", wrong)
	case t.Kind == KindBlob:
		return serialization(msgBase64)
	case t.Kind == KindBool && c == '"':
		return serialization("Unexpected token received from parser")
	}
	return serialization("%s cannot be converted to %s", token, javaName(t))
}

func errUnion(t *typePlan) error {
	return serialization("Union %s must have exactly one member set", t.Name) // unverified
}

// errTwice refuses an object that has the same name twice, of which RFC 8259, section 4 says that readers disagree: unverified.
func errTwice(name string) error {
	return serialization("Duplicate field '%s'", shortened(name))
}

// errNull is the answer to null in a list or map that holds none.
func errNull(t *typePlan) error { return serialization("%s must not hold null", t.Name) } // unverified

func numberToken(whole bool) string {
	if whole {
		return "NUMBER_VALUE"
	}
	return "DECIMAL_VALUE"
}

func javaName(t *typePlan) string {
	switch t.Kind {
	case KindString:
		return "String"
	case KindInt32:
		return "Integer"
	case KindInt64:
		return "Long"
	case KindFloat32:
		return "Float"
	case KindFloat64:
		return "Double"
	case KindBool:
		return "Boolean"
	case KindTime:
		return "Timestamp" // unverified
	default:
		return t.Name
	}
}

// javaType is how messages name a type: with its package, which the prefix of error codes shows.
func (d *jsonDecoder) javaType(t *typePlan) string {
	switch t.Kind {
	case KindBlob:
		return "class java.nio.ByteBuffer"
	case KindTime:
		return "class java.util.Date" // unverified
	case KindMap:
		value := "java.lang." + javaName(t.elem)
		if t.elem.Kind == KindStruct || t.elem.Kind == KindUnion {
			value = d.javaPackage() + t.elem.Name
		}
		return fmt.Sprintf("java.util.Map<java.lang.String, %s>", value)
	case KindStruct, KindUnion:
		return "class " + d.javaPackage() + t.Name
	default:
		return "class java.lang." + javaName(t)
	}
}

func (d *jsonDecoder) javaPackage() string {
	if d.schema.ErrorPrefix == "" {
		return ""
	}
	return strings.TrimSuffix(d.schema.ErrorPrefix, "#") + "."
}

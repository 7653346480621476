// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"time"
	"unsafe"
)

// setText parses text as a value of scalar type t, as URIs, headers, forms and XML hold it, into v (value position).
func setText(t *typePlan, v unsafe.Pointer, text string, tf TimeFormat) error {
	switch t.Kind {
	case KindString:
		*(*string)(v) = text
		return nil
	case KindInt32, KindInt64:
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil || !t.holds(n) {
			return badText(t, text)
		}
		setInteger(t, v, n)
		return nil
	case KindFloat32, KindFloat64:
		if f, ok := namedFloat(text); ok {
			return setFloat(t, v, f)
		}
		f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return badText(t, text)
		}
		return setFloat(t, v, f)
	case KindBool:
		switch {
		case strings.EqualFold(text, "true"): // AWS accepts True from hand-written clients
			*(*bool)(v) = true
		case strings.EqualFold(text, "false"):
			*(*bool)(v) = false
		default:
			return badText(t, text)
		}
		return nil
	case KindTime:
		at, err := parseTime(text, tf)
		if err != nil {
			return badText(t, text)
		}
		*(*time.Time)(v) = at
		return nil
	case KindBlob:
		b, err := decodeBase64(text)
		if err != nil {
			return err
		}
		*(*[]byte)(v) = b
		return nil
	default:
		return serialization(msgFieldType)
	}
}

// holds tells whether an integer of t can be n.
func (t *typePlan) holds(n int64) bool {
	bits := t.Bits
	if bits == 0 {
		if t.Kind != KindInt32 {
			return true
		}
		bits = 32
	}
	limit := int64(1) << (bits - 1)
	return -limit <= n && n < limit
}

// strictly tells whether text is written as REST-JSON demands it; setText, which all text protocols use, takes more.
func strictly(t *typePlan, text string, tf TimeFormat) bool {
	switch {
	case t.Kind == KindBool:
		return text == "true" || text == "false"
	case t.Kind == KindTime && tf == TimeISO8601:
		return isDateTime(text)
	}
	return true
}

func badText(t *typePlan, text string) error {
	return serialization("%q can not be converted to %s", shortened(text), javaName(t)) // unverified
}

// shortened bounds what an error shows of a request's text.
func shortened(s string) string {
	const shown = 100 // bytes
	return strings.ToValidUTF8(s[:min(len(s), shown)], "")
}

// appendScalar is the reverse of setText for the scalar at v.
func appendScalar(b []byte, t *typePlan, v unsafe.Pointer, tf TimeFormat) []byte {
	switch t.Kind {
	case KindString:
		return append(b, *(*string)(v)...)
	case KindInt32:
		return strconv.AppendInt(b, int64(*(*int32)(v)), 10)
	case KindInt64:
		return strconv.AppendInt(b, *(*int64)(v), 10)
	case KindFloat32:
		return appendPlainFloat(b, float64(*(*float32)(v)), 32)
	case KindFloat64:
		return appendPlainFloat(b, *(*float64)(v), 64)
	case KindBool:
		return strconv.AppendBool(b, *(*bool)(v))
	case KindTime:
		return appendTime(b, *(*time.Time)(v), tf)
	case KindBlob:
		return base64.StdEncoding.AppendEncode(b, *(*[]byte)(v))
	default:
		return b
	}
}

// appendPlainFloat writes what appendJSONFloat does, with names instead of strings for what is not a number.
func appendPlainFloat(b []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		quoted := appendJSONFloat(nil, f, bits)
		return append(b, quoted[1:len(quoted)-1]...)
	}
	return appendJSONFloat(b, f, bits)
}

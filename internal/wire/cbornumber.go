// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math"
	"math/big"
	"strconv"
	"time"
	"unsafe"
)

// number is what stands where one is expected. An integer that int64 cannot hold is a float.
type number struct {
	whole int64
	float float64
	isInt bool
}

// numeric decodes integers, floating point numbers and timestamps.
func (d *cborDecoder) numeric(t *typePlan, v unsafe.Pointer) error {
	n, err := d.number(t)
	if err != nil {
		return err
	}
	switch t.Kind {
	case KindFloat32, KindFloat64:
		if n.isInt {
			n.float = float64(n.whole)
		}
		return setFloat(t, v, n.float)
	case KindTime:
		at, err := d.instant(n)
		if err != nil {
			return serialization("%v is not a valid timestamp", n.float) // unverified
		}
		*(*time.Time)(v) = at
		return nil
	default:
	}
	const exact = 1 << 53
	if !n.isInt && n.float == math.Trunc(n.float) && math.Abs(n.float) <= exact { // 3.0, as in JSON
		n.whole, n.isInt = int64(n.float), true
	}
	if !n.isInt || !t.holds(n.whole) {
		return serialization("%s cannot be converted to %s", numberToken(n.isInt), javaName(t)) // unverified
	}
	setInteger(t, v, n.whole)
	return nil
}

// instant is the time that n stands for, to the millisecond.
func (d *cborDecoder) instant(n number) (time.Time, error) {
	if n.isInt {
		if d.millis {
			return inRange(time.UnixMilli(n.whole))
		}
		return inRange(time.Unix(n.whole, 0))
	}
	seconds := n.float
	if d.millis {
		seconds /= 1000
	}
	if math.IsNaN(seconds) || seconds < minEpoch || seconds > maxEpoch+1 {
		return time.Time{}, errTimestamp
	}
	return inRange(time.UnixMilli(int64(math.Round(seconds * 1000))))
}

// number reads a number in any of its forms. Tags other than those of big numbers mean nothing to it.
func (d *cborDecoder) number(t *typePlan) (number, error) {
	var tag uint64
	h, err := d.head()
	for err == nil && h.major == cborTag {
		tag = h.arg
		h, err = d.head()
	}
	if err != nil {
		return number{}, err
	}
	switch {
	case h.major == cborUint && h.arg <= math.MaxInt64:
		return number{whole: int64(h.arg), isInt: true}, nil
	case h.major == cborUint:
		return number{float: float64(h.arg)}, nil
	case h.major == cborNegative && h.arg <= math.MaxInt64:
		return number{whole: -1 - int64(h.arg), isInt: true}, nil
	case h.major == cborNegative:
		return number{float: -1 - float64(h.arg)}, nil
	case h.major == cborSimple && h.info == cborHalf:
		return number{float: halfFloat(uint16(h.arg))}, nil
	case h.major == cborSimple && h.info == cborSingle:
		return number{float: float64(math.Float32frombits(uint32(h.arg)))}, nil
	case h.major == cborSimple && h.info == cborDouble:
		return number{float: math.Float64frombits(h.arg)}, nil
	case h.major == cborBytes && (tag == tagBignum || tag == tagNegativeBignum):
		n, err := d.bignum(h, tag)
		if err != nil {
			return number{}, err
		}
		if n.IsInt64() {
			return number{whole: n.Int64(), isInt: true}, nil
		}
		f, _ := new(big.Float).SetInt(n).Float64()
		return number{float: f}, nil
	case h.major == cborList && tag == tagDecimal:
		return d.decimal(t, h)
	}
	return number{}, d.mismatch(t, h, "")
}

// maxBignum is the largest bignum in bytes: what a double can hold.
const maxBignum = 128

func (d *cborDecoder) bignum(h head, tag uint64) (*big.Int, error) {
	b, err := d.bytes(h)
	if err != nil {
		return nil, err
	}
	if len(b) > maxBignum {
		return nil, serialization("A number has more than %d bytes.", maxBignum) // unverified
	}
	n := new(big.Int).SetBytes(b)
	if tag == tagNegativeBignum {
		n.Not(n) // -1 - n
	}
	return n, nil
}

// decimal reads a decimal fraction, the list [exponent, mantissa].
func (d *cborDecoder) decimal(t *typePlan, h head) (number, error) {
	if h.open || h.arg != 2 {
		return number{}, errCBOR()
	}
	var parts [2]*big.Int
	for i := range parts {
		h, err := d.head()
		tag := uint64(0)
		if err == nil && i == 1 && h.major == cborTag { // only the mantissa may be big
			tag = h.arg
			h, err = d.head()
		}
		switch {
		case err != nil:
			return number{}, err
		case h.major == cborUint:
			parts[i] = new(big.Int).SetUint64(h.arg)
		case h.major == cborNegative:
			n := new(big.Int).SetUint64(h.arg)
			parts[i] = n.Not(n)
		case h.major == cborBytes && (tag == tagBignum || tag == tagNegativeBignum):
			if parts[i], err = d.bignum(h, tag); err != nil {
				return number{}, err
			}
		default:
			return number{}, d.mismatch(t, h, "")
		}
	}
	f, err := strconv.ParseFloat(parts[1].String()+"e"+parts[0].String(), 64)
	if err != nil {
		return number{}, serialization("NUMBER_VALUE cannot be converted to %s", javaName(t)) // unverified
	}
	return number{float: f}, nil
}

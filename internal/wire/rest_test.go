// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"reflect"
	"testing"
	"unsafe"
)

// TestPlainQueriesBindAsEncodedOnes: a query string without escapes takes a shorter way to the same result. An encoded
// parameter that no member has makes the others take the long one.
func TestPlainQueriesBindAsEncodedOnes(t *testing.T) {
	in := testSchema.prepared().types[tBound]
	b := newBinding(&testSchema, &Operation{URI: "/b"}, in)
	b.queryMap = nil
	for _, raw := range []string{
		"Qualifier=live", "age=1&age=22", "Qualifier=a&Qualifier=b", "x=1", "Qualifier", "Qualifier=", "=", "&", "&&age=3&",
		"age=x", "age=", "qualifier=live", "Qualifier=a=b", "age=1&Qualifier=q&age=2", "age=99999999999",
	} {
		var plain, encoded boundIO
		_, plainErr := b.decodeQuery(raw, unsafe.Pointer(&plain))
		_, encodedErr := b.decodeQuery(raw+"&%7A=1", unsafe.Pointer(&encoded))
		if fmt.Sprint(plainErr) != fmt.Sprint(encodedErr) || plainErr == nil && !reflect.DeepEqual(plain, encoded) {
			t.Errorf("%s: %+v %v, encoded %+v %v", raw, plain, plainErr, encoded, encodedErr)
		}
	}
}

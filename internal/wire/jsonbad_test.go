// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"
)

// What must not get through the JSON decoders, whatever it costs the sender to make.

// jsonProtocols decode a body, each in its way.
var jsonProtocols = map[string]func(body string) error{
	"AWS JSON": func(body string) error {
		_, err := decodeEverything(body)
		return err
	},
	"REST-JSON": func(body string) error {
		r := &http.Request{Method: http.MethodPost, Header: http.Header{"Content-Type": {"application/json"}}}
		_, err := restJSON{&testSchema}.Decode(testOperation("Everything"), Request{HTTP: r, Body: []byte(body)})
		return err
	},
	"tree": func(body string) error {
		_, err := DecodeJSON(&testSchema, tEverything, []byte(body))
		return err
	},
	"attribute values": func(body string) error {
		_, err := decodeItem([]byte(body))
		return err
	},
}

const maxErrorText = 1 << 10 // bytes: what any of these errors may take

func TestBadJSON(t *testing.T) {
	digits := strings.Repeat("9", 1<<20)
	for name, body := range map[string]string{
		"byte order mark":                  "\xef\xbb\xbf{}",
		"UTF-16":                           "\xff\xfe{\x00}\x00",
		"zero byte":                        "{}\x00",
		"two documents":                    "{}{}",
		"comment":                          "{/**/}",
		"single quotes":                    "{'Name':'a'}",
		"name without quotes":              `{Name:"a"}`,
		"invalid UTF-8 in a skipped name":  "{\"\xc3\x28\":1}",
		"invalid UTF-8 in a skipped value": "{\"x\":\"\xed\xa0\x80\"}",
		"overlong UTF-8":                   "{\"x\":\"\xc0\xaf\"}",
		"escape of three digits":           `{"x":"\u12"}`,
		"plus sign":                        `{"Count":+1}`,
		"hexadecimal":                      `{"Count":0x10}`,
		"no digits after the point":        `{"Ratio":1.}`,
		"no digits in the exponent":        `{"Ratio":1e}`,
		"infinity without quotes":          `{"Ratio":Infinity}`,
		"comma first":                      `{,"x":1}`,
		"two commas":                       `{"x":1,,"y":2}`,
		"no colon":                         `{"x" 1}`,
		"bracket for brace":                `{"x":[1}`,
		"deep lists, skipped":              `{"x":` + strings.Repeat("[", 1<<20),
		"deep objects, skipped":            strings.Repeat(`{"x":`, 1<<18),
		"a long word":                      digits,
		"an unterminated long name":        `{"` + digits,
		"a long name, then rubbish":        `{"` + digits + `":?`,
	} {
		for protocol, decode := range jsonProtocols {
			refused(t, protocol+": "+name, decode(body))
		}
	}
	for name, members := range map[string]string{
		"integer of a million digits":   `"Count":` + digits,
		"long of a million digits":      `"Big":-` + digits,
		"double of a million digits":    `"Ratio":` + digits,
		"double of a large exponent":    `"Ratio":1e999999999`,
		"float that is a large double":  `"Small":1e300`,
		"integer with a large exponent": `"Big":1e18446744073709551616`,
		"timestamp of a million digits": `"When":` + digits,
		"timestamp out of range":        `"When":1e300`,
		"long text for a timestamp":     `"ISO":"` + digits + `"`,
		"document with a bad end":       `"Doc":{"a":[1,{"b":01}]}`,
		"document too deep":             `"Doc":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000),
		"member twice":                  `"Label":"a","label":"a","Nested":{"Key":"k"},"Nested":{"Key":"k"}`,
		"null, then a value":            `"Big":null,"Big":1`,
		"key twice":                     `"Tags":{"ab":"1","ab":"2"}`,
		"long key twice":                `"Tags":{"` + digits + `":"1","` + digits + `":"2"}`,
		"key twice in two spellings":    `"Tags":{"ab":"1","\u0061b":"2"}`,
		"key of structures twice":       `"ByName":{"x":{"Key":"k"},"x":{"Key":"k"}}`,
		"member of a union twice":       `"Choice":{"Number":1,"Number":1}`,
		"long base64 of a wrong length": `"Data":"` + digits + `9="`,
	} {
		for _, protocol := range []string{"AWS JSON", "REST-JSON", "tree"} {
			refused(t, protocol+": "+name, jsonProtocols[protocol](withRequired(members)))
		}
	}
	for name, item := range map[string]string{
		"attribute twice":        `{"a":{"S":"x"},"a":{"S":"x"}}`,
		"attribute twice inside": `{"a":{"M":{"b":{"N":"1"},"b":{"N":"1"}}}}`,
		"deep maps":              strings.Repeat(`{"a":{"M":`, 1<<16),
		"deep lists":             `{"a":` + strings.Repeat(`{"L":[`, 1<<16),
	} {
		refused(t, "attribute values: "+name, jsonProtocols["attribute values"](`{"Item":`+item+`}`))
	}
}

// refused checks that err is an error of the protocol layer with a text of bounded length.
func refused(t *testing.T, name string, err error) {
	t.Helper()
	var framework *FrameworkError
	switch {
	case !errors.As(err, &framework):
		t.Errorf("%s: got %.200v", name, err)
	case framework.Status != http.StatusBadRequest || framework.Code != "SerializationException":
		t.Errorf("%s: %d %s", name, framework.Status, framework.Code)
	case len(err.Error()) > maxErrorText:
		t.Errorf("%s: the error has %d bytes", name, len(err.Error()))
	}
}

// TestTruncatedJSON cuts a body with everything in it at each byte.
func TestTruncatedJSON(t *testing.T) {
	body := withRequired(`"Nests":[{"Key":"\u0061b"}],"Tags":{"ab":"v"},"When":1.5e3,"Doc":[1,{"x":null}],"Data":"aGk=","Choice":{"Number":7}`)
	for protocol, decode := range jsonProtocols {
		whole := body
		if protocol == "attribute values" {
			whole = everyAttribute
		}
		if err := decode(whole); err != nil {
			t.Fatalf("%s: %v", protocol, err)
		}
		for n := 1; n < len(whole); n++ {
			refused(t, protocol+": "+whole[:n], decode(whole[:n]))
		}
	}
}

type manyIO struct {
	Numbers []int32
	Lists   [][]int32
	Pairs   []manyPair
}

type manyPair struct{ A int32 }

// manySchema has no patterns: matching allocates, in a race detector's run as often as it likes.
var manySchema = Schema{ID: "many", ValidationCode: "ValidationException", Types: []Type{
	{},
	{Name: "Number", Kind: KindInt32},
	{Name: "Numbers", Kind: KindList, Go: SliceOf[int32]{}, Elem: 1},
	{Name: "Lists", Kind: KindList, Go: SliceOf[[]int32]{}, Elem: 2},
	{Name: "Pair", Kind: KindStruct, Go: StructOf[manyPair]{}, Fields: []Field{{Name: "A", Type: 1, Flags: Required}}},
	{Name: "Pairs", Kind: KindList, Go: SliceOf[manyPair]{}, Elem: 4},
	{Name: "Many", Kind: KindStruct, Go: StructOf[manyIO]{}, Fields: []Field{
		{Name: "Numbers", Off: unsafe.Offsetof(manyIO{}.Numbers), Type: 2},
		{Name: "Lists", Off: unsafe.Offsetof(manyIO{}.Lists), Type: 3},
		{Name: "Pairs", Off: unsafe.Offsetof(manyIO{}.Pairs), Type: 5},
	}},
}}

// TestOneNullAmongMany: what the validator spends on values that the decoder found to be absent does not depend on how many
// are present. It once looked each element's path up among the absent ones.
func TestOneNullAmongMany(t *testing.T) {
	const null = "1 validation error detected: Value null at '"
	for name, tt := range map[string]struct{ head, element, last, tail, want string }{
		"scalars":    {`{"Numbers":[`, `1,`, `null`, `]}`, null + "numbers.%d.member'"},
		"lists":      {`{"Lists":[`, `[1],`, `[1,null]`, `]}`, null + "lists.%d.member.2.member'"},
		"structures": {`{"Pairs":[`, `{"A":1},`, `{}`, `]}`, null + "pairs.%d.member.a'"},
	} {
		t.Run(name, func(t *testing.T) {
			cost := map[int]float64{}
			for _, n := range []int{1_000, 100_000} {
				typ := manySchema.prepared().types[len(manySchema.Types)-1]
				var d jsonDecoder
				if err := d.start(&manySchema, []byte(tt.head+strings.Repeat(tt.element, n)+tt.last+tt.tail)); err != nil {
					t.Fatal(err)
				}
				p := typ.st.alloc()
				_, err := d.document(typ, p, false)
				if err != nil {
					t.Fatal(err)
				}
				cost[n] = testing.AllocsPerRun(3, func() { err = check(&manySchema, typ, p, d.missing) })
				if want := fmt.Sprintf(tt.want, n+1); err == nil || !strings.HasPrefix(err.Error(), want) {
					t.Errorf("%d elements: got %v, want %s", n, err, want)
				}
			}
			if cost[1_000] != cost[100_000] {
				t.Errorf("allocations by number of elements: %v", cost)
			}
		})
	}
}

// suiteBodies adds the bodies of the conformance suites as seeds.
func suiteBodies(f *testing.F, pattern string, add func(body string)) {
	f.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		f.Fatal("no suites: ", err)
	}
	for _, file := range files {
		var suites []suite
		readJSON(f, file, &suites)
		for _, s := range suites {
			for _, c := range s.Cases {
				if c.Serialized.Body != nil {
					add(*c.Serialized.Body)
				}
			}
		}
	}
}

func FuzzAttributeValue(f *testing.F) {
	f.Add([]byte(everyAttribute))
	f.Add([]byte(`{"Item":{"a":{"S":"x","N":"1"},"b":{"L":[null,{}]}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		in, err := decodeItem(body)
		if err != nil {
			var invalid *ValidationError
			var framework *FrameworkError
			if !errors.As(err, &invalid) && !errors.As(err, &framework) {
				t.Fatalf("got a %T: %v", err, err)
			}
			return
		}
		first, err := EncodeJSON(&itemSchema, 5, in)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeItem(first)
		if err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		if second, err := EncodeJSON(&itemSchema, 5, again); err != nil || string(second) != string(first) {
			t.Fatalf("%v\nfirst %s\nthen  %s", err, first, second)
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

// unhex reads bytes with spaces between them; words in quotes stand for themselves.
func unhex(tb testing.TB, text string) []byte {
	tb.Helper()
	var out []byte
	for i, part := range strings.Split(text, "'") {
		if i%2 == 1 {
			out = append(out, part...)
			continue
		}
		b, err := hex.DecodeString(strings.ReplaceAll(part, " ", ""))
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, b...)
	}
	return out
}

// cborRequest is a request of RPC v2 CBOR.
func cborRequest(body []byte) Request {
	r := httptest.NewRequest(http.MethodPost, "/service/Test/operation/Everything", nil)
	r.Header.Set("Smithy-Protocol", "rpc-v2-cbor")
	r.Header.Set("Content-Type", typeCBOR)
	return Request{HTTP: r, Body: body}
}

func decodeCBOREverything(body []byte) (*everything, error) {
	in, err := testSchema.Protocol(ProtocolCBOR).Decode(testOperation("Everything"), cborRequest(body))
	if err != nil {
		return nil, err
	}
	return in.(*everything), nil
}

// required are the entries of the members that everything requires.
const required = "64 'Name' 61 'a' 65 'Count' 00 64 'Flag' f4 "

func TestCBORDecodes(t *testing.T) {
	at := time.UnixMilli(1398796238250).UTC()
	number := int64(math.MinInt64)
	tests := []struct {
		name, members string
		got           func(*everything) any
		want          any
	}{
		{"text in pieces", "65 'label' 7f 62 'ab' 60 61 'c' ff", func(e *everything) any { return *e.Label }, "abc"},
		{"a key in pieces", "7f 63 'lab' 62 'el' ff 61 'x'", func(e *everything) any { return *e.Label }, "x"},
		{"unassigned tags mean nothing", "65 'label' d9d9f7 c0 61 'x'", func(e *everything) any { return *e.Label }, "x"},
		{"bytes", "64 'Data' 43 010203", func(e *everything) any { return e.Data }, []byte{1, 2, 3}},
		{"bytes in pieces", "64 'Data' 5f 41 01 42 0203 ff", func(e *everything) any { return e.Data }, []byte{1, 2, 3}},
		{"no bytes are present", "64 'Data' 40", func(e *everything) any { return e.Data }, []byte{}},
		{"no pieces are present", "64 'Data' 5f ff", func(e *everything) any { return e.Data }, []byte{}},
		{"integer in 8 bytes", "63 'Big' 1b 0000000000000007", func(e *everything) any { return *e.Big }, int64(7)},
		{"least integer", "63 'Big' 3b 7fffffffffffffff", func(e *everything) any { return *e.Big }, number},
		{"least integer as bignum", "63 'Big' c3 48 7fffffffffffffff", func(e *everything) any { return *e.Big }, number},
		{"bignum", "63 'Big' c2 42 0100", func(e *everything) any { return *e.Big }, int64(256)},
		{"whole double for integer", "63 'Big' fb 4008000000000000", func(e *everything) any { return *e.Big }, int64(3)},
		{"half", "65 'Small' f9 3e00", func(e *everything) any { return *e.Small }, float32(1.5)},
		{"half subnormal", "65 'Small' f9 0050", func(e *everything) any { return *e.Small }, float32(4.76837158203125e-06)},
		{"half infinity", "65 'Small' f9 fc00", func(e *everything) any { return math.IsInf(float64(*e.Small), -1) }, true},
		{"half not a number", "65 'Small' f9 7e00", func(e *everything) any { return math.IsNaN(float64(*e.Small)) }, true},
		{"single for double", "65 'Ratio' fa 3f000000", func(e *everything) any { return *e.Ratio }, 0.5},
		{"integer for double", "65 'Ratio' 01", func(e *everything) any { return *e.Ratio }, 1.0},
		{"decimal fraction", "65 'Ratio' c4 82 21 18 19", func(e *everything) any { return *e.Ratio }, 0.25},
		{"big decimal fraction", "65 'Ratio' c4 82 21 c2 41 19", func(e *everything) any { return *e.Ratio }, 0.25},
		{"time", "64 'When' c1 fb 41d4d7fbf3900000", func(e *everything) any { return e.When }, at},
		{"time in whole seconds", "64 'When' c1 1a 535fefce", func(e *everything) any { return e.When }, at.Truncate(time.Second)},
		{"time before 1970", "64 'When' c1 20", func(e *everything) any { return e.When }, time.Unix(-1, 0).UTC()},
		{"formats are for text", "63 'ISO' c1 1a 535fefce", func(e *everything) any { return e.ISO }, at.Truncate(time.Second)},
		{"null is absent", "63 'Big' f6 65 'Names' f6 66 'Nested' f7", func(e *everything) any { return e.Big == nil && e.Names == nil && e.Nested == nil }, true},
		{"empty list is present", "65 'Names' 9f ff", func(e *everything) any { return e.Names }, []string{}},
		{"lists", "65 'Lists' 82 81 61 'a' 80", func(e *everything) any { return e.Lists }, [][]string{{"a"}, {}}},
		{"null leaves a map's entry out", "64 'Tags' a2 62 'ab' 61 'v' 62 'cd' f6", func(e *everything) any { return e.Tags }, map[string]string{"ab": "v"}},
		{"structures", "66 'Nested' a2 63 'Key' 61 'k' 64 'Deep' bf 63 'Key' 61 'l' ff", func(e *everything) any { return *e.Nested.Deep }, nested{Key: "l"}},
		{"union", "66 'Choice' a2 64 'Text' f6 66 'Number' 07", func(e *everything) any { return *e.Choice.Number }, int32(7)},
		{"unknown members", "61 'x' 9f a1 01 d8 20 82 f6 fb 0000000000000000 ff 63 'Big' 07", func(e *everything) any { return *e.Big }, int64(7)},
		{"documents are not of the protocol", "63 'Doc' a0", func(e *everything) any { return e.Doc == nil }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, err := decodeCBOREverything(unhex(t, "bf"+required+tt.members+"ff"))
			if err != nil {
				t.Fatal(err)
			}
			if got := tt.got(in); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestCBORRefusesWhatIsWrong(t *testing.T) {
	const malformed = "The request body is not well-formed CBOR."
	deep := func(open string) string { return strings.Repeat(open, 1100) }
	tests := []struct{ name, body, want string }{
		{"truncated head", "b9 00", malformed},
		{"map without its break", "bf 61 'x' 01", malformed},
		{"key without a value", "a1 61 'x'", malformed},
		{"break for a value", "bf 61 'x' ff", malformed},
		{"data after the map", "a0 00", malformed},
		{"reserved length", "bc", malformed},
		{"number without a length", "a1 61 'x' 1f", malformed},
		{"long form of a simple value", "a1 61 'x' f8 14", malformed},
		{"text is not UTF-8", "a1 65 'label' 61 ff", malformed},
		{"skipped text is not UTF-8", "a1 61 'x' 61 ff", malformed},
		{"a piece is not UTF-8", "a1 65 'label' 7f 61 c3 61 a9 ff", malformed},
		{"bytes among pieces of text", "a1 65 'label' 7f 41 'x' ff", malformed},
		{"pieces in pieces", "a1 65 'label' 7f 7f ff ff", malformed},
		{"claimed text", "a1 65 'label' 7b 7fffffffffffffff", malformed},
		{"claimed bytes", "a1 64 'Data' 5b ffffffffffffffff", malformed},
		{"claimed list", "a1 65 'Names' 9b 00000000ffffffff", malformed},
		{"claimed map", "a1 64 'Tags' bb 00000000ffffffff", malformed},
		{"claimed structure", "bb ffffffffffffffff", malformed},
		{"claimed list that is skipped", "a1 61 'x' 9b ffffffffffffffff", malformed},
		{"list at the top", "80", msgList},
		{"number at the top", "07", msgElementType},
		{"key is no text", "a1 01 02", "Map keys must be text."},
		{"member twice", "a2 63 'Big' 01 63 'Big' 02", "A map has the same key twice."},
		{"key twice", "a1 64 'Tags' a2 62 'ab' 61 'v' 62 'ab' 61 'w'", "A map has the same key twice."},
		{"number for text", "a1 64 'Name' 17", "NUMBER_VALUE cannot be converted to String"},
		{"float for text", "a1 64 'Name' f93e00", "DECIMAL_VALUE cannot be converted to String"},
		{"text for integer", "a1 65 'Count' 61 '7'", "STRING_VALUE cannot be converted to Integer"},
		{"bytes for integer", "a1 65 'Count' 41 '7'", "BINARY_VALUE cannot be converted to Integer"},
		{"integer too large", "a1 65 'Count' 1a 80000000", "NUMBER_VALUE cannot be converted to Integer"},
		{"long too large", "a1 63 'Big' 1b 8000000000000000", "DECIMAL_VALUE cannot be converted to Long"},
		{"long too small", "a1 63 'Big' 3b 8000000000000000", "DECIMAL_VALUE cannot be converted to Long"},
		{"bignum too large", "a1 63 'Big' c2 49 010000000000000000", "DECIMAL_VALUE cannot be converted to Long"},
		{"bignum without end", "a1 63 'Big' c2 59 1000" + strings.Repeat("ff", 4096), "A number has more than 128 bytes."},
		{"fraction for integer", "a1 63 'Big' fb 3ff8000000000000", "DECIMAL_VALUE cannot be converted to Long"},
		{"double too large for float", "a1 65 'Small' fb 7fe0000000000000", "NUMBER_VALUE cannot be converted to Float"},
		{"decimal with three parts", "a1 65 'Ratio' c4 83 00 00 00", malformed},
		{"decimal out of range", "a1 65 'Ratio' c4 82 1b 7fffffffffffffff 01", "NUMBER_VALUE cannot be converted to Double"},
		{"number for boolean", "a1 64 'Flag' 01", "NUMBER_VALUE cannot be converted to Boolean"},
		{"text for time", "a1 64 'When' c0 61 'x'", "STRING_VALUE cannot be converted to Timestamp"},
		{"time out of range", "a1 64 'When' c1 1b 00ffffffffffffff", "0 is not a valid timestamp"},
		{"time that is no number", "a1 64 'When' c1 f97e00", "NaN is not a valid timestamp"},
		{"text for bytes", "a1 64 'Data' 61 'x'", "STRING_VALUE cannot be converted to Blob"},
		{"text for list", "a1 65 'Names' 61 'x'", msgFieldType},
		{"map for list", "a1 65 'Names' a0", msgStructure},
		{"list for map", "a1 64 'Tags' 80", msgList},
		{"text for element", "a1 65 'Nests' 81 61 'x'", msgElementType},
		{"union with two", "a1 66 'Choice' a2 64 'Text' 61 'a' 66 'Number' 01", "Union Choice must have exactly one member set"},
		{"too deep", deep("a1 66 'Nested'"), "The request is nested deeper than 1000 levels."},
		{"skipped lists too deep", "a1 61 'x'" + deep("81"), "The request is nested deeper than 1000 levels."},
		{"skipped tags too deep", "a1 61 'x'" + deep("c1"), "The request is nested deeper than 1000 levels."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := decodeCBOREverything(unhex(t, tt.body))
			var f *FrameworkError
			if !errors.As(err, &f) || f.Status != http.StatusBadRequest || f.Code != "SerializationException" || f.Message != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestCBORValidates(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"an empty body is an empty input", "", "3 validation errors detected: Value null at 'name' failed to satisfy constraint: Member must not be null; " +
			"Value null at 'count' failed to satisfy constraint: Member must not be null; Value null at 'flag' failed to satisfy constraint: Member must not be null"},
		{"null in a dense list", "bf" + required + "65 'Nests' 81 f6 ff", "1 validation error detected: Value null at 'nests.1.member' failed to satisfy constraint: Member must not be null"},
		{"range", "a3 64 'Name' 61 'a' 65 'Count' 38ff 64 'Flag' f5", "1 validation error detected: Value '-256' at 'count' failed to satisfy constraint: " +
			"Member must have value greater than or equal to 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := decodeCBOREverything(unhex(t, tt.body)); err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestCBORElementsAreBounded(t *testing.T) {
	for _, members := range []string{"65 'Nests' 9f a0 a0 a0 ff", "66 'ByName' a3 61 'a' a0 61 'b' a0 61 'c' a0"} {
		var d cborDecoder
		d.start(unhex(t, "bf"+members+"ff"))
		typ := testSchema.prepared().types[tEverything]
		d.allowance = allowance{budget: 150} // the last element or the first entry is too much
		_, err := d.document(typ, typ.st.alloc(), false)
		var f *FrameworkError
		if !errors.As(err, &f) || f.Status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %v", members, err)
		}
	}
}

func TestCBORChecksTheHead(t *testing.T) {
	tests := []struct {
		name, header, value string
		body                string
		want                string
	}{
		{"parameters of the type", "Content-Type", "Application/CBOR; charset=x", "a0", ""},
		{"other type", "Content-Type", "application/json", "a0", "UnsupportedMediaTypeException"},
		{"other type of an empty body", "Content-Type", "application/json", "", "UnsupportedMediaTypeException"},
		{"no type", "Content-Type", "", "a0", "UnsupportedMediaTypeException"},
		{"no type and no body", "Content-Type", "", "", ""},
		{"accepts it", "Accept", "text/html, application/cbor;q=0.5", "a0", ""},
		{"accepts the family", "Accept", "application/*", "a0", ""},
		{"accepts anything", "Accept", "*/*", "a0", ""},
		{"accepts events", "Accept", typeEventStream, "a0", ""},
		{"accepts something else", "Accept", "application/json", "a0", "NotAcceptableException"},
		{"target of AWS JSON", "X-Amz-Target", "Test.Empty", "a0", "SerializationException"},
		{"target in its other spelling", "X-Amzn-Target", "Test.Empty", "a0", "SerializationException"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := cborRequest(unhex(t, tt.body))
			r.HTTP.Header.Set(tt.header, tt.value)
			if tt.value == "" {
				r.HTTP.Header.Del(tt.header)
			}
			_, err := testSchema.Protocol(ProtocolCBOR).Decode(testOperation("Empty"), r)
			got := ""
			if f := (*FrameworkError)(nil); errors.As(err, &f) {
				got = f.Code
			}
			if got != tt.want {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestCBORWantsPOST(t *testing.T) {
	r := cborRequest(nil)
	r.HTTP.Method = http.MethodGet
	_, err := testSchema.Protocol(ProtocolCBOR).Decode(testOperation("Empty"), r)
	if f := (*FrameworkError)(nil); !errors.As(err, &f) || f.Status != http.StatusMethodNotAllowed {
		t.Errorf("got %v", err)
	}
}

func TestCBORAnswers(t *testing.T) {
	w := encodeBody(t, ProtocolCBOR, "Everything", &everything{
		Name: "a\xff", Count: -1, Big: new(int64(1 << 40)), Small: new(float32(1.5)), Ratio: new(0.25), Data: []byte{},
		When: time.UnixMilli(1500), Doc: []byte("{}"), Names: []string{"x"}, Tags: map[string]string{"b": "1", "a": "2"}, Nested: &nested{Key: "k"},
	})
	want := unhex(t, "bf 64 'Name' 64 'a\ufffd' 65 'Count' 20 64 'Flag' f4 63 'Big' 1b 0000010000000000 65 'Small' fa 3fc00000 65 'Ratio' fb 3fd0000000000000"+
		"64 'When' c1 fb 3ff8000000000000 64 'Data' 40 65 'Names' 81 61 'x' 64 'Tags' a2 61 'a' 61 '2' 61 'b' 61 '1' 66 'Nested' bf 63 'Key' 61 'k' ff ff")
	if !bytes.Equal(w.Body.Bytes(), want) {
		t.Errorf("got  %x\nwant %x", w.Body.Bytes(), want)
	}
	if ct, p := w.Header().Get("Content-Type"), headerFold(w.Header(), "Smithy-Protocol"); ct != typeCBOR || len(p) != 1 || p[0] != "rpc-v2-cbor" {
		t.Errorf("Content-Type %q, protocol %q", ct, p)
	}
	w = encodeBody(t, ProtocolCBOR, "Nothing", &struct{}{})
	if w.Code != http.StatusOK || w.Body.Len() != 0 || w.Header().Get("Content-Type") != "" {
		t.Errorf("no output: %d %v %x", w.Code, w.Header(), w.Body)
	}
	if err := testSchema.Protocol(ProtocolCBOR).Encode(w, testOperation("Empty"), &nested{}, "id"); err == nil {
		t.Error("encoded an output of the wrong type")
	}
}

func TestCBORErrors(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		status int
		want   any
	}{
		{
			"modelled", &notFoundError{Message: "gone"}, 404,
			map[string]any{"text __type": "text com.amazonaws.test#NotFound", "text message": "text gone"},
		},
		{
			"of the framework", errCBOR(), 400,
			map[string]any{"text __type": "text com.amazon.coral.service#SerializationException", "text message": "text The request body is not well-formed CBOR."},
		},
		{"without a message", &FrameworkError{Code: "X", Status: 418}, 418, map[string]any{"text __type": "text com.amazon.coral.service#X"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			testSchema.Protocol(ProtocolCBOR).Error(w, r, FaultOf(&testSchema, tt.err), "id")
			got, rest := cborValue(t, w.Body.Bytes())
			if w.Code != tt.status || len(rest) > 0 || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %d %v, want %d %v", w.Code, got, tt.status, tt.want)
			}
			if headerFold(w.Header(), "x-amzn-errortype") != nil || headerFold(w.Header(), "smithy-protocol") == nil {
				t.Errorf("headers: %v", w.Header())
			}
			if q := headerFold(w.Header(), "x-amzn-query-error"); tt.name == "modelled" && (len(q) != 1 || q[0] != "AWS.Test.NotFound;Sender") {
				t.Errorf("x-amzn-query-error: %q", q)
			}
		})
	}
}

func TestAmzCBORIsAWSJSONInCBOR(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("X-Amz-Target", "Test.Everything")
	codec := CodecFor(testSchema.Protocol(ProtocolJSON), r)
	if _, ok := codec.(awsJSON); !ok {
		t.Fatalf("without its content type: %T", codec)
	}
	r.Header.Set("Content-Type", "application/x-amz-cbor-1.1")
	codec = CodecFor(testSchema.Protocol(ProtocolJSON), r)
	if got := CodecFor(testSchema.Protocol(ProtocolRESTJSON), r); got.ID() != ProtocolRESTJSON {
		t.Errorf("for REST-JSON: %s", got.ID())
	}
	body := unhex(t, "bf"+required+"64 'When' c1 1b 00000145adda5d8a 63 'ISO' 19 03e8 ff")
	in, err := codec.Decode(testOperation("Everything"), Request{HTTP: r, Body: body})
	if err != nil {
		t.Fatal(err)
	}
	got := in.(*everything)
	if !got.When.Equal(time.UnixMilli(0x145adda5d8a)) || !got.ISO.Equal(time.Unix(1, 0)) {
		t.Errorf("times: %v, %v", got.When, got.ISO)
	}
	w := httptest.NewRecorder()
	if err := codec.Encode(w, testOperation("Everything"), got, "id"); err != nil {
		t.Fatal(err)
	}
	want := unhex(t, "bf"+required+"64 'When' c1 1b 00000145adda5d8a 63 'ISO' c1 19 03e8 ff")
	if !bytes.Equal(w.Body.Bytes(), want) || w.Header().Get("Content-Type") != typeAmzCBOR {
		t.Errorf("got %x %v", w.Body.Bytes(), w.Header())
	}
	w = httptest.NewRecorder()
	codec.Error(w, r, FaultOf(&testSchema, &notFoundError{Message: "gone"}), "id")
	if tree, _ := cborValue(t, w.Body.Bytes()); w.Code != 404 || tree.(map[string]any)["text message"] != "text gone" {
		t.Errorf("error %d %v", w.Code, tree)
	}
}

// TestCBORRoundTrips: what was encoded is decoded to the same, by both forms.
func TestCBORRoundTrips(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringMatching(`[a-zA-Z]{1,10}`)
		in := &everything{Name: text.Draw(rt, "name"), Count: rapid.Int32Range(0, 150).Draw(rt, "count"), Flag: rapid.Bool().Draw(rt, "flag")}
		if rapid.Bool().Draw(rt, "scalars") {
			in.Big, in.Label = new(rapid.Int64().Draw(rt, "big")), new(rapid.String().Draw(rt, "label"))
			in.Small, in.Ratio = new(rapid.Float32().Draw(rt, "small")), new(rapid.Float64Range(0, 1).Draw(rt, "ratio"))
			in.When = time.UnixMilli(rapid.Int64Range(-1<<45, 1<<45).Draw(rt, "when")).UTC()
			in.Data = rapid.SliceOf(rapid.Byte()).Draw(rt, "data")
		}
		if rapid.Bool().Draw(rt, "collections") {
			in.Numbers = append([]int32{}, rapid.SliceOfN(rapid.Int32(), 0, 30).Draw(rt, "numbers")...)
			in.ByName = map[string]nested{}
			for range rapid.IntRange(0, 30).Draw(rt, "entries") {
				in.ByName[rapid.String().Draw(rt, "key")] = nested{Key: text.Draw(rt, "inner"), Deep: &nested{Key: "k", Value: new(rapid.String().Draw(rt, "value"))}}
			}
			in.Choice = &choice{Number: new(rapid.Int32().Draw(rt, "number"))}
		}
		if in.Data != nil && len(in.Data) == 0 {
			in.Data = []byte{}
		}
		typ := testSchema.prepared().types[tEverything]
		for _, millis := range []bool{false, true} {
			e := cborEncoder{millis: millis}
			e.object(typ, unsafe.Pointer(in), false)
			out, err := decodeCBOR(&testSchema, typ, Request{Body: e.buf}, millis)
			if err != nil {
				rt.Fatal(err)
			}
			if !reflect.DeepEqual(out, in) {
				rt.Fatalf("millis %v:\ngot  %+v\nwant %+v", millis, out, in)
			}
		}
	})
}

func FuzzCBOR(f *testing.F) {
	for _, seed := range []string{
		"a0", "bf ff", "bf" + required + "ff", "a1 65 'Names' 9b 00000000ffffffff", "a1 63 'Big' c3 48 7fffffffffffffff", "a1 65 'Ratio' c4 82 21 18 19",
		"bf" + required + "64 'When' c1 fb 41d4d7fbf3900000 65 'label' 7f 62 'ab' ff 66 'Nested' a1 63 'Key' 61 'k' 64 'Tags' a1 62 'ab' 61 'v' ff",
	} {
		f.Add(unhex(f, seed))
	}
	codec := testSchema.Protocol(ProtocolCBOR)
	f.Fuzz(func(t *testing.T, body []byte) {
		in, err := decodeCBOREverything(body)
		if err != nil {
			if FaultOf(&testSchema, err).Status >= http.StatusInternalServerError {
				t.Errorf("%x: %v", body, err)
			}
			return
		}
		w := httptest.NewRecorder()
		if err := codec.Encode(w, testOperation("Everything"), in, "id"); err != nil {
			t.Fatal(err)
		}
		again, err := decodeCBOREverything(bytes.Clone(w.Body.Bytes()))
		if err != nil {
			t.Fatalf("%x became %x: %v", body, w.Body.Bytes(), err)
		}
		second := httptest.NewRecorder()
		if err := codec.Encode(second, testOperation("Everything"), again, "id"); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(w.Body.Bytes(), second.Body.Bytes()) {
			t.Errorf("%x became %x, then %x", body, w.Body.Bytes(), second.Body.Bytes())
		}
	})
}

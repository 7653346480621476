// SPDX-License-Identifier: Apache-2.0

package awsapi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/awsapi/iam"
	"github.com/gustcloud/gust/internal/awsapi/lambda"
	"github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/awsapi/sts"
	"github.com/gustcloud/gust/internal/base/av"
	"github.com/gustcloud/gust/internal/wire"
)

// contract is what the tests need of one generated package.
type contract struct {
	api    reflect.Type
	schema *wire.Schema
}

var contracts = map[string]contract{
	"iam":    {reflect.TypeFor[iam.API](), iam.Schema().Prepare()},
	"lambda": {reflect.TypeFor[lambda.API](), lambda.Schema().Prepare()},
	"logs":   {reflect.TypeFor[logs.API](), logs.Schema().Prepare()},
	"sts":    {reflect.TypeFor[sts.API](), sts.Schema().Prepare()},
}

func TestEveryContractIsTested(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob("*/zz_schema.go")
	if err != nil {
		t.Fatal(err)
	}
	folders := map[string]bool{}
	for name := range contracts {
		folders[strings.ReplaceAll(name, "-", "")] = true
	}
	for _, d := range dirs {
		if !folders[filepath.Dir(d)] {
			t.Errorf("%s is not in the list of this file", filepath.Dir(d))
		}
	}
}

// TestTableFitsTheGoTypes walks from each method of the API through all structures that it reaches, and compares them with
// the table: the codecs follow the table over unsafe pointers, so a wrong entry would be memory corruption.
func TestTableFitsTheGoTypes(t *testing.T) {
	t.Parallel()
	for name, c := range contracts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.schema.ID != name || c.api.NumMethod() != len(c.schema.Operations) {
				t.Errorf("ID %s, %d methods for %d operations", c.schema.ID, c.api.NumMethod(), len(c.schema.Operations))
			}
			w := walker{t: t, schema: c.schema, seen: map[wire.Ref]reflect.Type{}}
			for _, op := range c.schema.Operations {
				m, ok := c.api.MethodByName(op.Name)
				if !ok {
					t.Errorf("API has no method %s", op.Name)
					continue
				}
				w.structure(op.Name+" input", op.Input, m.Type.In(1).Elem())
				w.structure(op.Name+" output", op.Output, m.Type.Out(0).Elem())
				for _, e := range op.Errors {
					if c.schema.Types[e].Error == nil {
						t.Errorf("%s: error %s has no ErrorInfo", op.Name, c.schema.Types[e].Name)
					}
				}
			}
		})
	}
}

type walker struct {
	t      *testing.T
	schema *wire.Schema
	seen   map[wire.Ref]reflect.Type
}

func (w walker) structure(path string, ref wire.Ref, g reflect.Type) {
	w.t.Helper()
	if old, ok := w.seen[ref]; ok {
		if old != g {
			w.t.Errorf("%s: %s is one type of the table and two of Go", path, g)
		}
		return
	}
	w.seen[ref] = g
	typ := w.schema.Types[ref]
	if g.Kind() != reflect.Struct || typ.Kind != wire.KindStruct && typ.Kind != wire.KindUnion || !instance(typ.Go, "StructOf", g) {
		w.t.Errorf("%s: table says %v %T, Go %s", path, typ.Kind, typ.Go, g)
		return
	}
	if g.NumField() != len(typ.Fields) {
		w.t.Errorf("%s: %d fields in the table, %d in Go", path, len(typ.Fields), g.NumField())
		return
	}
	for i, f := range typ.Fields {
		gf := g.Field(i)
		at := path + "." + f.Name
		if f.Off != gf.Offset || !strings.EqualFold(f.Name, gf.Name) {
			w.t.Errorf("%s: the table's offset is %d, Go has %s at %d", at, f.Off, gf.Name, gf.Offset)
		}
		w.member(at, f, gf.Type)
	}
}

// member applies the rules of the Go mapping to one field.
func (w walker) member(at string, f wire.Field, g reflect.Type) {
	w.t.Helper()
	kind := w.schema.Types[f.Type].Kind
	pointer := f.Flags&wire.Pointer != 0
	_, scalar := scalars[kind]
	scalar = scalar && kind != wire.KindBlob && kind != wire.KindTime
	if want := scalar && f.Flags&wire.Required == 0; pointer != want {
		w.t.Errorf("%s: flag Pointer is %t, want %t", at, pointer, want)
	}
	if pointer || kind == wire.KindStruct || kind == wire.KindUnion || kind == wire.KindAttribute {
		if g.Kind() != reflect.Pointer {
			w.t.Errorf("%s: Go has %s, want a pointer", at, g)
			return
		}
		g = g.Elem()
	}
	w.value(at, f.Type, g)
}

var scalars = map[wire.Kind]reflect.Type{
	wire.KindString: reflect.TypeFor[string](), wire.KindInt32: reflect.TypeFor[int32](), wire.KindInt64: reflect.TypeFor[int64](),
	wire.KindFloat32: reflect.TypeFor[float32](), wire.KindFloat64: reflect.TypeFor[float64](), wire.KindBool: reflect.TypeFor[bool](),
	wire.KindBlob: reflect.TypeFor[[]byte](), wire.KindTime: reflect.TypeFor[time.Time](),
}

func (w walker) value(at string, ref wire.Ref, g reflect.Type) {
	w.t.Helper()
	typ := w.schema.Types[ref]
	switch typ.Kind {
	case wire.KindStruct, wire.KindUnion:
		w.structure(at, ref, g)
	case wire.KindList:
		if g.Kind() != reflect.Slice || !instance(typ.Go, "SliceOf", g.Elem()) {
			w.t.Errorf("%s: table says %T, Go %s", at, typ.Go, g)
			return
		}
		w.value(at+"[]", typ.Elem, g.Elem())
	case wire.KindMap:
		if g.Kind() != reflect.Map || g.Key() != scalars[wire.KindString] || !instance(typ.Go, "MapOf", g.Elem()) {
			w.t.Errorf("%s: table says %T, Go %s", at, typ.Go, g)
			return
		}
		if w.schema.Types[typ.Key].Kind != wire.KindString {
			w.t.Errorf("%s: the map's key is not a string", at)
		}
		w.value(at+"{}", typ.Elem, g.Elem())
	case wire.KindStream:
		if g != reflect.TypeFor[io.Reader]() && g != reflect.TypeFor[io.ReadCloser]() {
			w.t.Errorf("%s: Go has %s, want a stream", at, g)
		}
	case wire.KindEvents:
		if g.Kind() != reflect.Func || !instance(typ.Go, "EventsOf", g.In(0).In(0)) { // func(yield func(E, error) bool)
			w.t.Errorf("%s: table says %T, Go %s", at, typ.Go, g)
			return
		}
		w.events(at, ref, g.In(0).In(0))
	case wire.KindAttribute:
		if g != reflect.TypeFor[av.Value]() || !instance(typ.Go, "StructOf", g) {
			w.t.Errorf("%s: Go has %s, want an attribute value", at, g)
		}
	case wire.KindDocument:
		if g != reflect.TypeFor[json.RawMessage]() {
			w.t.Errorf("%s: Go has %s, want a document", at, g)
		}
	default:
		if scalars[typ.Kind] != g {
			w.t.Errorf("%s: table says kind %d, Go %s", at, typ.Kind, g)
		}
	}
}

// events compares the union of a stream's events. Its exceptions are errors and no fields.
func (w walker) events(at string, ref wire.Ref, g reflect.Type) {
	w.t.Helper()
	next := 0
	for _, f := range w.schema.Types[ref].Fields {
		if w.schema.Types[f.Type].Error != nil {
			continue
		}
		if next >= g.NumField() || g.Field(next).Offset != f.Off || !strings.EqualFold(g.Field(next).Name, f.Name) {
			w.t.Errorf("%s: %s is not field %d of %s", at, f.Name, next, g)
			return
		}
		w.member(at+"."+f.Name, f, g.Field(next).Type)
		next++
	}
	if next != g.NumField() {
		w.t.Errorf("%s: %d events, %s has %d", at, next, g, g.NumField())
	}
}

// instance tells whether v is wire.<generic>[elem], or stands for that type.
func instance(v wire.GoType, generic string, elem reflect.Type) bool {
	if s, ok := v.(fmt.Stringer); ok { // known at run time only: it has the name of its type
		return s.String() == map[string]string{"StructOf": "", "SliceOf": "[]", "MapOf": "map[string]"}[generic]+elem.String()
	}
	full := elem.String()
	if p := elem.PkgPath(); p != "" {
		full = p + "." + elem.Name()
	}
	got := reflect.TypeOf(v).Name()
	// Names of composite arguments hold full package paths: compare without them there.
	return got == generic+"["+full+"]" || elem.Name() == "" && strings.HasPrefix(got, generic+"[")
}

// TestErrorsKnowTheirPlace: each error type of the table says the code that clients see.
func TestErrorsKnowTheirPlace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    wire.APIError
		text   string
		code   string
		status int
		sender bool
	}{
		{&lambda.ResourceNotFoundException{Message: "m"}, "ResourceNotFoundException: m", "ResourceNotFoundException", 404, true},
		{&lambda.ServiceException{Message: "m"}, "ServiceException: m", "ServiceException", 500, false},
		{&lambda.RequestEntityTooLargeException{Message: "m"}, "RequestEntityTooLargeException: m", "RequestEntityTooLargeException", 413, true},
		{&iam.NoSuchEntityException{Message: "m"}, "NoSuchEntity: m", "NoSuchEntity", 404, true},
		{&iam.ValidationError{Message: "m"}, "ValidationError: m", "ValidationError", 400, true},
		{&sts.AccessDenied{Message: "m"}, "AccessDenied: m", "AccessDenied", 403, true},
		{&logs.ResourceAlreadyExistsException{Message: "m"}, "ResourceAlreadyExistsException: m", "ResourceAlreadyExistsException", 400, true},
		{&logs.ServiceUnavailableException{Message: "m"}, "ServiceUnavailableException: m", "ServiceUnavailableException", 500, false},
	} {
		info := wire.ErrorInfoOf(c.err)
		s, ref := c.err.WireType()
		name := reflect.TypeOf(c.err).Elem().Name()
		if c.err.Error() != c.text || info == nil || s.Types[ref].Name != name ||
			info.Code != c.code || info.Status != c.status || info.Sender != c.sender {
			t.Errorf("%s: text %q, table %s %+v; want %q %q %d sender %t", name, c.err, s.Types[ref].Name, info, c.text, c.code, c.status, c.sender)
		}
	}
}

// TestValidationCodesAreDeclared: the code of a failed constraint is one of the service's errors, so that it has a status.
func TestValidationCodesAreDeclared(t *testing.T) {
	t.Parallel()
	for name, c := range contracts {
		if c.schema.ValidationCode == "" {
			continue // the service checks by itself
		}
		found := slices.ContainsFunc(c.schema.Types, func(x wire.Type) bool {
			return x.Error != nil && x.Error.Code == c.schema.ValidationCode
		})
		if !found {
			t.Errorf("%s: no error has code %q", name, c.schema.ValidationCode)
		}
	}
}

// TestAllOperationsOfTheModelAreNamed: what is not implemented is known by name, and nothing is both.
func TestAllOperationsOfTheModelAreNamed(t *testing.T) {
	t.Parallel()
	for name, c := range contracts {
		b, err := os.ReadFile(filepath.Join("model", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ := strings.Cut(string(b), "\n\"operations\": {\n")
		text, _, _ = strings.Cut(text, "\n},\n\"shapes\"")
		total := len(strings.Split(text, "\n"))
		if got := len(c.schema.Operations) + c.schema.Missing.Len(); got != total {
			t.Errorf("%s: %d operations, the model has %d", name, got, total)
		}
		for m := range c.schema.Missing.All() {
			if c.schema.Operation(m.Name) >= 0 {
				t.Errorf("%s: %s is implemented and missing", name, m.Name)
			}
		}
	}
}

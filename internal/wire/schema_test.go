// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/json"
	"io"
	"time"
	"unsafe"
)

// The hand-written service of the tests: every kind, every location.

type everything struct {
	Name     string // required
	Count    int32  // required
	Flag     bool   // required
	Big      *int64
	Small    *float32
	Ratio    *float64
	Label    *string
	When     time.Time
	ISO      time.Time
	HTTPDate time.Time
	Data     []byte
	Doc      json.RawMessage
	Names    []string
	Lists    [][]string
	Tags     map[string]string
	Nested   *nested
	Nests    []nested
	ByName   map[string]nested
	Choice   *choice
	Numbers  []int32
	Times    []time.Time
	KMSKey   *string
}

type nested struct {
	Key   string // required
	Value *string
	Deep  *nested
}

type choice struct {
	Text   *string
	Number *int32
}

type boundIO struct {
	ID        string // required, label
	Path      *string
	Qualifier *string
	Ages      []int32
	Rest      map[string][]string
	LogType   *string
	Items     []string
	Dates     []time.Time
	Meta      map[string]string
	JSON      *string
	Body      *string
	Status    *int32
}

type blobIO struct {
	Function string
	Payload  []byte
	Error    *string
	Code     *int32
}

type streamIO struct{ Body io.Reader }

type structIO struct {
	ID     string
	Config *nested
}

type notFoundError struct {
	Message string
	Type    string
	After   string
}

func (e *notFoundError) Error() string            { return "NotFound: " + e.Message }
func (e *notFoundError) WireType() (*Schema, Ref) { return &testSchema, tNotFound }

const (
	tString Ref = iota + 1
	tInt
	tLong
	tFloat
	tDouble
	tBool
	tTime
	tBlob
	tDoc
	tStream
	tNames
	tLists
	tTags
	tNested
	tNests
	tByName
	tChoice
	tNumbers
	tTimes
	tEverything
	tBound
	tRest
	tBlobIO
	tStreamIO
	tStructIO
	tNotFound
	tEmpty
	tName
	tKeyName
	tRuntime
	tAge
	tFlatNames
	tRestMeta
)

var testSchema = Schema{
	ID: "test", ServiceID: "Test", JSONVersion: "1.1", TargetPrefix: "Test", APIVersion: "2020-01-01",
	Protocols: []ProtocolID{ProtocolJSON, ProtocolRESTJSON, ProtocolQuery, ProtocolCBOR}, QueryCompat: true,
	XMLNamespace: "https://test.example/doc/", ErrorPrefix: "com.amazonaws.test#", ErrorTypeMember: "Type",
	ValidationCode: "ValidationException",
	Types: []Type{
		{},
		tString:  {Name: "String", Kind: KindString},
		tInt:     {Name: "Integer", Kind: KindInt32},
		tLong:    {Name: "Long", Kind: KindInt64},
		tFloat:   {Name: "Float", Kind: KindFloat32},
		tDouble:  {Name: "Double", Kind: KindFloat64, Rules: &Constraints{Min: "0.0", Max: "1.0"}},
		tBool:    {Name: "Boolean", Kind: KindBool},
		tTime:    {Name: "Timestamp", Kind: KindTime},
		tBlob:    {Name: "Blob", Kind: KindBlob, Rules: &Constraints{Max: "4096"}},
		tDoc:     {Name: "Document", Kind: KindDocument},
		tStream:  {Name: "Stream", Kind: KindStream},
		tNames:   {Name: "Names", Kind: KindList, Go: SliceOf[string]{}, Elem: tName, Rules: &Constraints{Max: "3"}},
		tLists:   {Name: "Lists", Kind: KindList, Go: SliceOf[[]string]{}, Elem: tNames},
		tTags:    {Name: "Tags", Kind: KindMap, Go: MapOf[string]{}, Elem: tName, Key: tKeyName},
		tNested:  {Name: "Nested", Kind: KindStruct, Go: StructOf[nested]{}, Fields: nestedFields},
		tNests:   {Name: "Nests", Kind: KindList, Go: SliceOf[nested]{}, Elem: tNested},
		tByName:  {Name: "ByName", Kind: KindMap, Go: MapOf[nested]{}, Elem: tNested, Key: tString},
		tChoice:  {Name: "Choice", Kind: KindUnion, Go: StructOf[choice]{}, Fields: choiceFields},
		tNumbers: {Name: "Numbers", Kind: KindList, Go: SliceOf[int32]{}, Elem: tInt},
		tTimes:   {Name: "Times", Kind: KindList, Go: SliceOf[time.Time]{}, Elem: tTime},
		tEverything: {
			Name: "EverythingInput", Kind: KindStruct, Go: StructOf[everything]{}, Fields: everythingFields,
		},
		tBound:    {Name: "BoundInput", Kind: KindStruct, Go: StructOf[boundIO]{}, Fields: boundFields},
		tRest:     {Name: "Rest", Kind: KindMap, Go: MapOf[[]string]{}, Elem: tFlatNames, Key: tString},
		tBlobIO:   {Name: "BlobIO", Kind: KindStruct, Go: StructOf[blobIO]{}, Fields: blobFields},
		tStreamIO: {Name: "StreamIO", Kind: KindStruct, Go: StructOf[streamIO]{}, Fields: streamFields},
		tStructIO: {Name: "StructIO", Kind: KindStruct, Go: StructOf[structIO]{}, Fields: structFields},
		tNotFound: {
			Name: "NotFound", Kind: KindStruct, Go: StructOf[notFoundError]{}, Fields: notFoundFields,
			Error: &ErrorInfo{Code: "NotFound", Status: 404, Sender: true, QueryCode: "AWS.Test.NotFound", Message: "message"},
		},
		tEmpty: {Name: "EmptyOutput", Kind: KindStruct, Go: StructOf[struct{}]{}},
		tName:  {Name: "Name", Kind: KindString, Rules: &Constraints{Min: "1", Max: "10", Pattern: `[a-z\u0041-\u005A]+`}},
		tKeyName: {
			Name: "KeyName", Kind: KindString, Rules: &Constraints{Pattern: "[a-zA-Z]([a-zA-Z0-9_])+"},
		},
		tRuntime:  {Name: "Runtime", Kind: KindString, Rules: &Constraints{Enum: []string{"python3.12", "nodejs22.x"}}},
		tAge:      {Name: "Age", Kind: KindInt32, Rules: &Constraints{Min: "0", Max: "150"}},
		tRestMeta: {Name: "Meta", Kind: KindMap, Go: MapOf[string]{}, Elem: tString, Key: tString},
		tFlatNames: {
			Name: "FlatNames", Kind: KindList, Go: SliceOf[string]{}, Elem: tString, Flattened: true, ElemName: "Item",
		},
	},
	Operations: []Operation{
		{Name: "Everything", Method: "POST", URI: "/", Input: tEverything, Output: tEverything, Errors: []Ref{tNotFound}},
		{Name: "Bound", Method: "POST", URI: "/b/{ID}/x/{Path+}?mode=fixed", Input: tBound, Output: tBound, Status: 201},
		{Name: "Blob", Method: "POST", URI: "/f/{Function}", Input: tBlobIO, Output: tBlobIO},
		{Name: "Stream", Method: "PUT", URI: "/s", Input: tStreamIO, Output: tEmpty, NoOutput: true},
		{Name: "Struct", Method: "PUT", URI: "/c/{ID}", Input: tStructIO, Output: tStructIO},
		{Name: "Nothing", Method: "POST", URI: "/n", Input: tEmpty, Output: tEmpty, NoInput: true, NoOutput: true, Status: 204},
		{Name: "Empty", Method: "POST", URI: "/e", Input: tEmpty, Output: tEmpty},
	},
	Missing: "Later POST /later\n",
}

var everythingFields = []Field{
	{Name: "Name", Off: unsafe.Offsetof(everything{}.Name), Type: tName, Flags: Required},
	{Name: "Count", Off: unsafe.Offsetof(everything{}.Count), Type: tAge, Flags: Required},
	{Name: "Flag", Off: unsafe.Offsetof(everything{}.Flag), Type: tBool, Flags: Required},
	{Name: "Big", Off: unsafe.Offsetof(everything{}.Big), Type: tLong, Flags: Pointer},
	{Name: "Small", Off: unsafe.Offsetof(everything{}.Small), Type: tFloat, Flags: Pointer},
	{Name: "Ratio", Off: unsafe.Offsetof(everything{}.Ratio), Type: tDouble, Flags: Pointer},
	{Name: "Label", Wire: "label", Off: unsafe.Offsetof(everything{}.Label), Type: tString, Flags: Pointer},
	{Name: "When", Off: unsafe.Offsetof(everything{}.When), Type: tTime},
	{Name: "ISO", Off: unsafe.Offsetof(everything{}.ISO), Type: tTime, Time: TimeISO8601},
	{Name: "HTTPDate", Off: unsafe.Offsetof(everything{}.HTTPDate), Type: tTime, Time: TimeRFC822},
	{Name: "Data", Off: unsafe.Offsetof(everything{}.Data), Type: tBlob},
	{Name: "Doc", Off: unsafe.Offsetof(everything{}.Doc), Type: tDoc},
	{Name: "Names", Off: unsafe.Offsetof(everything{}.Names), Type: tNames},
	{Name: "Lists", Off: unsafe.Offsetof(everything{}.Lists), Type: tLists},
	{Name: "Tags", Off: unsafe.Offsetof(everything{}.Tags), Type: tTags},
	{Name: "Nested", Off: unsafe.Offsetof(everything{}.Nested), Type: tNested},
	{Name: "Nests", Off: unsafe.Offsetof(everything{}.Nests), Type: tNests},
	{Name: "ByName", Off: unsafe.Offsetof(everything{}.ByName), Type: tByName},
	{Name: "Choice", Off: unsafe.Offsetof(everything{}.Choice), Type: tChoice},
	{Name: "Numbers", Off: unsafe.Offsetof(everything{}.Numbers), Type: tNumbers, Flags: Flattened},
	{Name: "Times", Off: unsafe.Offsetof(everything{}.Times), Type: tTimes},
	{Name: "KMSKey", Off: unsafe.Offsetof(everything{}.KMSKey), Type: tName, Flags: Pointer | Sensitive},
}

var nestedFields = []Field{
	{Name: "Key", Off: unsafe.Offsetof(nested{}.Key), Type: tName, Flags: Required},
	{Name: "Value", Off: unsafe.Offsetof(nested{}.Value), Type: tString, Flags: Pointer},
	{Name: "Deep", Off: unsafe.Offsetof(nested{}.Deep), Type: tNested},
}

var choiceFields = []Field{
	{Name: "Text", Off: unsafe.Offsetof(choice{}.Text), Type: tString, Flags: Pointer},
	{Name: "Number", Off: unsafe.Offsetof(choice{}.Number), Type: tInt, Flags: Pointer},
}

var boundFields = []Field{
	{Name: "ID", Off: unsafe.Offsetof(boundIO{}.ID), Type: tString, Flags: Required, Loc: InURI},
	{Name: "Path", Off: unsafe.Offsetof(boundIO{}.Path), Type: tString, Flags: Pointer, Loc: InURI},
	{Name: "Qualifier", Wire: "Qualifier", Off: unsafe.Offsetof(boundIO{}.Qualifier), Type: tString, Flags: Pointer, Loc: InQuery},
	{Name: "Ages", Wire: "age", Off: unsafe.Offsetof(boundIO{}.Ages), Type: tNumbers, Loc: InQuery},
	{Name: "Rest", Off: unsafe.Offsetof(boundIO{}.Rest), Type: tRest, Loc: InQuery},
	{Name: "LogType", Wire: "X-Amz-Log-Type", Off: unsafe.Offsetof(boundIO{}.LogType), Type: tString, Flags: Pointer, Loc: InHeader},
	{Name: "Items", Wire: "X-Items", Off: unsafe.Offsetof(boundIO{}.Items), Type: tFlatNames, Loc: InHeader},
	{Name: "Dates", Wire: "X-Dates", Off: unsafe.Offsetof(boundIO{}.Dates), Type: tTimes, Loc: InHeader},
	{Name: "Meta", Wire: "X-Meta-", Off: unsafe.Offsetof(boundIO{}.Meta), Type: tRestMeta, Loc: InHeaders},
	{Name: "JSON", Wire: "X-Json", Off: unsafe.Offsetof(boundIO{}.JSON), Type: tString, Flags: Pointer | JSONValue, Loc: InHeader},
	{Name: "Body", Off: unsafe.Offsetof(boundIO{}.Body), Type: tString, Flags: Pointer},
	{Name: "Status", Off: unsafe.Offsetof(boundIO{}.Status), Type: tInt, Flags: Pointer, Loc: InStatus},
}

var blobFields = []Field{
	{Name: "Function", Off: unsafe.Offsetof(blobIO{}.Function), Type: tString, Flags: Required, Loc: InURI},
	{Name: "Payload", Off: unsafe.Offsetof(blobIO{}.Payload), Type: tBlob, Loc: InPayload},
	{Name: "Error", Wire: "X-Amz-Function-Error", Off: unsafe.Offsetof(blobIO{}.Error), Type: tString, Flags: Pointer, Loc: InHeader},
	{Name: "Code", Off: unsafe.Offsetof(blobIO{}.Code), Type: tInt, Flags: Pointer, Loc: InStatus},
}

var streamFields = []Field{{Name: "Body", Off: unsafe.Offsetof(streamIO{}.Body), Type: tStream, Flags: Required, Loc: InPayload}}

var structFields = []Field{
	{Name: "ID", Off: unsafe.Offsetof(structIO{}.ID), Type: tString, Flags: Required, Loc: InURI},
	{Name: "Config", Off: unsafe.Offsetof(structIO{}.Config), Type: tNested, Loc: InPayload},
}

var notFoundFields = []Field{
	{Name: "message", Off: unsafe.Offsetof(notFoundError{}.Message), Type: tString},
	{Name: "Type", Off: unsafe.Offsetof(notFoundError{}.Type), Type: tString},
	{Name: "After", Wire: "Retry-After", Off: unsafe.Offsetof(notFoundError{}.After), Type: tString, Loc: InHeader},
}

// testOperation returns the operation by name, and panics for a misspelt one.
func testOperation(name string) *Operation { return &testSchema.Operations[testSchema.Operation(name)] }

// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"io"
	"time"
	"unsafe"
)

// The hand-written services of the tests of XML: one with wrapped errors, one with S3's, and one that speaks EC2's dialect.

type parcel struct {
	Name     string // required
	Count    *int32
	Weight   *float64
	Fragile  *bool
	Sent     time.Time
	Day      time.Time // rfc822
	Picture  []byte
	Stops    []string          // a list of <member>
	Labels   []label           // flattened at the member, called Label
	Marks    []string          // flattened at the shape, called like its elements
	Grants   []grant           // a list of <Grant>
	Notes    map[string]string // a map
	Rooms    map[string]label  // a flat map, <K> and <V>
	Choice   *choice
	Inner    *parcel
	ID       *string // an attribute
	Greeting *string // a header
}

type label struct {
	Key   string // required
	Value *string
}

type grant struct {
	Type *string // the attribute xsi:type
	Name *string
}

type parcelPayload struct {
	Bucket string // required, label
	Parcel *parcel
}

type parcelStream struct {
	Bucket string
	Body   io.Reader
}

type parcelBody struct {
	Body        io.ReadCloser
	ContentType *string
	Length      *int64
}

type parcelPlace struct{ Place *string }

type parcelGaps struct {
	List []*string
	Map  map[string]*label
}

type lostError struct {
	Message string
	Where   string
	Retry   *int32
}

func (e *lostError) Error() string            { return "Lost: " + e.Message }
func (e *lostError) WireType() (*Schema, Ref) { return &parcels, pLost }

const (
	pString Ref = iota + 1
	pInt
	pLong
	pDouble
	pBool
	pTime
	pBlob
	pStream
	pStops
	pLabel
	pLabels
	pMarks
	pGrant
	pGrants
	pNotes
	pRooms
	pChoice
	pParcel
	pPayload
	pStreamIn
	pStreamOut
	pHead
	pPlace
	pGapList
	pGapMap
	pGaps
	pLost
	pEmpty
)

var parcelTypes = []Type{
	{},
	pString: {Name: "String", Kind: KindString},
	pInt:    {Name: "Integer", Kind: KindInt32},
	pLong:   {Name: "Long", Kind: KindInt64},
	pDouble: {Name: "Double", Kind: KindFloat64},
	pBool:   {Name: "Boolean", Kind: KindBool},
	pTime:   {Name: "Timestamp", Kind: KindTime},
	pBlob:   {Name: "Blob", Kind: KindBlob},
	pStream: {Name: "Stream", Kind: KindStream},
	pStops:  {Name: "Stops", Kind: KindList, Go: SliceOf[string]{}, Elem: pString},
	pLabel: {Name: "Label", Kind: KindStruct, Go: StructOf[label]{}, Fields: []Field{
		{Name: "Key", Off: unsafe.Offsetof(label{}.Key), Type: pString, Flags: Required},
		{Name: "Value", Off: unsafe.Offsetof(label{}.Value), Type: pString, Flags: Pointer},
	}},
	pLabels: {Name: "Labels", Kind: KindList, Go: SliceOf[label]{}, Elem: pLabel, ElemName: "item"},
	pMarks:  {Name: "Marks", Kind: KindList, Go: SliceOf[string]{}, Elem: pString, ElemName: "Mark", Flattened: true},
	pGrant: {
		Name: "Grant", Kind: KindStruct, Go: StructOf[grant]{}, Fields: []Field{
			{Name: "Type", Wire: "xsi:type", Off: unsafe.Offsetof(grant{}.Type), Type: pString, Flags: Pointer | XMLAttribute},
			{Name: "Name", Off: unsafe.Offsetof(grant{}.Name), Type: pString, Flags: Pointer},
		},
		Namespace: &XMLNamespace{URI: "http://www.w3.org/2001/XMLSchema-instance", Prefix: "xsi"},
	},
	pGrants: {Name: "Grants", Kind: KindList, Go: SliceOf[grant]{}, Elem: pGrant, ElemName: "Grant"},
	pNotes:  {Name: "Notes", Kind: KindMap, Go: MapOf[string]{}, Elem: pString, Key: pString},
	pRooms:  {Name: "Rooms", Kind: KindMap, Go: MapOf[label]{}, Elem: pLabel, Key: pString, KeyName: "K", ElemName: "V"},
	pChoice: {Name: "Choice", Kind: KindUnion, Go: StructOf[choice]{}, Fields: []Field{
		{Name: "Text", Off: unsafe.Offsetof(choice{}.Text), Type: pString, Flags: Pointer},
		{Name: "Number", Off: unsafe.Offsetof(choice{}.Number), Type: pInt, Flags: Pointer},
	}},
	pParcel: {Name: "Parcel", Kind: KindStruct, Go: StructOf[parcel]{}, Fields: []Field{
		{Name: "Name", Off: unsafe.Offsetof(parcel{}.Name), Type: pString, Flags: Required},
		{Name: "Count", QueryName: "howMany", Off: unsafe.Offsetof(parcel{}.Count), Type: pInt, Flags: Pointer},
		{Name: "Weight", Wire: "weight", Off: unsafe.Offsetof(parcel{}.Weight), Type: pDouble, Flags: Pointer},
		{Name: "Fragile", Off: unsafe.Offsetof(parcel{}.Fragile), Type: pBool, Flags: Pointer},
		{Name: "Sent", Off: unsafe.Offsetof(parcel{}.Sent), Type: pTime},
		{Name: "Day", Off: unsafe.Offsetof(parcel{}.Day), Type: pTime, Time: TimeRFC822},
		{Name: "Picture", Off: unsafe.Offsetof(parcel{}.Picture), Type: pBlob},
		{Name: "Stops", Off: unsafe.Offsetof(parcel{}.Stops), Type: pStops},
		{Name: "Labels", Wire: "Label", Off: unsafe.Offsetof(parcel{}.Labels), Type: pLabels, Flags: Flattened},
		{Name: "Marks", Off: unsafe.Offsetof(parcel{}.Marks), Type: pMarks},
		{Name: "Grants", Off: unsafe.Offsetof(parcel{}.Grants), Type: pGrants},
		{Name: "Notes", Off: unsafe.Offsetof(parcel{}.Notes), Type: pNotes},
		{Name: "Rooms", Off: unsafe.Offsetof(parcel{}.Rooms), Type: pRooms, Flags: Flattened},
		{Name: "Choice", Off: unsafe.Offsetof(parcel{}.Choice), Type: pChoice},
		{Name: "Inner", Off: unsafe.Offsetof(parcel{}.Inner), Type: pParcel},
		{Name: "ID", Wire: "id", Off: unsafe.Offsetof(parcel{}.ID), Type: pString, Flags: Pointer | XMLAttribute},
		{Name: "Greeting", Wire: "X-Greeting", Off: unsafe.Offsetof(parcel{}.Greeting), Type: pString, Flags: Pointer, Loc: InHeader},
	}},
	pPayload: {Name: "PutParcelRequest", Kind: KindStruct, Go: StructOf[parcelPayload]{}, Fields: []Field{
		{Name: "Bucket", Off: unsafe.Offsetof(parcelPayload{}.Bucket), Type: pString, Flags: Required, Loc: InURI},
		{Name: "Parcel", Wire: "ParcelBox", Off: unsafe.Offsetof(parcelPayload{}.Parcel), Type: pParcel, Loc: InPayload},
	}},
	pStreamIn: {Name: "PutStreamRequest", Kind: KindStruct, Go: StructOf[parcelStream]{}, Fields: []Field{
		{Name: "Bucket", Off: unsafe.Offsetof(parcelStream{}.Bucket), Type: pString, Flags: Required, Loc: InURI},
		{Name: "Body", Off: unsafe.Offsetof(parcelStream{}.Body), Type: pStream, Loc: InPayload},
	}},
	pStreamOut: {Name: "GetStreamOutput", Kind: KindStruct, Go: StructOf[parcelBody]{}, Fields: []Field{
		{Name: "Body", Off: unsafe.Offsetof(parcelBody{}.Body), Type: pStream, Loc: InPayload},
		{
			Name: "ContentType", Wire: "Content-Type", Off: unsafe.Offsetof(parcelBody{}.ContentType), Type: pString, Flags: Pointer,
			Loc: InHeader,
		},
		{Name: "Length", Wire: "Content-Length", Off: unsafe.Offsetof(parcelBody{}.Length), Type: pLong, Flags: Pointer, Loc: InHeader},
	}},
	pHead: {Name: "HeadParcelOutput", Kind: KindStruct, Go: StructOf[parcelBody]{}, Fields: []Field{
		{Name: "Length", Wire: "Content-Length", Off: unsafe.Offsetof(parcelBody{}.Length), Type: pLong, Flags: Pointer, Loc: InHeader},
	}},
	pPlace: {Name: "GetPlaceOutput", Kind: KindStruct, Go: StructOf[parcelPlace]{}, Fields: []Field{
		{Name: "Place", Off: unsafe.Offsetof(parcelPlace{}.Place), Type: pString, Flags: Pointer},
	}},
	pGapList: {Name: "GapList", Kind: KindList, Go: SliceOf[*string]{}, Elem: pString, Sparse: true},
	pGapMap:  {Name: "GapMap", Kind: KindMap, Go: MapOf[*label]{}, Elem: pLabel, Key: pString, Sparse: true},
	pGaps: {Name: "Gaps", Kind: KindStruct, Go: StructOf[parcelGaps]{}, Fields: []Field{
		{Name: "List", Off: unsafe.Offsetof(parcelGaps{}.List), Type: pGapList},
		{Name: "Map", Off: unsafe.Offsetof(parcelGaps{}.Map), Type: pGapMap},
	}},
	pLost: {
		Name: "Lost", Kind: KindStruct, Go: StructOf[lostError]{}, Fields: []Field{
			{Name: "Message", Off: unsafe.Offsetof(lostError{}.Message), Type: pString},
			{Name: "Where", Off: unsafe.Offsetof(lostError{}.Where), Type: pString},
			{Name: "Retry", Wire: "Retry-After", Off: unsafe.Offsetof(lostError{}.Retry), Type: pInt, Flags: Pointer, Loc: InHeader},
		},
		Error: &ErrorInfo{Code: "ParcelLost", Status: 404, Sender: true, Message: "Message"},
	},
	pEmpty: {Name: "Empty", Kind: KindStruct, Go: StructOf[struct{}]{}},
}

var parcelOperations = []Operation{
	{Name: "SendParcel", Method: "POST", URI: "/parcels", Input: pParcel, Output: pParcel, InputName: "SendParcelRequest"},
	{Name: "PutParcel", Method: "PUT", URI: "/{Bucket}", Input: pPayload, Output: pPayload},
	{Name: "PutStream", Method: "PUT", URI: "/{Bucket}/s", Input: pStreamIn, Output: pStreamOut},
	{Name: "HeadParcel", Method: "HEAD", URI: "/{Bucket}/s", Input: pStreamIn, Output: pHead},
	{Name: "MindGaps", Method: "POST", URI: "/gaps", Input: pGaps, Output: pGaps},
	{Name: "GetPlace", Method: "GET", URI: "/{Bucket}?place", Input: pEmpty, Output: pPlace, UnwrappedOutput: true},
	{Name: "DropParcel", Method: "DELETE", URI: "/{Bucket}", Input: pEmpty, Output: pEmpty, NoOutput: true, Status: 204},
	{Name: "TouchParcel", Method: "POST", URI: "/{Bucket}/t", Input: pEmpty, Output: pEmpty},
}

// parcels has wrapped errors, parcels3 S3's, and parcels2 speaks EC2's dialect.
var (
	parcels = Schema{
		ID: "parcels", XMLNamespace: "https://parcels.example/", Protocols: []ProtocolID{ProtocolRESTXML}, ValidationCode: "InvalidInput",
		Types: parcelTypes, Operations: parcelOperations,
	}
	parcels3 = Schema{
		ID: "parcels3", Protocols: []ProtocolID{ProtocolRESTXML}, BareErrors: true, Types: parcelTypes, Operations: parcelOperations,
	}
	parcels2 = Schema{
		ID: "parcels2", XMLNamespace: "http://parcels.example/2/", APIVersion: "2020-01-01", Protocols: []ProtocolID{ProtocolEC2},
		ValidationCode: "InvalidParameter", Types: parcelTypes, Operations: parcelOperations,
	}
)

// parcelOperation returns the operation of s by name, and panics for a misspelt one.
func parcelOperation(s *Schema, name string) *Operation { return &s.Operations[s.Operation(name)] }

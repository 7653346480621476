// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"io"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
)

func decodeEC2(form string) (any, error) {
	return parcels2.Protocol(ProtocolEC2).Decode(parcelOperation(&parcels2, "SendParcel"), Request{Body: []byte(form)})
}

func TestEC2DecodesForms(t *testing.T) {
	base := parcel{Name: "n"}
	with := func(f func(*parcel)) parcel { p := base; f(&p); return p }
	tests := []struct {
		name, form string
		want       parcel
	}{
		{"queryName", "&howMany=7", with(func(p *parcel) { p.Count = new(int32(7)) })},
		{"a capital for the locationName", "&Weight=1.5&Id=7", with(func(p *parcel) { p.Weight = new(1.5); p.ID = new("7") })},
		{"the wire names of answers", "&weight=1.5", with(func(p *parcel) { p.Weight = new(1.5) })},
		{"timestamp", "&Sent=2023-11-14T22:13:20.000Z", with(func(p *parcel) { p.Sent = time.Unix(1700000000, 0).UTC() })},
		{"flat list, not in order", "&Stops.2=b&Stops.1=a&Stops.10=c", with(func(p *parcel) { p.Stops = []string{"a", "b", "c"} })},
		{
			"structures in a list", "&Label.1.Key=a&Label.1.Value=b&Label.2.Key=c",
			with(func(p *parcel) { p.Labels = []label{{Key: "a", Value: new("b")}, {Key: "c"}} }),
		},
		{"recursion", "&Inner.Name=a&Inner.Inner.Name=b", with(func(p *parcel) {
			p.Inner = &parcel{Name: "a", Inner: &parcel{Name: "b"}}
		})},
		{"union", "&Choice.Text=t", with(func(p *parcel) { p.Choice = &choice{Text: new("t")} })},
		{"unknown", "&DryRun=true&Later.1.X=y", base},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, err := decodeEC2("Action=SendParcel&Version=2020-01-01&Name=n" + tt.form)
			if err != nil {
				t.Fatal(err)
			}
			if got := in.(*parcel); !reflect.DeepEqual(*got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", *got, tt.want)
			}
		})
	}
}

func TestEC2RefusesWhatItCannotParse(t *testing.T) {
	for name, form := range map[string]string{
		"escape": "Name=%zz", "escape in a name": "%zz=1", "number": "howMany=x", "too large": "howMany=2147483648",
		"truth": "Fragile=yes", "time": "Sent=yesterday", "blob": "Picture=x", "structure for text": "Name.X=1",
		"too deep": strings.Repeat("Inner.", 1100) + "Name=1", "two of a union": "Choice.Text=a&Choice.Number=1",
		"none of a union": "Choice.X=1",
	} {
		var f *FrameworkError
		if _, err := decodeEC2(form); !errors.As(err, &f) || f.QueryCode != "MalformedInput" || f.Status != 400 {
			t.Errorf("%s: got %v", name, err)
		}
	}
	_, err := decodeEC2("Inner.Weight=1&Name=n")
	const want = "1 validation error detected: Value null at 'inner.name' failed to satisfy constraint: Member must not be null"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestEC2Answers(t *testing.T) {
	const declaration = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	tests := []struct {
		name, op string
		out      any
		body     string
	}{
		{
			"members", "SendParcel", &parcel{Name: "n", Weight: new(2.0), Stops: []string{"a"}, Labels: []label{{Key: "k"}}},
			`<SendParcelResponse xmlns="http://parcels.example/2/"><requestId>req-1</requestId><Name>n</Name><weight>2</weight>` +
				`<Stops><member>a</member></Stops><Label><Key>k</Key></Label></SendParcelResponse>`,
		},
		{
			"empty output", "TouchParcel", &struct{}{},
			`<TouchParcelResponse xmlns="http://parcels.example/2/"><requestId>req-1</requestId></TouchParcelResponse>`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := encodeParcels(t, &parcels2, tt.op, tt.out)
			if w.Code != 200 || w.Body.String() != declaration+tt.body {
				t.Errorf("got  %d %s\nwant %s", w.Code, w.Body, declaration+tt.body)
			}
			if w.Header().Get("Content-Type") != "text/xml;charset=UTF-8" || header(w, "x-amzn-RequestId") != "req-1" {
				t.Errorf("headers %v", w.Header())
			}
		})
	}
	op := *parcelOperation(&parcels2, "DropParcel")
	op.Status = 0
	w := httptest.NewRecorder()
	if err := parcels2.Protocol(ProtocolEC2).Encode(w, &op, &struct{}{}, "req-1"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(w.Body.String(), "<return>true</return></DropParcelResponse>") {
		t.Errorf("no output: got %s", w.Body)
	}
	if err := parcels2.Protocol(ProtocolEC2).Encode(w, &op, 7, "req-1"); err == nil {
		t.Error("an output of another type passed")
	}
}

func TestEC2Errors(t *testing.T) {
	_, invalid := decodeEC2("")
	lost := parcels2.lost(&lostError{Message: "gone", Where: "there"})
	var given faultError
	errors.As(lost, &given)
	tests := []struct {
		name   string
		fault  *Fault
		status int
		body   string
	}{
		{"modelled", given.Fault, 404, `<Code>ParcelLost</Code><Message>gone</Message><Where>there</Where>`},
		{
			"invalid", FaultOf(&parcels2, invalid), 400, `<Code>InvalidParameter</Code><Message>1 validation error detected: Value null ` +
				`at 'name' failed to satisfy constraint: Member must not be null</Message>`,
		},
		{
			"unknown action", FaultOf(&parcels2, UnknownOperation(&parcels2, ProtocolEC2, "X")), 400,
			`<Code>InvalidAction</Code><Message>Could not find operation X for version 2020-01-01</Message>`,
		},
		{
			"hidden", FaultOf(&parcels2, io.ErrUnexpectedEOF), 500, `<Code>InternalFailure</Code><Message>The request processing has failed ` +
				`because of an unknown error, exception or failure.</Message>`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			parcels2.Protocol(ProtocolEC2).Error(w, nil, tt.fault, "req-1")
			want := `<?xml version="1.0" encoding="UTF-8"?>` + "\n<Response><Errors><Error>" + tt.body +
				"</Error></Errors><RequestID>req-1</RequestID></Response>"
			if w.Code != tt.status || w.Body.String() != want {
				t.Errorf("got  %d %s\nwant %d %s", w.Code, w.Body, tt.status, want)
			}
			if w.Header().Get("Content-Type") != "text/xml;charset=UTF-8" || header(w, "x-amzn-RequestId") != "req-1" {
				t.Errorf("headers %v", w.Header())
			}
		})
	}
}

func FuzzEC2(f *testing.F) {
	f.Add([]byte("Action=SendParcel&Name=n&Label.1.Key=k&Stops.1=a&howMany=1"))
	f.Add([]byte("Name=&Inner.Inner.Name=x&Rooms.1.K=a&Rooms.1.V.Key=b&Choice.Text="))
	f.Fuzz(func(t *testing.T, body []byte) {
		in, err := decodeEC2(string(body))
		if err != nil {
			var framework *FrameworkError
			var invalid *ValidationError
			if !errors.As(err, &framework) && !errors.As(err, &invalid) {
				t.Fatalf("no error of the protocol: %v", err)
			}
			return
		}
		answer := encodeParcels(t, &parcels2, "SendParcel", in).Body.Bytes()
		var s xmlScanner
		if err := s.start(answer); err != nil {
			t.Fatalf("%s: %v", answer, err)
		}
		if _, err := s.root(); err != nil {
			t.Fatalf("%s: %v", answer, err)
		}
		if err := errors.Join(s.skip(), s.end()); err != nil {
			t.Fatalf("%s: %v", answer, err)
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package events

import (
	"bytes"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"github.com/gustcloud/gust/internal/wire/eventstream"
)

// TestFramesAreThoseOfTheSDK compares bytes in both directions, for headers of each type.
func TestFramesAreThoseOfTheSDK(t *testing.T) {
	uuid := [16]byte{1, 2, 3, 15: 16}
	var theirs sdk.Message
	for name, value := range map[string]sdk.Value{
		"true": sdk.BoolValue(true), "false": sdk.BoolValue(false), "byte": sdk.Int8Value(-1), "short": sdk.Int16Value(-2), "integer": sdk.Int32Value(3),
		"long": sdk.Int64Value(-4), "bytes": sdk.BytesValue{0, 255}, "string": sdk.StringValue("é"), "time": sdk.TimestampValue(at), "uuid": sdk.UUIDValue(uuid),
	} {
		theirs.Headers.Set(name, value)
	}
	theirs.Payload = bytes.Repeat([]byte("payload"), 100)
	var b bytes.Buffer
	if err := sdk.NewEncoder().Encode(&b, theirs); err != nil {
		t.Fatal(err)
	}
	ours, err := eventstream.NewReader(bytes.NewReader(b.Bytes())).Next()
	if err != nil {
		t.Fatal(err)
	}
	again, err := eventstream.Append(nil, ours)
	if err != nil || !bytes.Equal(again, b.Bytes()) {
		t.Errorf("ours %x, %v\nSDK  %x", again, err, b.Bytes())
	}
	back, err := sdk.NewDecoder().Decode(bytes.NewReader(again), nil)
	if err != nil || len(back.Headers) != len(theirs.Headers) || !bytes.Equal(back.Payload, theirs.Payload) {
		t.Fatalf("the SDK read %v, %v", back, err)
	}
	for _, h := range theirs.Headers {
		got := back.Headers.Get(h.Name)
		if when, ok := h.Value.(sdk.TimestampValue); ok {
			if !time.Time(got.(sdk.TimestampValue)).Equal(time.Time(when)) {
				t.Errorf("%s: %v, want %v", h.Name, got, h.Value)
			}
			continue
		}
		if got.String() != h.Value.String() {
			t.Errorf("%s: %v, want %v", h.Name, got, h.Value)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gustcloud/gust/tools/internal/c2j"
)

func splitLines(b []byte) []string { return strings.Split(string(b), "\n") }

func TestCamelNamesValuesAsTheGoSDKDoes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ value, want string }{
		{"python3.12", "Python312"},
		{"nodejs18.x", "Nodejs18x"},
		{"provided.al2023", "Providedal2023"},
		{"java8.al2", "Java8al2"},
		{"nodejs4.3-edge", "Nodejs43Edge"},
		{"x86_64", "X8664"},
		{"LATEST_PUBLISHED", "LatestPublished"},
		{"RequestResponse", "RequestResponse"},
		{"Zip", "Zip"},
		{"ap-south-1", "ApSouth1"},
	} {
		if got := camel(c.value); got != c.want {
			t.Errorf("camel(%q) = %q, want %q", c.value, got, c.want)
		}
	}
}

// TestResolveRefuses edits the small model or its overlay and wants the edit named.
func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, model, by, overlay, want string
		ops                            []string
	}{
		{name: "unknown operation", ops: []string{"Fly"}, want: "ops.txt names Fly"},
		{name: "operation that was trimmed away", model: `"input":{"shape":"ListParcelsRequest"}`, by: `"input":{"shape":"Gone"}`, want: "run make import-models"},
		{name: "unknown member shape", model: `"Size":{"shape":"Size"}`, by: `"Size":{"shape":"Gone"}`, want: "Gone"},
		{name: "unknown location", model: `"location":"header","locationName":"X-Count"`, by: `"location":"moon"`, want: "moon"},
		{name: "overlay of a missing shape", overlay: `{"shapes":{"Gone":{"max":1}}}`, want: "Gone"},
		{name: "overlay type of what is no structure", overlay: `{"types":{"Truth":"av.Value"}}`, want: "Truth"},
		{name: "overlay type that the codecs do not know", overlay: `{"types":{"Box":"Box"}}`, want: "Box"},
		{name: "overlay of a missing operation", overlay: `{"operations":{"Fly":{"maxBody":1}}}`, want: "Fly"},
		{name: "overlay error that is no error of the model", overlay: `{"errors":{"Box":{"status":400}}}`, want: "Box"},
		{name: "overlay error that changes nothing", overlay: `{"errors":{"Broken":{}}}`, want: "changes nothing"},
		{name: "overlay member that is not there", overlay: `{"members":{"Box.Gone":{"altWire":"X"}}}`, want: "Box.Gone"},
		{name: "overlay element name of what has no elements", overlay: `{"shapes":{"Size":{"elemName":"X"}}}`, want: "no elements"},
		{name: "overlay key name of what has no keys", overlay: `{"shapes":{"Size":{"keyName":"X"}}}`, want: "no keys"},
		{name: "validation code that no error has", overlay: `{"validationCode":"Gone"}`, want: "no error has the validation code Gone"},
		{name: "overlay rename of a missing shape", overlay: `{"rename":{"Gone":"There"}}`, want: "Gone"},
		{name: "two shapes, one Go name", overlay: `{"rename":{"Box":"Parcel"}}`, want: "both want the Go name Parcel"},
		{name: "a shape named as the interface", overlay: `{"rename":{"Box":"API"}}`, want: "both want the Go name API"},
		{name: "required member that is not there", model: `"required":["Parcels"]`, by: `"required":["Gone"]`, want: "required member Gone"},
		{name: "unknown type", model: `"Truth": {"type":"boolean"}`, by: `"Truth": {"type":"maybe"}`, want: "maybe"},
		{name: "members that differ in the first letter", model: `"inner":{"shape":"Box"}`, by: `"inner":{"shape":"Box"},"Inner":{"shape":"Box"}`, want: "Go field Inner"},
		{name: "unknown protocol", model: `"protocols":["rest-json"]`, by: `"protocols":["smoke"]`, want: "smoke"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := generateEdited(t, c.model, c.by, c.overlay, c.ops)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func generateEdited(t *testing.T, from, to, over string, ops []string) error {
	t.Helper()
	b, err := os.ReadFile("testdata/tiny/model/parcel.json")
	if err != nil {
		t.Fatal(err)
	}
	if from != "" && bytes.Count(b, []byte(from)) != 1 {
		t.Fatalf("%s does not stand once in the model", from)
	}
	m, err := c2j.Parse(bytes.Replace(b, []byte(from), []byte(to), 1))
	if err != nil {
		t.Fatal(err)
	}
	o, err := readOverlay("testdata/tiny/overlay/parcel.json")
	if err != nil {
		t.Fatal(err)
	}
	if over != "" {
		o = &overlay{}
		if err := json.Unmarshal([]byte(over), o); err != nil {
			t.Fatal(err)
		}
	}
	if ops == nil {
		ops = []string{"ListParcels", "Photograph", "Ping", "SendParcel", "Watch"}
	}
	s, err := resolve("parcel", m, o, ops)
	if err != nil {
		return err
	}
	_, err = emitSchema(s)
	return err
}

func TestOverlayRefusesUnknownKeys(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "x.json")
	if err := os.WriteFile(name, []byte(`{"validationCod":"X"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readOverlay(name); err == nil || !strings.Contains(err.Error(), "validationCod") {
		t.Errorf("error %v, want the unknown key named", err)
	}
}

func TestOverlayShapeCorrections(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, edit, want string }{
		{"limits", `{"min":2,"max":3}`, `{"type":"structure","required":["A"],"members":{"A":{"shape":"S"},"B":{"shape":"S"}},"enum":["x","y"],"min":2,"max":3}`},
		{"no limits", `{"dropMin":true,"dropMax":true}`, `{"type":"structure","required":["A"],"members":{"A":{"shape":"S"},"B":{"shape":"S"}},"enum":["x","y"]}`},
		{"enum", `{"removeEnum":["x"],"addEnum":["z"]}`, `{"type":"structure","required":["A"],"members":{"A":{"shape":"S"},"B":{"shape":"S"}},"enum":["y","z"],"min":1,"max":9}`},
		{"required", `{"optional":["A"],"required":["B"]}`, `{"type":"structure","required":["B"],"members":{"A":{"shape":"S"},"B":{"shape":"S"}},"enum":["x","y"],"min":1,"max":9}`},
		{"pattern", `{"pattern":"[a-z]"}`, `{"type":"structure","required":["A"],"members":{"A":{"shape":"S"},"B":{"shape":"S"}},"enum":["x","y"],"min":1,"max":9,"pattern":"[a-z]"}`},
	} {
		var s c2j.Shape
		var x overlayShape
		mustJSON(t, `{"type":"structure","required":["A"],"members":{"A":{"shape":"S"},"B":{"shape":"S"}},"enum":["x","y"],"min":1,"max":9}`, &s)
		mustJSON(t, c.edit, &x)
		if err := x.apply(&s); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		got, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
	for _, bad := range []string{`{"open":true}`, `{"removeEnum":["q"]}`, `{"optional":["B"]}`, `{"required":["Q"]}`} {
		s := c2j.Shape{Type: "structure"}
		var x overlayShape
		mustJSON(t, bad, &x)
		if err := x.apply(&s); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

func mustJSON(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatal(err)
	}
}

func TestCoverageCountsAllOperationsOfTheModel(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run([]string{"-awsapi", "testdata/tiny", "-coverage"}, &out); err != nil {
		t.Fatal(err)
	}
	want := "parcel              5 /    6\nall                 5 /    6\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestWriteLeavesEqualFilesAlone(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "svc", "zz_x.go")
	if err := writeChanged(name, []byte("a")); err != nil {
		t.Fatal(err)
	}
	old := time.Unix(1_000_000_000, 0)
	if err := os.Chtimes(name, old, old); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		content string
		written bool
	}{{"a", false}, {"b", true}} {
		if err := writeChanged(name, []byte(c.content)); err != nil {
			t.Fatal(err)
		}
		st, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if written := !st.ModTime().Equal(old); written != c.written {
			t.Errorf("content %q: written %t, want %t", c.content, written, c.written)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package c2j_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gustcloud/gust/tools/internal/c2j"
)

const small = `{"metadata":{"apiVersion":"1","endpointPrefix":"e","protocol":"json","serviceId":"S"},
"operations":{"B":{"name":"B","http":{"method":"POST","requestUri":"/"},"input":{"shape":"In"},"documentation":"<p>"},"A":{"http":{"method":"GET","requestUri":"/{X+}?list-type=2"}}},
"shapes":{"In":{"type":"structure","documentation":"<p>","members":{"z":{"shape":"Str","documentation":"<p>"},"a":{"shape":"Str","location":"header","locationName":"X-A"}}},"Str":{"type":"string","pattern":"<&>","min":1}}}`

func TestFormatKeepsMemberOrderAndDropsDocumentation(t *testing.T) {
	t.Parallel()
	m, err := c2j.Parse([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Format()
	if err != nil {
		t.Fatal(err)
	}
	want := `{
"metadata": {"apiVersion":"1","endpointPrefix":"e","protocol":"json","serviceId":"S"},
"operations": {
"A": {"http":{"method":"GET","requestUri":"/{X+}?list-type=2"}},
"B": {"http":{"method":"POST","requestUri":"/"},"input":{"shape":"In"}}
},
"shapes": {
"In": {"type":"structure","members":{"z":{"shape":"Str"},"a":{"shape":"Str","location":"header","locationName":"X-A"}}},
"Str": {"type":"string","min":1,"pattern":"<&>"}
}
}
`
	if string(b) != want {
		t.Errorf("got\n%s\nwant\n%s", b, want)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"not JSON", `{`, "unexpected end"},
		{"no operations", `{"shapes":{}}`, "no operations"},
		{"members as a list", `{"operations":{"A":{}},"shapes":{"X":{"type":"structure","members":[]}}}`, "not an object"},
		{"a member of another form", `{"operations":{"A":{}},"shapes":{"X":{"members":{"m":7}}}}`, "member m"},
	} {
		if _, err := c2j.Parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
}

func TestParseOps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       c2j.Ops
		err        string
	}{
		{name: "empty", text: "\n# only a comment\n", want: c2j.Ops{}},
		{name: "sorted", text: "sqs: SendMessage  DeleteMessage\n", want: c2j.Ops{"sqs": {"DeleteMessage", "SendMessage"}}},
		{name: "several lines of a service", text: "a: Y\nb: Z\n a: X", want: c2j.Ops{"a": {"X", "Y"}, "b": {"Z"}}},
		{name: "same name in two services", text: "a: TagResource\nb: TagResource", want: c2j.Ops{"a": {"TagResource"}, "b": {"TagResource"}}},
		{name: "twice", text: "a: X\nb: X\na: X", err: "line 3: a X stands twice"},
		{name: "no service", text: "CreateFunction", err: "line 1"},
		{name: "empty service", text: ": X", err: "line 1"},
		{name: "a path", text: "\n../x: X", err: "line 2"},
	} {
		got, err := c2j.ParseOps([]byte(c.text))
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: error %v, want one with %q", c.name, err, c.err)
			}
			continue
		}
		if err != nil || !maps.EqualFunc(got, c.want, slices.Equal) {
			t.Errorf("%s: %v, %v; want %v", c.name, got, err, c.want)
		}
	}
}

// FuzzParse: whatever is read is written in a form that reads to the same text again.
func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(`{"operations":{"A":null},"shapes":{"X":null,"Y":{"members":{"a":{},"a":{}},"min":1e3}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := c2j.Parse(b)
		if err != nil {
			return
		}
		one, err := m.Format()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		m, err = c2j.Parse(one)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, one)
		}
		two, err := m.Format()
		if err != nil {
			t.Fatal(err)
		}
		if string(one) != string(two) {
			t.Errorf("not stable:\n%s\n%s", one, two)
		}
	})
}

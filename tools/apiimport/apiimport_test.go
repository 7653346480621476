// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gustcloud/gust/tools/internal/c2j"
)

const model = `{"metadata":{"apiVersion":"1","endpointPrefix":"e","protocol":"json","serviceId":"S"},"operations":{
"Used":{"http":{"method":"POST","requestUri":"/used"},"input":{"shape":"In"},"output":{"shape":"Out"},"errors":[{"shape":"Bad"}]},
"Other":{"http":{"method":"PUT","requestUri":"/other/{Id}"},"input":{"shape":"OtherIn"},"errors":[{"shape":"Bad"}],"authtype":"none"},
"Bare":{"http":{"method":"GET","requestUri":"/bare"}}},
"shapes":{
"In":{"type":"structure","members":{"list":{"shape":"List"},"self":{"shape":"In"}}},
"Out":{"type":"structure","members":{"map":{"shape":"Map"}}},
"List":{"type":"list","member":{"shape":"Deep"}},
"Map":{"type":"map","key":{"shape":"Key"},"value":{"shape":"In"}},
"Deep":{"type":"structure","members":{"x":{"shape":"Leaf"}}},
"Leaf":{"type":"string"},"Key":{"type":"string"},
"Bad":{"type":"structure","members":{"message":{"shape":"Leaf"}},"exception":true},
"OtherIn":{"type":"structure","members":{"y":{"shape":"OtherLeaf"}}},"OtherLeaf":{"type":"string"}}}`

func TestTrim(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		ops    []string
		shapes string
		err    string
	}{
		{name: "nothing", shapes: ""},
		{name: "an operation without shapes", ops: []string{"Bare"}, shapes: ""},
		{name: "input, output, errors and all below, also recursive", ops: []string{"Used"}, shapes: "Bad Deep In Key Leaf List Map Out"},
		{name: "only its own", ops: []string{"Other"}, shapes: "Bad Leaf OtherIn OtherLeaf"},
		{name: "unknown", ops: []string{"Gone"}, err: "no operation Gone"},
	} {
		m, err := c2j.Parse([]byte(model))
		if err != nil {
			t.Fatal(err)
		}
		got, err := c2j.Trim(m, c.ops, nil)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: error %v, want one with %q", c.name, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if s := strings.Join(c2j.Keys(got.Shapes), " "); s != c.shapes {
			t.Errorf("%s: shapes %q, want %q", c.name, s, c.shapes)
		}
		if s := strings.Join(got.OperationNames(), " "); s != "Bare Other Used" {
			t.Errorf("%s: operations %q: not all names were kept", c.name, s)
		}
		for n, op := range got.Operations {
			if op.HTTP != m.Operations[n].HTTP || op.AuthType != m.Operations[n].AuthType {
				t.Errorf("%s: %s lost what routes it", c.name, n)
			}
			if kept := op.Input != nil || op.Output != nil || op.Errors != nil; kept && !slices.Contains(c.ops, n) {
				t.Errorf("%s: %s kept its shapes and is not implemented", c.name, n)
			}
		}
	}
}

func TestTrimNamesADanglingReference(t *testing.T) {
	t.Parallel()
	m, err := c2j.Parse([]byte(model))
	if err != nil {
		t.Fatal(err)
	}
	delete(m.Shapes, "Deep")
	if _, err := c2j.Trim(m, []string{"Used"}, nil); err == nil || !strings.Contains(err.Error(), "Deep") {
		t.Errorf("error %v, want the missing shape named", err)
	}
}

// TestImport runs the command on small wheels: the first with -update, then what SOURCE allows and refuses.
func TestImport(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, filepath.Join(root, "ops.txt"), []byte("# nothing yet\n"))
	put(t, filepath.Join(root, "services.txt"), []byte("svc # the only one\n"))
	one := wheelFile(t, "1.44.8", map[string]string{"2014-01-01": strings.Replace(model, "/used", "/old", 1), "2020-01-01": model})
	other := wheelFile(t, "1.50.0", map[string]string{"2020-01-01": model})
	// The version is the same, the content is not: a wheel is known by its checksum.
	forged := wheelFile(t, "1.44.8", map[string]string{"2020-01-01": strings.Replace(model, "/used", "/new", 1)})

	for _, c := range []struct {
		name string
		args []string
		err  string
	}{
		{name: "no wheel", err: "usage"},
		{name: "no source yet", args: []string{"-wheel", one}, err: "-update"},
		{name: "update", args: []string{"-update", "-wheel", one}},
		{name: "the recorded one", args: []string{"-wheel", one}},
		{name: "another version", args: []string{"-wheel", other}, err: "1.50.0"},
		{name: "another content", args: []string{"-wheel", forged}, err: "-update"},
		{name: "not a wheel", args: []string{"-wheel", filepath.Join(root, "ops.txt")}, err: "not a valid zip"},
		{name: "no such file", args: []string{"-wheel", filepath.Join(root, "gone.whl")}, err: "gone.whl"},
	} {
		err := run(append([]string{"-awsapi", root}, c.args...), io.Discard)
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.err)
		}
	}
	got, err := os.ReadFile(filepath.Join(root, "model", "svc.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(got, []byte(`"requestUri":"/used"`)) {
		t.Errorf("not the newest model of the recorded wheel:\n%s", got)
	}
	source, err := os.ReadFile(filepath.Join(root, "model", "SOURCE"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(source), "botocore 1.44.8\nlicence Apache-2.0\nwheel sha256:") {
		t.Errorf("SOURCE is\n%s", source)
	}
}

func wheelFile(t *testing.T, version string, models map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	add := func(name string, content []byte) {
		f, err := z.Create(name)
		if err == nil {
			_, err = f.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	add("botocore-"+version+".dist-info/METADATA", []byte("Metadata-Version: 2.1\nName: botocore\nVersion: "+version+"\n"))
	for date, m := range models {
		var g bytes.Buffer
		w := gzip.NewWriter(&g)
		if _, err := w.Write([]byte(m)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		add("botocore/data/svc/"+date+"/service-2.json.gz", g.Bytes())
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "botocore-"+version+"-py3-none-any.whl")
	put(t, name, b.Bytes())
	return name
}

func put(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gustcloud/gust/tools/internal/c2j"
)

const objects = `{"metadata":{"apiVersion":"1","endpointPrefix":"e","protocol":"rest-xml","serviceId":"S"},"operations":{
"Get":{"http":{"method":"GET","requestUri":"/{Bucket}/{Key+}"},"input":{"shape":"Get"}},
"ListParts":{"http":{"method":"GET","requestUri":"/{B}/{K+}"},"input":{"shape":"ListParts"}},
"Put":{"http":{"method":"PUT","requestUri":"/{Bucket}/{Key+}"},"input":{"shape":"Put"}},
"Copy":{"http":{"method":"PUT","requestUri":"/{Bucket}/{Key+}"},"input":{"shape":"Put"}},
"Part":{"http":{"method":"GET","requestUri":"/{Bucket}?part"},"input":{"shape":"ListParts"}},
"Parts":{"http":{"method":"GET","requestUri":"/{Name}?part"}},
"Tag":{"http":{"method":"POST","requestUri":"/tag"},"input":{"shape":"ListParts"}}},
"shapes":{
"Get":{"type":"structure","members":{"Version":{"shape":"S","location":"querystring","locationName":"versionId"}}},
"ListParts":{"type":"structure","required":["Id","Host","Number"],"members":{"Id":{"shape":"S","location":"querystring","locationName":"uploadId"},"Host":{"shape":"S","location":"header","locationName":"Host"},"Number":{"shape":"S","location":"querystring","locationName":"n"}}},
"Put":{"type":"structure","members":{}},"S":{"type":"string"}}}`

func TestRoutesTellOperationsApart(t *testing.T) {
	t.Parallel()
	m, err := c2j.Parse([]byte(objects))
	if err != nil {
		t.Fatal(err)
	}
	o := &overlay{Operations: map[string]overlayOperation{"Copy": {URI: "/{Bucket}/{Key+}?x-copy"}, "Put": {MaxBody: 1}}}
	o.route(m)
	for name, want := range map[string]string{
		"Get":       "/{Bucket}/{Key+}",
		"ListParts": "/{B}/{K+}?uploadId&n", // required query parameters only
		"Put":       "/{Bucket}/{Key+}",
		"Copy":      "/{Bucket}/{Key+}?x-copy",
		"Part":      "/{Bucket}?part&uploadId&n",
		"Parts":     "/{Name}?part",
		"Tag":       "/tag", // alone: a request without the parameter is still its
	} {
		if got := m.Operations[name].HTTP.RequestURI; got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestOtherOperationsGoIntoAnotherFolder: -ops and -out make contracts beside the product's, and no catalogue.
func TestOtherOperationsGoIntoAnotherFolder(t *testing.T) {
	t.Parallel()
	root, out := t.TempDir(), t.TempDir()
	if err := os.CopyFS(filepath.Join(root, "model"), os.DirFS("testdata/tiny/model")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(root, "model", "parcel.json"), filepath.Join(root, "model", "parcel-post.json")); err != nil {
		t.Fatal(err)
	}
	ops := filepath.Join(root, "other.txt")
	for _, c := range []struct {
		ops  string
		want []string
	}{
		{"parcel-post: Ping\n", []string{"Ping"}},
		{"parcel-post: *\n", []string{"ListParcels", "Photograph", "Ping", "SendParcel", "Watch"}},
	} {
		if err := os.WriteFile(ops, []byte(c.ops), 0o600); err != nil {
			t.Fatal(err)
		}
		err := run([]string{"-awsapi", root, "-ops", ops, "-out", out}, io.Discard)
		if strings.Contains(c.ops, "*") { // the tiny model has an operation without shapes
			if err != nil {
				t.Fatal(err)
			}
			c.want = slices.Insert(c.want, 0, "DropParcel")
		} else if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(out, "parcelpost", "zz_api.go"))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(string(b)) {
			if name, ok := strings.CutPrefix(line, "func (c Client) "); ok {
				name, _, _ = strings.Cut(name, "(")
				got = append(got, name)
			}
		}
		if !slices.Equal(got, c.want) || !strings.Contains(string(b), "package parcelpost\n") || !strings.Contains(string(b), `"parcel-post", "Ping"`) {
			t.Errorf("%s: operations %v, want %v", c.ops, got, c.want)
		}
	}
	for _, dir := range []string{root, out} {
		if _, err := os.Stat(filepath.Join(dir, catalogFile)); err == nil {
			t.Errorf("%s has a catalogue", dir)
		}
	}
}

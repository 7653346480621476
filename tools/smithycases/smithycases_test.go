// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const tinyModel = `$version: "2.0"
$operationInputSuffix: "Request"

namespace example.tiny

use aws.protocols#restJson1
use smithy.test#httpRequestTests

/// A service.
@restJson1
service Tiny {
    version: "2026-01-01"
    operations: [Put, Get]
}

@http(uri: "/put/{name}", method: "PUT", code: 201)
operation Put {
    input := with [Named] {
        @range(min: 2)
        size: Byte = 3
        next: Node // a circle
    }
}

@mixin
structure Named {
    @required
    @httpLabel
    name: String
}

structure Node { next: Node }

apply Put @httpRequestTests([
    {
        id: "One"
        protocol: restJson1
        method: "PUT"
        uri: "/put/a"
        queryParams: ["x=1", "y=\"2\""]
        body: """
            {
              "size": 3
            }"""
        params: { name: "a", size: 3 }
        appliesTo: "server"
    }
])
@idempotent
@http(uri: "/get", method: "GET")
operation Get {}

apply Get @httpMalformedRequestTests([{
    id: "Bad", protocol: restJson1
    request: { method: "GET", uri: "/get", body: "$v:L $v:S $vlong:L", headers: { "h-$v:L": "x" } }
    response: { code: 400 }
    testParameters: { v: ["a\"b", "c"], vlong: ["1", "2"] }
}])
`

func convertTiny(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("smithy/tiny.smithy", tinyModel)
	write("botocore/input/x.json", `[{"cases":[{"id":"Other"}]}]`)
	write("botocore/output/x.json", `[]`)
	err := run([]string{
		"-smithy", filepath.Join(dir, "smithy"), "-botocore", filepath.Join(dir, "botocore"), "-out", filepath.Join(dir, "out"),
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "out")
}

func readOut(t *testing.T, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

func TestConvertsRequests(t *testing.T) {
	out := convertTiny(t)
	var marks map[string]map[string]string
	readOut(t, filepath.Join(out, "conformance", "applies-to.json"), &marks)
	if len(marks["input"]) != 1 || marks["input"]["One"] != "server" {
		t.Errorf("marks %v", marks)
	}
	var suites []struct {
		Shapes map[string]map[string]any
		Cases  []struct {
			Given struct {
				HTTP  map[string]any
				Input map[string]any
			}
			Serialized map[string]any
		}
	}
	readOut(t, filepath.Join(out, "conformance", "input-rest-json-smithy.json"), &suites)
	if len(suites) != 1 || len(suites[0].Cases) != 1 {
		t.Fatalf("suites %v", suites)
	}
	c := suites[0].Cases[0]
	if c.Given.HTTP["requestUri"] != "/put/{name}" || c.Given.HTTP["responseCode"] != 201.0 || c.Given.Input["shape"] != "PutRequest" {
		t.Errorf("given %v", c.Given)
	}
	if got, want := c.Serialized["uri"], `/put/a?x=1&y="2"`; got != want {
		t.Errorf("uri %v, want %s", got, want)
	}
	if got, want := c.Serialized["body"], "{\n  \"size\": 3\n}"; got != want {
		t.Errorf("body %q, want %q", got, want)
	}
	in := suites[0].Shapes["PutRequest"]
	members, _ := in["members"].(map[string]any)
	size, _ := members["size"].(map[string]any)
	byteShape := suites[0].Shapes[text(size["shape"])]
	if byteShape["bits"] != 8.0 || byteShape["min"] != 2.0 || size["default"] != 3.0 {
		t.Errorf("size %v is %v", size, byteShape)
	}
	name, _ := members["name"].(map[string]any)
	if name["location"] != "uri" || len(members) != 3 {
		t.Errorf("members %v", members)
	}
}

func TestExpandsMalformedRequests(t *testing.T) {
	out := convertTiny(t)
	var suites []struct {
		Cases []struct {
			ID         string
			Serialized struct {
				Body    string
				Headers map[string]string
			}
			Response map[string]any
		}
	}
	readOut(t, filepath.Join(out, "malformed", "rest-json.json"), &suites)
	if len(suites) != 1 || len(suites[0].Cases) != 2 {
		t.Fatalf("suites %v", suites)
	}
	first := suites[0].Cases[0]
	if want := `a"b "a\"b" 1`; first.ID != "Bad_case0" || first.Serialized.Body != want {
		t.Errorf("%s: body %q, want %q", first.ID, first.Serialized.Body, want)
	}
	if _, ok := suites[0].Cases[1].Serialized.Headers["h-c"]; !ok || first.Response["status_code"] != 400.0 {
		t.Errorf("cases %v", suites[0].Cases)
	}
}

func TestSyntaxErrorsNameTheirLine(t *testing.T) {
	m := &model{shapes: map[string]*shape{}}
	err := parseFile(m, "namespace a\n\nstructure B {\n    c D\n}\n")
	if err == nil || !strings.HasPrefix(err.Error(), "line 4:") {
		t.Errorf("error %v", err)
	}
	if err := parseFile(m, `metadata a = "open`); err == nil {
		t.Error("an unterminated string is accepted")
	}
}

// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/gustcloud/gust/test/harness"
)

// rawZip packs one entry with a name and mode that Zip would not make.
func rawZip(t *testing.T, name string, mode os.FileMode, content io.Reader) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: name, Method: zip.Deflate}
	h.SetMode(mode)
	f, err := w.CreateHeader(h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestBadCreateFunctionLeavesNothing(t *testing.T) {
	s := harness.StartAny(t)
	good := harness.Zip(t, map[string]string{"bootstrap": "#!/bin/sh\n"})
	cases := []struct {
		name    string
		change  func(*lambda.CreateFunctionInput)
		code    string
		message string // a part of it
	}{
		{"not a zip", func(in *lambda.CreateFunctionInput) { in.Code.ZipFile = []byte("not a zip") },
			"InvalidParameterValueException", "Could not unzip uploaded file. Please check your file, then try to upload again."},
		{"zip slip", func(in *lambda.CreateFunctionInput) {
			in.Code.ZipFile = rawZip(t, "../outside", 0o644, strings.NewReader("x"))
		}, "InvalidParameterValueException", ""},
		{"link out of the tree", func(in *lambda.CreateFunctionInput) {
			in.Code.ZipFile = rawZip(t, "link", os.ModeSymlink|0o777, strings.NewReader("../../etc"))
		}, "InvalidParameterValueException", ""},
		{"zip bomb", func(in *lambda.CreateFunctionInput) {
			in.Code.ZipFile = rawZip(t, "zeros", 0o644, io.LimitReader(zeros{}, 262_144_001))
		}, "InvalidParameterValueException", "Unzipped size must be smaller than 262144000 bytes"},
		{"no handler", func(in *lambda.CreateFunctionInput) { in.Runtime, in.Handler = types.RuntimePython311, nil },
			"InvalidParameterValueException", "Runtime and Handler are mandatory parameters for functions created with deployment packages."},
		{"unknown runtime", func(in *lambda.CreateFunctionInput) { in.Runtime = "cobol85" },
			"InvalidParameterValueException", "Value cobol85 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: ["},
		{"memory below", func(in *lambda.CreateFunctionInput) { in.MemorySize = aws.Int32(127) },
			"ValidationException", "1 validation error detected: Value '127' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128"},
		{"memory above", func(in *lambda.CreateFunctionInput) { in.MemorySize = aws.Int32(10_241) }, "", "'memorySize'"},
		{"timeout zero", func(in *lambda.CreateFunctionInput) { in.Timeout = aws.Int32(0) },
			"ValidationException", "Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"timeout above", func(in *lambda.CreateFunctionInput) { in.Timeout = aws.Int32(901) }, "", "'timeout'"},
		{"environment over 4 KB", func(in *lambda.CreateFunctionInput) {
			in.Environment = &types.Environment{Variables: map[string]string{"LONG": strings.Repeat("x", 4096)}}
		}, "InvalidParameterValueException", "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit."},
		{"reserved variable", func(in *lambda.CreateFunctionInput) {
			in.Environment = &types.Environment{Variables: map[string]string{"AWS_REGION": "x"}}
		}, "InvalidParameterValueException", "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: AWS_REGION"},
		{"bad role", func(in *lambda.CreateFunctionInput) { in.Role = aws.String("me") },
			"ValidationException", "Value 'me' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: "},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := &lambda.CreateFunctionInput{
				FunctionName: aws.String("bad"), Role: aws.String(harness.Role), Runtime: types.RuntimeProvidedal2023,
				Handler: aws.String("bootstrap"), Code: &types.FunctionCode{ZipFile: good},
			}
			c.change(in)
			_, err := s.Lambda().CreateFunction(t.Context(), in)
			if err == nil {
				t.Fatal("it was accepted")
			}
			if got := harness.ErrorCode(err); c.code != "" && got != c.code {
				t.Errorf("code %s, want %s: %v", got, c.code, err)
			}
			if !strings.Contains(err.Error(), c.message) {
				t.Errorf("message %q lacks %q", err, c.message)
			}
			if out, err := s.Lambda().ListFunctions(t.Context(), &lambda.ListFunctionsInput{}); err != nil || len(out.Functions) != 0 {
				t.Errorf("something was left: %v %v", out, err)
			}
		})
	}
}

func TestInvalidJSONPayload(t *testing.T) {
	s := harness.StartAny(t)
	s.CreateProbe(t, harness.Function{Name: "f"})
	_, err := s.Lambda().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("f"), Payload: []byte(`{"a":`)})
	if harness.ErrorCode(err) != "InvalidRequestContentException" || !strings.Contains(err.Error(), "Could not parse request body into json: ") {
		t.Errorf("got %v", err)
	}
}

func TestDoorRefusesBrowsersAndUnknownHosts(t *testing.T) {
	s := harness.StartAny(t)
	for name, change := range map[string]func(*http.Request){
		"foreign origin": func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"unknown host":   func(r *http.Request) { r.Host = "evil.example" },
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Endpoint, strings.NewReader("Action=GetCallerIdentity&Version=2011-06-15"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		change(req)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: status %d, want 403", name, resp.StatusCode)
		}
	}
}

func TestUnknownAndMissingOperations(t *testing.T) {
	s := harness.StartAny(t)
	_, stderr, exit := s.AWS(t, "lambda", "list-layers")
	if exit == 0 || !strings.Contains(stderr, "ListLayers") {
		t.Errorf("an operation that is not built: exit %d, %s", exit, stderr)
	}
	_, stderr, exit = s.AWS(t, "sqs", "list-queues")
	if exit == 0 || !strings.Contains(strings.ToLower(stderr), "sqs") {
		t.Errorf("a service that is not built: exit %d, %s", exit, stderr)
	}
}

// serve runs a second server that must fail, and returns what it printed.
func serve(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, harness.Binary(t), append([]string{"serve", "--driver=process"}, args...)...) //nolint:gosec // our own binary
	out, err := cmd.CombinedOutput()
	var status *exec.ExitError
	if !errors.As(err, &status) || status.ExitCode() != 1 {
		t.Errorf("%v: ended with %v, want exit status 1:\n%s", args, err, out)
	}
	return string(out)
}

func TestServerRefusesToStart(t *testing.T) {
	s := harness.StartAny(t)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	corrupt := t.TempDir()
	first := harness.Start(t, "--driver=process")
	first.Stop()
	if err := os.CopyFS(corrupt, os.DirFS(first.Dir)); err != nil {
		t.Fatal(err)
	}
	manifests, err := filepath.Glob(filepath.Join(corrupt, "*", "MANIFEST-*"))
	if err != nil || len(manifests) == 0 {
		t.Fatalf("no manifest in %s: %v", corrupt, err)
	}
	for _, m := range manifests {
		if err := os.WriteFile(m, []byte("garbage"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	newer := t.TempDir()
	if err := os.CopyFS(newer, os.DirFS(first.Dir)); err != nil {
		t.Fatal(err)
	}
	formats, err := filepath.Glob(filepath.Join(newer, "*", "GUST-FORMAT"))
	if err != nil || len(formats) != 1 {
		t.Fatalf("format files: %v, %v", formats, err)
	}
	if err := os.WriteFile(formats[0], []byte("gust store, format 99\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"a newer format":         {[]string{"--data", newer, "--listen", "127.0.0.1:0"}, "99"},
		"port in use":            {[]string{"--data", t.TempDir(), "--listen", l.Addr().String()}, "in use"},
		"data directory in use":  {[]string{"--data", s.Dir, "--listen", "127.0.0.1:0"}, "another"},
		"not a loopback address": {[]string{"--data", t.TempDir(), "--listen", "0.0.0.0:0"}, "other machines"},
		"corrupted data":         {[]string{"--data", corrupt, "--listen", "127.0.0.1:0"}, "damaged"},
	} {
		if got := serve(t, c.args...); !strings.Contains(got, c.want) {
			t.Errorf("%s: the message lacks %q:\n%s", name, c.want, got)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/gustcloud/gust/internal/base/hosttest"
)

// Zip packs files (name to content) with mode 0755.
func Zip(tb testing.TB, files map[string]string) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, content := range files {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(0o755)
		f, err := w.CreateHeader(h)
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := f.Write([]byte(content)); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

//nolint:gochecknoglobals // built once for each test binary
var probe struct {
	once sync.Once
	zip  []byte
	err  error
}

// ProbeZip is the deployment package of functions/probe, built with the public module aws-lambda-go and run unmodified
// as provided.al2023.
func ProbeZip(tb testing.TB) []byte {
	tb.Helper()
	probe.once.Do(func() {
		dir, err := os.MkdirTemp("", "gust-probe-")
		if err != nil {
			probe.err = err
			return
		}
		defer func() { _ = os.RemoveAll(dir) }()
		out := filepath.Join(dir, "bootstrap")
		//nolint:gosec,noctx // builds this repository's own program
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-tags=lambda.norpc", "-o", out, "../functions/probe")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if msg, err := cmd.CombinedOutput(); err != nil {
			probe.err = &buildError{string(msg)}
			return
		}
		b, err := os.ReadFile(out)
		if err != nil {
			probe.err = err
			return
		}
		probe.zip = Zip(tb, map[string]string{"bootstrap": string(b)})
	})
	if probe.err != nil {
		tb.Fatal(probe.err)
	}
	return probe.zip
}

type buildError struct{ output string }

func (e *buildError) Error() string { return "go build: " + e.output }

// Function describes a function to create; the zero fields get defaults.
type Function struct {
	Name, Runtime, Handler string
	Zip                    []byte
	MemoryMB, TimeoutS     int32
	EphemeralMB            int32
	Environment            map[string]string
}

// Create makes a function and waits until it is Active, as `aws lambda wait function-active-v2` does.
func (s *Server) Create(tb testing.TB, f Function) {
	tb.Helper()
	in := &lambda.CreateFunctionInput{
		FunctionName: aws.String(f.Name), Role: aws.String(Role), Runtime: types.Runtime(f.Runtime),
		Handler: aws.String(f.Handler), Code: &types.FunctionCode{ZipFile: f.Zip},
	}
	if f.MemoryMB > 0 {
		in.MemorySize = aws.Int32(f.MemoryMB)
	}
	if f.TimeoutS > 0 {
		in.Timeout = aws.Int32(f.TimeoutS)
	}
	if f.EphemeralMB > 0 {
		in.EphemeralStorage = &types.EphemeralStorage{Size: aws.Int32(f.EphemeralMB)}
	}
	if f.Environment != nil {
		in.Environment = &types.Environment{Variables: f.Environment}
	}
	c := s.Lambda()
	if _, err := c.CreateFunction(tb.Context(), in); err != nil {
		tb.Fatal(err)
	}
	w := lambda.NewFunctionActiveV2Waiter(c, func(o *lambda.FunctionActiveV2WaiterOptions) {
		o.MinDelay, o.MaxDelay = 10*time.Millisecond, 100*time.Millisecond
	})
	if err := w.Wait(tb.Context(), &lambda.GetFunctionInput{FunctionName: aws.String(f.Name)}, 30*time.Second); err != nil {
		tb.Fatal(err)
	}
}

// CreateProbe makes a function of functions/probe.
func (s *Server) CreateProbe(tb testing.TB, f Function) {
	tb.Helper()
	f.Runtime, f.Handler, f.Zip = "provided.al2023", "bootstrap", ProbeZip(tb)
	s.Create(tb, f)
}

// Invoke calls a function with event as JSON and returns its answer with the log's tail.
func (s *Server) Invoke(tb testing.TB, name string, event any) *lambda.InvokeOutput {
	tb.Helper()
	payload, err := json.Marshal(event)
	if err != nil {
		tb.Fatal(err)
	}
	out, err := s.Lambda().Invoke(tb.Context(), &lambda.InvokeInput{
		FunctionName: aws.String(name), Payload: payload, LogType: types.LogTypeTail,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// Runtimes returns the managed runtimes with a prefix ("python", "nodejs") that this host has an interpreter for, by
// `gust runtime list`, the oldest first.
func Runtimes(tb testing.TB, prefix string) []string {
	tb.Helper()
	out, err := exec.CommandContext(tb.Context(), Binary(tb), "runtime", "list", "--json").Output() //nolint:gosec // our own binary
	if err != nil {
		tb.Fatalf("gust runtime list: %v", err)
	}
	var list []struct {
		Name      string `json:"name"`
		Available bool   `json:"available"`
	}
	if err := json.Unmarshal(out, &list); err != nil {
		tb.Fatal(err)
	}
	var names []string
	for _, r := range list {
		if r.Available && strings.HasPrefix(r.Name, prefix) {
			names = append(names, r.Name)
		}
	}
	return names
}

// Runtime returns one managed runtime of this host, whichever version it has, or skips the test.
func Runtime(tb testing.TB, prefix string) string {
	tb.Helper()
	names := Runtimes(tb, prefix)
	if len(names) == 0 {
		hosttest.Skip(tb, "no interpreter of "+prefix+" that Lambda knows on this host")
	}
	return names[0]
}

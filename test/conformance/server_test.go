// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/gustcloud/gust/test/harness"
)

func TestHealthNamesTheServices(t *testing.T) {
	s := harness.StartAny(t)
	for _, path := range []string{"/_gust/health", "/_localstack/health"} {
		var h struct {
			Version  string
			Services map[string]string
		}
		if err := json.Unmarshal([]byte(s.Get(path)), &h); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, name := range []string{"lambda", "iam", "sts", "logs"} {
			if h.Services[name] != "running" {
				t.Errorf("%s: %s is %q", path, name, h.Services[name])
			}
		}
		if h.Version == "" {
			t.Errorf("%s has no version", path)
		}
	}
	if m := s.Get("/_gust/metrics"); !strings.Contains(m, "# TYPE gust_") {
		t.Errorf("no metrics in Prometheus text:\n%.300s", m)
	}
	if log := s.Log(); !strings.Contains(log, "Ready.") {
		t.Errorf("no line Ready. in the log:\n%s", log)
	}
}

func TestSIGTERMLetsARunningInvocationEnd(t *testing.T) {
	s := harness.StartAny(t)
	s.CreateProbe(t, harness.Function{Name: "f", TimeoutS: 10})
	s.Invoke(t, "f", map[string]string{"do": "echo"})
	answered := make(chan error, 1)
	go func() {
		out, err := s.Lambda().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("f"), Payload: []byte(`{"do":"sleep","n":1500}`)})
		if err == nil && out.FunctionError != nil {
			err = fmt.Errorf("%s", out.Payload)
		}
		answered <- err
	}()
	for deadline := time.Now().Add(5 * time.Second); !strings.Contains(s.Get("/_gust/metrics"), "gust_environments_warm_total 1"); {
		if time.Now().After(deadline) {
			t.Fatal("the invocation does not start")
		}
	}
	s.Stop()
	if err := <-answered; err != nil {
		t.Errorf("the invocation was broken off: %v", err)
	}
}

func TestParallelInvocationsHaveEnvironmentsOfTheirOwn(t *testing.T) {
	s := harness.StartAny(t)
	s.CreateProbe(t, harness.Function{Name: "f", MemoryMB: 512, TimeoutS: 20})
	const n = 10
	var calls sync.WaitGroup
	for range n {
		calls.Go(func() { s.Invoke(t, "f", map[string]any{"do": "sleep", "n": 1000}) })
	}
	calls.Wait()
	deadline := time.Now().Add(5 * time.Second)
	for {
		out, err := s.Logs().DescribeLogStreams(t.Context(), &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String("/aws/lambda/f")})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.LogStreams) == n {
			for _, stream := range out.LogStreams {
				if name := aws.ToString(stream.LogStreamName); !strings.HasPrefix(name, time.Now().UTC().Format("2006/01/02/")+"[$LATEST]") {
					t.Errorf("stream %s", name)
				}
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d log streams, want %d: one environment ran two invocations at once", len(out.LogStreams), n)
		}
	}
}

func TestEveryPythonOfTheHost(t *testing.T) {
	s := harness.StartAny(t)
	harness.Runtime(t, "python")
	for _, runtime := range harness.Runtimes(t, "python") {
		t.Run(runtime, func(t *testing.T) {
			name := "f-" + strings.ReplaceAll(runtime, ".", "-")
			s.Create(t, harness.Function{
				Name: name, Runtime: runtime, Handler: "pkg/app.handler", MemoryMB: 512, TimeoutS: 20,
				Zip: harness.Zip(t, map[string]string{"pkg/app.py": `
import sys, ssl, json, socket, logging
logging.getLogger().setLevel(logging.INFO)
def handler(event, context):
    logging.info("two\nlines")
    return "python%d.%d" % sys.version_info[:2]
`}),
			})
			out := s.Invoke(t, name, map[string]string{})
			if string(out.Payload) != `"`+runtime+`"` {
				t.Errorf("answered %s\n%s", out.Payload, tail(t, out))
			}
			if !strings.Contains(tail(t, out), "[INFO]\t") {
				t.Errorf("no log record in the form of Lambda:\n%s", tail(t, out))
			}
		})
	}
}

func TestInitThatFailsIsRunAgainByTheInvocation(t *testing.T) {
	s := harness.StartAny(t)
	python := harness.Runtime(t, "python")
	s.Create(t, harness.Function{Name: "i", Runtime: python, Handler: "app.handler", MemoryMB: 256, TimeoutS: 10,
		Zip: harness.Zip(t, map[string]string{"app.py": `
import os
if not os.path.exists("/tmp/second"):
    open("/tmp/second", "w").close()
    raise RuntimeError("the first init fails")
def handler(event, context):
    return "second init"
`})})
	out := s.Invoke(t, "i", map[string]string{})
	if string(out.Payload) != `"second init"` {
		t.Errorf("answered %s\n%s", out.Payload, tail(t, out))
	}
	waitForLog(t, s, "i", "INIT_REPORT Init Duration: ") // of the first; it stands before START, so not in the tail
}

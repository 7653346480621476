// SPDX-License-Identifier: Apache-2.0

// Package limits hits each limit of an execution environment for real, through Invoke.
package limits

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/gustcloud/gust/test/harness"
)

type event struct {
	Do   string `json:"do"`
	N    int    `json:"n,omitempty"`
	Path string `json:"path,omitempty"`
	Text string `json:"text,omitempty"`
}

type answer struct {
	Text  string `json:"text"`
	N     int64  `json:"n"`
	Count int64  `json:"count"`
	Ticks int64  `json:"ticks"`
	Error string `json:"error"`
}

func call(t *testing.T, s *harness.Server, function string, e event) (answer, string) {
	t.Helper()
	out := s.Invoke(t, function, e)
	tail, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	if err != nil {
		t.Fatal(err)
	}
	if out.FunctionError != nil {
		t.Fatalf("%+v: %s\n%s", e, out.Payload, tail)
	}
	var a answer
	if err := json.Unmarshal(out.Payload, &a); err != nil {
		t.Fatal(err)
	}
	return a, string(tail)
}

func failure(t *testing.T, out *lambda.InvokeOutput) (errorType, message string) {
	t.Helper()
	if aws.ToString(out.FunctionError) != "Unhandled" {
		t.Fatalf("FunctionError = %q, payload %s", aws.ToString(out.FunctionError), out.Payload)
	}
	var e struct{ ErrorType, ErrorMessage string }
	if err := json.Unmarshal(out.Payload, &e); err != nil {
		t.Fatalf("%v: %s", err, out.Payload)
	}
	return e.ErrorType, e.ErrorMessage
}

func TestMemoryLimitKills(t *testing.T) {
	s := harness.StartIsolated(t)
	s.CreateProbe(t, harness.Function{Name: "f", MemoryMB: 128, TimeoutS: 30})
	out := s.Invoke(t, "f", event{Do: "alloc", N: 300})
	if kind, _ := failure(t, out); kind != "Runtime.OutOfMemory" && kind != "Runtime.ExitError" {
		t.Errorf("errorType = %s, payload %s", kind, out.Payload)
	}
	if a, _ := call(t, s, "f", event{Do: "echo", Text: "again"}); a.Text != "again" || a.Count != 1 {
		t.Errorf("the next invocation does not get a fresh environment: %+v", a)
	}
}

func TestMaxMemoryUsedIsMeasured(t *testing.T) {
	s := harness.StartIsolated(t)
	base := -1.0
	for _, mb := range []int{0, 40, 80, 160} {
		name := "alloc-" + strconv.Itoa(mb)
		s.CreateProbe(t, harness.Function{Name: name, MemoryMB: 512, TimeoutS: 30})
		_, tail := call(t, s, name, event{Do: "alloc", N: mb})
		used := reported(t, tail, `Max Memory Used: (\d+) MB`)
		if mb == 0 {
			base = used
			continue
		}
		want := float64(mb) + base
		if math.Abs(used-want) > 0.10*want {
			t.Errorf("%d MB allocated (runtime alone %.0f MB): Max Memory Used %.0f MB, want %.0f within 10 %%", mb, base, used, want)
		}
	}
}

func TestFilesDoNotCountAsMemory(t *testing.T) {
	s := harness.StartIsolated(t)
	s.CreateProbe(t, harness.Function{Name: "f", MemoryMB: 256, TimeoutS: 60})
	_, tail := call(t, s, "f", event{Do: "fill", Path: "/tmp/big"})
	if used := reported(t, tail, `Max Memory Used: (\d+) MB`); used > 100 {
		t.Errorf("after writing 512 MB to /tmp Max Memory Used is %.0f MB", used)
	}
}

func reported(t *testing.T, tail, pattern string) float64 {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(tail)
	if m == nil {
		t.Fatalf("no %s in the log tail:\n%s", pattern, tail)
	}
	f, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestCPUShareIsProportionalToMemory(t *testing.T) {
	s := harness.StartIsolated(t)
	const window = 2500 * time.Millisecond
	for _, mb := range []int32{256, 885} {
		t.Run(fmt.Sprintf("%d MB", mb), func(t *testing.T) {
			name := fmt.Sprintf("spin-%d", mb)
			s.CreateProbe(t, harness.Function{Name: name, MemoryMB: mb, TimeoutS: 30})
			call(t, s, name, event{Do: "echo"})
			want := float64(mb) / 1769
			var got []float64
			for range 5 { // other work on the machine may take from one window; no window may give more
				a, _ := call(t, s, name, event{Do: "spin", N: int(window.Milliseconds())})
				share := float64(a.N) / float64(window.Microseconds())
				got = append(got, share)
				if share > 1.15*want {
					t.Fatalf("CPU share %.3f of a core, want %.3f and at most 15 %% more", share, want)
				}
				if share >= 0.85*want {
					return
				}
			}
			t.Errorf("CPU shares %.3f of a core, want %.3f within 15 %% once", got, want)
		})
	}
}

func TestTmpEndsAtItsSize(t *testing.T) {
	s := harness.StartIsolated(t)
	for _, mb := range []int32{512, 700} {
		name := fmt.Sprintf("fill-%d", mb)
		s.CreateProbe(t, harness.Function{Name: name, MemoryMB: 1769, EphemeralMB: mb, TimeoutS: 120})
		a, _ := call(t, s, name, event{Do: "fill", Path: "/tmp/big"})
		if !strings.Contains(a.Error, "no space left") {
			t.Errorf("%d MB: the write ended with %q", mb, a.Error)
		}
		if low, high := int64(mb)<<20, int64(mb)*115/100<<20; a.N < low || a.N > high {
			t.Errorf("%d MB: %d bytes fitted, want %d to %d", mb, a.N, low, high)
		}
	}
}

func TestProcessesEndAtTheirLimit(t *testing.T) {
	s := harness.StartIsolated(t)
	s.CreateProbe(t, harness.Function{Name: "f", MemoryMB: 3008, TimeoutS: 120})
	a, _ := call(t, s, "f", event{Do: "processes", N: 1100})
	if a.Error == "" || a.N < 50 || a.N > 1024 {
		t.Errorf("%d processes were started, error %q; want EAGAIN below 1,024 processes and threads", a.N, a.Error)
	}
}

func TestTimeoutEndsTheInvocationInTime(t *testing.T) {
	s := harness.StartAny(t)
	s.CreateProbe(t, harness.Function{Name: "f", TimeoutS: 1})
	call(t, s, "f", event{Do: "write", Path: "/tmp/kept", Text: "kept"})
	began := time.Now()
	out := s.Invoke(t, "f", event{Do: "sleep", N: 10_000})
	took := time.Since(began)
	kind, message := failure(t, out)
	if kind != "Sandbox.Timedout" || !strings.HasSuffix(message, "Error: Task timed out after 1.00 seconds") {
		t.Errorf("payload %s", out.Payload)
	}
	if took < time.Second || took > 1100*time.Millisecond {
		t.Errorf("the invocation took %v, want 1 s and at most 100 ms more", took)
	}
	a, _ := call(t, s, "f", event{Do: "read", Path: "/tmp/kept"})
	if a.Count != 1 {
		t.Errorf("globals survived the reset: count %d", a.Count)
	}
	if a.Text != "kept" {
		t.Errorf("/tmp did not survive the reset: %+v", a)
	}
}

func TestEnvironmentIsFrozenBetweenInvocations(t *testing.T) {
	s := harness.StartIsolated(t)
	s.CreateProbe(t, harness.Function{Name: "f", MemoryMB: 512})
	s.CreateProbe(t, harness.Function{Name: "g", MemoryMB: 512})
	call(t, s, "f", event{Do: "echo"})
	before, _ := call(t, s, "f", event{Do: "sleep", N: 100})
	call(t, s, "g", event{Do: "sleep", N: 1500}) // real time passes, and f must not notice
	after, _ := call(t, s, "f", event{Do: "echo"})
	if after.Count != 3 {
		t.Fatalf("not the same environment: %+v", after)
	}
	// A background goroutine ticks every 5 ms: 20 ticks while the second invocation slept, 300 if it were not frozen.
	if passed := after.Ticks - before.Ticks; passed > 100 {
		t.Errorf("%d ticks passed between two invocations", passed)
	} else if passed < 5 {
		t.Errorf("%d ticks passed: the background goroutine does not run at all", passed)
	}
}

func TestPayloadLimits(t *testing.T) {
	s := harness.StartAny(t)
	s.CreateProbe(t, harness.Function{Name: "f", MemoryMB: 1024, TimeoutS: 20})
	const limit = 6_291_556
	wrap := len(`{"do":"echo","text":""}`)
	if out := s.Invoke(t, "f", event{Do: "large", N: limit - 2000}); out.FunctionError != nil {
		t.Errorf("a response below the limit: %.200s", out.Payload)
	}
	out := s.Invoke(t, "f", event{Do: "large", N: limit})
	if kind, message := failure(t, out); kind != "Function.ResponseSizeTooLarge" ||
		message != "Response payload size exceeded maximum allowed payload size (6291556 bytes)." {
		t.Errorf("too large a response: %s", out.Payload)
	}
	if a, _ := call(t, s, "f", event{Do: "echo", Text: "still here"}); a.Text != "still here" {
		t.Errorf("after too large a response: %+v", a)
	}
	in := &lambda.InvokeInput{FunctionName: aws.String("f"), Payload: []byte(`{"do":"print","text":"` + strings.Repeat("x", limit-wrap) + `"}`)}
	if _, err := s.Lambda().Invoke(t.Context(), in); harness.ErrorCode(err) != "RequestEntityTooLargeException" {
		t.Errorf("too large a request: %v", err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package lifecycle_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/worker/lifecycle"
	"github.com/gustcloud/gust/internal/worker/lifecycle/bootstraptest"
	"github.com/gustcloud/gust/internal/worker/sandbox"
)

func TestFirstInitHasMoreCPUTime(t *testing.T) {
	for _, tc := range []struct {
		name   string
		memory int
		what   string
		want   [][]float64 // of each sandbox
	}{
		{"small function", 1769 / 2, "", [][]float64{{2, 884 / 1769.0}}},
		{"large function", 3538, "", [][]float64{{2}}},
		{"second init", 1769, "exit7-once", [][]float64{{2}, {1}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := mustEnvironment(t, bootInit(tc.what), func(v *invoke.Version, _ *lifecycle.Config) { v.MemoryMB = tc.memory })
			answer(t, b.invoke(t, "id-1", bootstraptest.Event{}))
			var got [][]float64
			for _, l := range b.places {
				got = append(got, l.shares)
			}
			if !slices.EqualFunc(got, tc.want, slices.Equal[[]float64]) {
				t.Errorf("shares %v, want %v", got, tc.want)
			}
		})
	}
}

func TestInvokeColdThenWarmKeepsProcessAndTmp(t *testing.T) {
	b := mustEnvironment(t)
	cold := b.invoke(t, "id-1", bootstraptest.Event{WriteTmp: "hello"})
	warm := b.invoke(t, "id-2", bootstraptest.Event{ReadTmp: true})
	a1, a2 := answer(t, cold), answer(t, warm)
	if a1.PID != a2.PID || a2.N != 2 || a2.Tmp != "hello" {
		t.Errorf("cold %+v, warm %+v", a1, a2)
	}
	if r := cold.Report; !r.Cold || r.InitDuration <= 0 || r.Billed < r.Duration+r.InitDuration || r.MaxMemoryMB <= 0 {
		t.Errorf("cold report %+v", r)
	}
	if r := warm.Report; r.Cold || r.InitDuration != 0 || r.Status != "" {
		t.Errorf("warm report %+v", r)
	}
}

func TestFailuresOfAnInvocation(t *testing.T) {
	seven := 7
	for _, tc := range []struct {
		name      string
		opts      []option
		event     bootstraptest.Event
		payload   string // whole, or its start when it ends in "..."
		status    string
		errorType string
		log       []string // in this order
		reset     bool     // the next invocation finds another process
	}{
		{
			name: "timeout", opts: []option{timeout(200 * time.Millisecond)}, event: bootstraptest.Event{Hang: true, WriteTmp: "kept"},
			payload: `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: id-1 Error: Task timed out after 0.20 seconds"}`,
			status:  "timeout", errorType: "Sandbox.Timedout", reset: true,
			log: []string{"START RequestId: id-1", "Z id-1 Task timed out after 0.20 seconds\n\n", "END RequestId: id-1", "\tStatus: timeout"},
		},
		{
			name: "exit with a status", event: bootstraptest.Event{Exit: &seven, WriteTmp: "kept"},
			payload: `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id-1 Error: Runtime exited with error: exit status 7"}`,
			status:  "error", errorType: "Runtime.ExitError", reset: true,
			log: []string{"RequestId: id-1 Error: Runtime exited with error: exit status 7\nRuntime.ExitError\n", "END ", "Error Type: Runtime.ExitError"},
		},
		{
			name: "killed", event: bootstraptest.Event{Kill: true, WriteTmp: "kept"},
			payload: `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id-1 Error: Runtime exited with error: signal: killed"}`,
			status:  "error", errorType: "Runtime.ExitError", reset: true,
		},
		{
			name: "error of the handler", event: bootstraptest.Event{Error: "Function.Broken", WriteTmp: "kept"},
			payload: `{"errorType":"Function.Broken","errorMessage":"as asked"}`,
		},
		{
			name: "too large", event: bootstraptest.Event{Size: 6<<20 + 101, WriteTmp: "kept"},
			payload: `{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}`,
			status:  "error", errorType: "Function.ResponseSizeTooLarge",
		},
		{
			name: "unknown response mode", event: bootstraptest.Event{Mode: "telepathy", WriteTmp: "kept"},
			payload: `{"errorType":"Runtime.InvalidResponseModeHeader","errorMessage":"RequestId: id-1 Error: Invalid function response mode"}`,
			status:  "error", errorType: "Runtime.InvalidResponseModeHeader",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := mustEnvironment(t, tc.opts...)
			res := b.invoke(t, "id-1", tc.event)
			if string(res.Payload) != tc.payload || res.FunctionError != "Unhandled" {
				t.Errorf("got  %q %s\nwant %s", res.FunctionError, res.Payload, tc.payload)
			}
			if res.Report.Status != tc.status || res.Report.ErrorType != tc.errorType {
				t.Errorf("report %+v", res.Report)
			}
			next := answer(t, b.invoke(t, "id-2", bootstraptest.Event{ReadTmp: true}))
			if next.Tmp != "kept" {
				t.Errorf("/tmp of the next invocation: %q", next.Tmp)
			}
			if want := map[bool]int{true: 1, false: 2}[tc.reset]; next.N != want {
				t.Errorf("the process is at its event %d, want %d", next.N, want)
			}
			mustContainInOrder(t, b.finish(), tc.log)
		})
	}
}

func mustContainInOrder(t testing.TB, text string, parts []string) {
	t.Helper()
	rest := text
	for _, p := range parts {
		_, after, ok := strings.Cut(rest, p)
		if !ok {
			t.Fatalf("%q is not in its place in the log:\n%s", p, text)
		}
		rest = after
	}
}

func TestInitThatFailsRunsAgainUnderTheInvocation(t *testing.T) {
	for _, tc := range []struct {
		name    string
		opts    []option
		payload string // "" for success
		log     []string
	}{
		{
			name: "exits once", opts: []option{bootInit("exit7-once")},
			log: []string{
				"INIT_START Runtime Version: provided.al2023\n", "INIT_REPORT Init Duration: ", "Phase: init\tStatus: error\tError Type: Runtime.ExitError\t\n",
				"START RequestId: id-1 Version: $LATEST\n", "END RequestId: id-1\n", "REPORT RequestId: id-1",
			},
		},
		{
			name: "too slow once", opts: []option{bootInit("hang-once"), initLimit(100 * time.Millisecond)},
			log: []string{"Phase: init\tStatus: timeout\t\n", "START RequestId: id-1"},
		},
		{
			name: "exits always", opts: []option{bootInit("exit0")},
			payload: `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id-1 Error: Runtime exited without providing a reason"}`,
			log:     []string{"Phase: init\tStatus: error", "START RequestId: id-1", "Phase: invoke\tStatus: error\tError Type: Runtime.ExitError", "END RequestId: id-1"},
		},
		{
			name: "reports an error always", opts: []option{bootInit("error")},
			payload: `{"errorType":"Boot.Failed","errorMessage":"no"}`,
			log:     []string{"Phase: init\tStatus: error\tError Type: Runtime.BootFailed", "START", "Phase: invoke\tStatus: error\tError Type: Runtime.BootFailed", "END"},
		},
		{
			name: "too slow always", opts: []option{bootInit("hang"), initLimit(50 * time.Millisecond), timeout(150 * time.Millisecond)},
			payload: `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: id-1 Error: Task timed out after 0.15 seconds"}`,
			log:     []string{"Phase: init\tStatus: timeout", "START", "Phase: invoke\tStatus: timeout", "END", "Status: timeout"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := mustEnvironment(t, tc.opts...)
			res := b.invoke(t, "id-1", bootstraptest.Event{})
			if tc.payload == "" {
				answer(t, res)
			} else if string(res.Payload) != tc.payload {
				t.Errorf("got  %s\nwant %s", res.Payload, tc.payload)
			}
			if res.Report.InitDuration != 0 {
				t.Errorf("a failed init phase is reported: %v", res.Report.InitDuration)
			}
			mustContainInOrder(t, b.finish(), tc.log)
		})
	}
}

func TestBootstrapThatCannotStart(t *testing.T) {
	for _, tc := range []struct {
		name    string
		content string // of the bootstrap, "" for none
		mode    os.FileMode
		message string
	}{
		{"missing", "", 0, "no such file or directory"},
		{"not executable", "#!/bin/sh\n", 0o600, "permission denied"},
		{"not a program", "hello", 0o700, "exec format error"},
		{"its interpreter is missing", "#!/no/such\n", 0o700, "no such file or directory"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			if tc.content != "" {
				mustWrite(t, dir+"/bootstrap", tc.content, tc.mode)
			}
			b := mustEnvironment(t, func(_ *invoke.Version, c *lifecycle.Config) { c.CodeDir = dir })
			res := b.invoke(t, "id-1", bootstraptest.Event{})
			if !strings.Contains(string(res.Payload), tc.message) || res.Report.ErrorType != "Runtime.InvalidEntrypoint" {
				t.Errorf("got %s, report %+v", res.Payload, res.Report)
			}
		})
	}
}

func mustWrite(t testing.TB, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

func TestOutputStandsBetweenStartAndEnd(t *testing.T) {
	b := mustEnvironment(t)
	first := b.invoke(t, "id-1", bootstraptest.Event{Print: "one\ntwo\n", PrintErr: "three, unfinished"})
	b.invoke(t, "id-2", bootstraptest.Event{Print: "four\n"})
	tail := string(first.LogTail)
	if !strings.HasPrefix(tail, "START RequestId: id-1 Version: $LATEST\none\ntwo\nthree, unfinishedEND RequestId: id-1\nREPORT RequestId: id-1\t") {
		t.Errorf("tail %q", tail)
	}
	mustContainInOrder(t, b.finish(), []string{
		"INIT_START", "START RequestId: id-1", "one\n", "two\n", "three, unfinished", "END RequestId: id-1\n",
		"REPORT RequestId: id-1", "Init Duration: ", "START RequestId: id-2", "four\n", "END RequestId: id-2", "REPORT RequestId: id-2",
	})
	if want := "/aws/lambda/f " + time.Now().UTC().Format("2006/01/02") + "/[$LATEST]" + strings.Repeat("0a", 16); b.logs.stream != want {
		t.Errorf("stream %q, want %q", b.logs.stream, want)
	}
}

func TestProcessThatEndsBetweenInvocationsIsReplaced(t *testing.T) {
	b := mustEnvironment(t)
	a := answer(t, b.invoke(t, "id-1", bootstraptest.Event{WriteTmp: "kept", ExitAfter: true}))
	next := answer(t, b.invoke(t, "id-2", bootstraptest.Event{ReadTmp: true}))
	if next.PID == a.PID || next.Tmp != "kept" {
		t.Errorf("first %+v, next %+v", a, next)
	}
}

func TestRuntimeThatNeverAsksForMoreIsStoppedByTheTimeout(t *testing.T) {
	b := mustEnvironment(t, timeout(300*time.Millisecond))
	res, err := b.env.Invoke(t.Context(), invoke.Event{RequestID: "id-1", Payload: bootstraptest.Event{HangAfter: true}.Marshal()})
	if err != nil {
		t.Fatal(err)
	}
	a := answer(t, res) // the caller has its answer
	if b.env.Settle(0) {
		t.Error("the invocation ended although the runtime goes on")
	}
	if next := answer(t, b.invoke(t, "id-2", bootstraptest.Event{})); next.PID == a.PID {
		t.Error("the process goes on after its timeout")
	}
	mustContainInOrder(t, b.finish(), []string{
		"START RequestId: id-1", "id-1 Task timed out after 0.30 seconds", "END RequestId: id-1", "Status: timeout", "START RequestId: id-2",
	})
}

func TestOutputAfterTheAnswerBelongsToTheInvocation(t *testing.T) {
	b := mustEnvironment(t)
	for _, id := range []string{"id-1", "id-2"} {
		if !b.env.Settle(time.Minute) {
			t.Fatal("did not settle")
		}
		if _, err := b.env.Invoke(t.Context(), invoke.Event{RequestID: id, Payload: bootstraptest.Event{PrintAfter: "late " + id}.Marshal()}); err != nil {
			t.Fatal(err)
		}
	}
	b.env.Settle(time.Minute)
	mustContainInOrder(t, b.finish(), []string{"START RequestId: id-1", "late id-1", "END RequestId: id-1", "START RequestId: id-2", "late id-2", "END RequestId: id-2"})
}

func TestFrozenEnvironmentUsesNoTimeAndThaws(t *testing.T) {
	b := mustEnvironment(t)
	a := answer(t, b.invoke(t, "id-1", bootstraptest.Event{}))
	if !b.env.Settle(time.Minute) {
		t.Fatal("did not settle")
	}
	if err := b.env.Freeze(t.Context()); err != nil || b.env.State() != lifecycle.Frozen {
		t.Fatalf("freeze: %v, state %s", err, b.env.State())
	}
	if err := b.env.Thaw(t.Context()); err != nil || b.env.State() != lifecycle.Ready {
		t.Fatalf("thaw: %v, state %s", err, b.env.State())
	}
	if next := answer(t, b.invoke(t, "id-2", bootstraptest.Event{})); next.PID != a.PID {
		t.Error("another process")
	}
}

func TestFrozenEnvironmentCloses(t *testing.T) {
	b := mustEnvironment(t)
	b.invoke(t, "id-1", bootstraptest.Event{})
	b.env.Settle(time.Minute)
	if err := b.env.Freeze(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.env.Close()
	if b.env.State() != lifecycle.Dead {
		t.Errorf("state %s", b.env.State())
	}
	if _, err := b.env.Invoke(t.Context(), invoke.Event{RequestID: "id-2"}); err == nil {
		t.Error("a closed environment took an invocation")
	}
}

func TestEnvironmentVariables(t *testing.T) {
	for _, tc := range []struct{ variable, want string }{
		{"_HANDLER", "h"},
		{"AWS_ACCESS_KEY_ID", "AKID"},
		{"AWS_SESSION_TOKEN", "token"},
		{"AWS_LAMBDA_LOG_STREAM_NAME", time.Now().UTC().Format("2006/01/02") + "/[$LATEST]" + strings.Repeat("0a", 16)},
		{"CUSTOM", "value"},
		{"USER", ""}, // the host's variables are not passed
	} {
		t.Run(tc.variable, func(t *testing.T) {
			b := mustEnvironment(t, func(v *invoke.Version, _ *lifecycle.Config) {
				v.Environment = map[string]string{"CUSTOM": "value"}
			})
			if got := answer(t, b.invoke(t, "id-1", bootstraptest.Event{Env: tc.variable})).Env; got != tc.want {
				t.Errorf("%s = %q, want %q", tc.variable, got, tc.want)
			}
		})
	}
}

func TestFunctionWithoutBootstrap(t *testing.T) {
	b := mustEnvironment(t, func(_ *invoke.Version, c *lifecycle.Config) {
		c.Launch.Command = func(lifecycle.Start) (sandbox.Command, error) {
			return sandbox.Command{}, &lifecycle.EntrypointError{Message: "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"}
		}
	})
	res := b.invoke(t, "id-1", bootstraptest.Event{})
	want := `{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: id-1 Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"}`
	if string(res.Payload) != want {
		t.Errorf("got  %s\nwant %s", res.Payload, want)
	}
}

func TestBootstrapOverTheSocket(t *testing.T) {
	b := mustEnvironment(t, func(v *invoke.Version, c *lifecycle.Config) {
		c.Launch = bootstraptest.Launch(v, bootstraptest.OverSocket)
	})
	if got := answer(t, b.invoke(t, "id-1", bootstraptest.Event{Env: "AWS_LAMBDA_RUNTIME_API"})).Env; !strings.HasPrefix(got, "@") {
		t.Errorf("address %q", got)
	}
}

func TestAPIDoorIsServedInsideAsLongAsTheSandboxLives(t *testing.T) {
	b := mustEnvironment(t)
	endpoint := answer(t, b.invoke(t, "id-1", bootstraptest.Event{Env: "AWS_ENDPOINT_URL"})).Env
	if want := "http://" + (<-b.doors).String(); endpoint != want {
		t.Errorf("AWS_ENDPOINT_URL is %q, the door is at %q", endpoint, want)
	}
	b.finish() // returns only when the door has
	if n := len(b.doors); n != 0 {
		t.Errorf("%d more doors were opened", n)
	}
}

func TestLargeEventsPass(t *testing.T) {
	b := mustEnvironment(t)
	big := bootstraptest.Event{Print: strings.Repeat("~", 5<<20)}
	answer(t, b.invoke(t, "id-1", big))
	if log := b.finish(); strings.Count(log, "~") != 5<<20 {
		t.Errorf("%d bytes of output arrived", strings.Count(log, "~"))
	}
}

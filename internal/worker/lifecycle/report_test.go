// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"syscall"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/worker/sandbox"
)

func TestReportLine(t *testing.T) {
	const ms = time.Millisecond
	for _, tc := range []struct {
		name string
		in   invoke.Report
		want string
	}{
		{
			"warm",
			invoke.Report{Duration: 1500 * time.Microsecond, Billed: 2 * ms, MaxMemoryMB: 31},
			"REPORT RequestId: id\tDuration: 1.50 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 31 MB\t\n",
		},
		{
			"cold",
			invoke.Report{Duration: 2 * ms, InitDuration: 104320 * time.Microsecond, Billed: 107 * ms, MaxMemoryMB: 31},
			"REPORT RequestId: id\tDuration: 2.00 ms\tBilled Duration: 107 ms\tMemory Size: 128 MB\tMax Memory Used: 31 MB\tInit Duration: 104.32 ms\t\n",
		},
		{
			"timeout",
			invoke.Report{Duration: 1000 * ms, Billed: 1000 * ms, MaxMemoryMB: 1, Status: "timeout", ErrorType: "Sandbox.Timedout"},
			"REPORT RequestId: id\tDuration: 1000.00 ms\tBilled Duration: 1000 ms\tMemory Size: 128 MB\tMax Memory Used: 1 MB\tStatus: timeout\t\n",
		},
		{
			"error",
			invoke.Report{Duration: ms, Billed: ms, MaxMemoryMB: 1, Status: "error", ErrorType: "Runtime.ExitError"},
			"REPORT RequestId: id\tDuration: 1.00 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\tMax Memory Used: 1 MB\tStatus: error\tError Type: Runtime.ExitError\t\n",
		},
		{
			"memory not measured",
			invoke.Report{Duration: ms, Billed: ms, MaxMemoryMB: -1},
			"REPORT RequestId: id\tDuration: 1.00 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\t\n",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := reportLine("id", 128, tc.in); got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

func TestBilledRoundsUpAndIncludesFirstInit(t *testing.T) {
	for _, tc := range []struct {
		name                 string
		duration, init, want time.Duration
	}{
		{"whole", 2 * time.Millisecond, 0, 2 * time.Millisecond},
		{"a bit more", 2*time.Millisecond + 1, 0, 3 * time.Millisecond},
		{"sum is rounded, not the parts", 400 * time.Microsecond, 400 * time.Microsecond, time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := billed(tc.duration, tc.init); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestFaultBodies(t *testing.T) {
	for _, tc := range []struct {
		name string
		f    *fault
		want string
	}{
		{
			"timeout", timeoutFault(time.Second),
			`{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: id Error: Task timed out after 1.00 seconds"}`,
		},
		{
			"exit 0", exitFault(sandbox.Exit{}),
			`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id Error: Runtime exited without providing a reason"}`,
		},
		{
			"exit 127", exitFault(sandbox.Exit{Code: 127}),
			`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id Error: Runtime exited with error: exit status 127"}`,
		},
		{
			"segmentation fault", exitFault(sandbox.Exit{Code: -1, Signal: syscall.SIGSEGV}),
			`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id Error: Runtime exited with error: signal: segmentation fault"}`,
		},
		{
			"out of memory", exitFault(sandbox.Exit{Code: -1, Signal: syscall.SIGKILL, OOM: true}),
			`{"errorType":"Runtime.OutOfMemory","errorMessage":"RequestId: id Error: Runtime exited with error: signal: killed"}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := string(tc.f.body("id")); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

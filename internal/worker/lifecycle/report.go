// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"strconv"
	"strings"
	"time"

	"github.com/gustcloud/gust/internal/invoke"
)

// The platform's log lines. Source: recorded on AWS, see the tests for whole examples; the Status and Error Type fields
// are unverified. Fields that this host cannot measure are left out.

func initStartLine(l Launch, runtime string) string {
	v := l.Version
	if v == "" {
		v = runtime
	}
	return "INIT_START Runtime Version: " + v + "\n"
}

func startLine(requestID, version string) string {
	return "START RequestId: " + requestID + " Version: " + version + "\n"
}

func endLine(requestID string) string { return "END RequestId: " + requestID + "\n" }

func initReportLine(d time.Duration, phase string, f *fault) string {
	var b strings.Builder
	b.WriteString("INIT_REPORT Init Duration: " + millis(d) + " ms\tPhase: " + phase)
	writeStatus(&b, f.status, f.errorType)
	b.WriteString("\t\n")
	return b.String()
}

func reportLine(requestID string, memoryMB int, r invoke.Report) string {
	var b strings.Builder
	b.WriteString("REPORT RequestId: " + requestID + "\tDuration: " + millis(r.Duration) +
		" ms\tBilled Duration: " + strconv.FormatInt(r.Billed.Milliseconds(), 10) +
		" ms\tMemory Size: " + strconv.Itoa(memoryMB) + " MB")
	if r.MaxMemoryMB >= 0 {
		b.WriteString("\tMax Memory Used: " + strconv.Itoa(r.MaxMemoryMB) + " MB")
	}
	if r.InitDuration > 0 {
		b.WriteString("\tInit Duration: " + millis(r.InitDuration) + " ms")
	}
	writeStatus(&b, r.Status, r.ErrorType)
	b.WriteString("\t\n")
	return b.String()
}

func writeStatus(b *strings.Builder, status, errorType string) {
	if status == "" {
		return
	}
	b.WriteString("\tStatus: " + status)
	if status == "error" && errorType != "" {
		b.WriteString("\tError Type: " + errorType)
	}
}

// millis formats a duration as AWS does: milliseconds with two decimals.
func millis(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 2, 64)
}

// billed rounds up to whole milliseconds. A first init is billed with the invocation that it was made for.
// Source: "AWS Lambda standardizes billing for INIT Phase", AWS Compute Blog, 2025-04.
func billed(duration, init time.Duration) time.Duration {
	const ms = time.Millisecond
	return (duration + init + ms - 1) / ms * ms //nolint:durationcheck // rounds up to whole milliseconds
}

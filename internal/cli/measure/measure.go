// SPDX-License-Identifier: Apache-2.0

// Package measure holds what `gust bench` measures with: quantiles, the CPU time and memory of a process tree, and the
// description of the machine that stands above each committed result. It starts nothing.
package measure

import (
	"slices"
	"strconv"
	"time"
)

// Times are durations of one kind.
type Times []time.Duration

// Quantile returns the smallest duration that a share q (0..1) of them does not exceed; 0 for none.
func (t Times) Quantile(q float64) time.Duration {
	if len(t) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(t))
	i := int(q*float64(len(s))+0.999999) - 1
	return s[min(max(i, 0), len(s)-1)]
}

// Median is Quantile(0.5).
func (t Times) Median() time.Duration { return t.Quantile(0.5) }

// Milliseconds renders a duration with as many digits as are meaningful.
func Milliseconds(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	digits := 2
	switch {
	case ms < 1:
		digits = 3
	case ms >= 100:
		digits = 0
	case ms >= 10:
		digits = 1
	}
	return strconv.FormatFloat(ms, 'f', digits, 64)
}

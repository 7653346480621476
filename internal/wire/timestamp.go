// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"math"
	"strconv"
	"time"
)

var errTimestamp = errors.New("wire: not a timestamp")

const (
	rfc822Layout  = "Mon, 02 Jan 2006 15:04:05 GMT"
	rfc822Fine    = "Mon, 02 Jan 2006 15:04:05.999 GMT"
	iso8601Layout = "2006-01-02T15:04:05.999Z"
	// The years 1 to 9999: what ISO 8601 and RFC 822 can say.
	minEpoch, maxEpoch = -62135596800, 253402300799
)

// rfc822Layouts are what is read: with an offset, and the obsolete forms of HTTP that RFC 9110, section 5.6.7 has everybody
// take. Only GMT is a name for a zone: Go reads any other one as UTC, an error of hours.
var rfc822Layouts = [...]string{rfc822Layout, time.RFC1123Z, "Monday, 02-Jan-06 15:04:05 GMT", time.ANSIC}

// appendTime appends t in the given format with millisecond precision, the finest that AWS has.
func appendTime(b []byte, t time.Time, format TimeFormat) []byte {
	t = t.UTC().Truncate(time.Millisecond)
	switch format {
	case TimeISO8601:
		return t.AppendFormat(b, iso8601Layout)
	case TimeRFC822:
		if t.Nanosecond() != 0 {
			return t.AppendFormat(b, rfc822Fine)
		}
		return t.AppendFormat(b, rfc822Layout)
	case TimeDefault, TimeEpoch:
	}
	ms := t.UnixMilli()
	if ms < 0 {
		b, ms = append(b, '-'), -ms
	}
	b = strconv.AppendInt(b, ms/1000, 10)
	if frac := ms % 1000; frac != 0 {
		b = append(b, '.', byte('0'+frac/100))
		if frac%100 != 0 {
			b = append(b, byte('0'+frac/10%10))
		}
		if frac%10 != 0 {
			b = append(b, byte('0'+frac%10))
		}
	}
	return b
}

// parseTime parses a timestamp; offsets other than Z are accepted in ISO 8601, as AWS does.
func parseTime(s string, format TimeFormat) (time.Time, error) {
	switch format {
	case TimeISO8601:
		// Without an offset the time is UTC: some SDKs of the query protocol send it so.
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "20060102T150405Z", time.DateOnly} {
			if t, err := time.Parse(layout, s); err == nil {
				return inRange(t)
			}
		}
		return time.Time{}, errTimestamp
	case TimeRFC822:
		for _, layout := range rfc822Layouts {
			if t, err := time.Parse(layout, s); err == nil {
				return inRange(t)
			}
		}
		return time.Time{}, errTimestamp
	case TimeDefault, TimeEpoch:
	}
	return parseEpoch(s)
}

// isDateTime tells whether s has the form of Smithy's date-time: RFC 3339 in UTC, without an offset.
func isDateTime(s string) bool {
	_, err := time.Parse(time.RFC3339, s)
	return err == nil && s[len(s)-1] == 'Z'
}

// parseEpoch parses decimal seconds, to the millisecond.
func parseEpoch(s string) (time.Time, error) {
	if sec, err := strconv.ParseInt(s, 10, 64); err == nil {
		return inRange(time.Unix(sec, 0))
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || f < minEpoch || f > maxEpoch+1 {
		return time.Time{}, errTimestamp
	}
	return inRange(time.UnixMilli(int64(math.Round(f * 1000))))
}

func inRange(t time.Time) (time.Time, error) {
	if sec := t.Unix(); sec <= minEpoch || sec > maxEpoch { // the zero time.Time means absent
		return time.Time{}, errTimestamp
	}
	return t.UTC(), nil
}

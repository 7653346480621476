// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
)

// maxClockRequest is the size of a body of POST /_gust/clock, in bytes.
const maxClockRequest = 4 << 10

// clockRequest is the body of POST /_gust/clock. One of its members at least is there.
type clockRequest struct {
	Advance *string  `json:"advance"` // a duration: "36h", "90m", "1h30m"
	Speed   *float64 `json:"speed"`   // 1 to clock.MaxSpeed
}

func (q clockRequest) read() (advance time.Duration, speed float64, err error) {
	if q.Advance == nil && q.Speed == nil {
		return 0, 0, errors.New(`want {"advance": "36h"}, {"speed": 60}, or both`)
	}
	if q.Advance != nil {
		if advance, err = time.ParseDuration(*q.Advance); err != nil {
			return 0, 0, fmt.Errorf(`advance: want a duration like "36h" or "1h30m": %w`, err)
		}
	}
	if q.Speed != nil {
		speed = *q.Speed
		if err := clock.CheckSpeed(speed); err != nil {
			return 0, 0, err
		}
	}
	return advance, speed, nil
}

// clockAnswer is that of GET and POST /_gust/clock.
type clockAnswer struct {
	Now   time.Time `json:"now"` // service time
	Speed float64   `json:"speed"`
}

func (d Deps) showClock(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(clockAnswer{Now: d.Time.Now().UTC(), Speed: d.Time.Speed()}); err != nil {
		d.Log.DebugContext(r.Context(), "service time not sent", "error", err)
	}
}

// moveClock answers 400 with the reason as text when the request makes no sense, and 503 when the store did not take it.
func (d Deps) moveClock(w http.ResponseWriter, r *http.Request) {
	var q clockRequest
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxClockRequest))
	body.DisallowUnknownFields()
	err := body.Decode(&q)
	if err == nil && body.More() {
		err = errors.New("want one JSON object")
	}
	var (
		advance time.Duration
		speed   float64
	)
	if err == nil {
		advance, speed, err = q.read()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch err := d.Move(r.Context(), advance, speed); {
	case errors.Is(err, clock.ErrAdvance), errors.Is(err, clock.ErrSpeed):
		http.Error(w, err.Error(), http.StatusBadRequest)
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	default:
		d.showClock(w, r)
	}
}

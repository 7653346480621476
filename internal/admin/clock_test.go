// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/admin"
	"github.com/gustcloud/gust/internal/base/clock"
)

// TestNobodyMovesTheClockOfAServerThatIsNotForTests: neither on the listener nor on the socket.
func TestNobodyMovesTheClockOfAServerThatIsNotForTests(t *testing.T) {
	d := deps(false)
	d.Time = clock.NewService(clock.System{})
	for name, h := range map[string]http.Handler{"listener": admin.Handler(d), "socket": admin.SocketHandler(d)} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, "/_gust/clock", strings.NewReader(`{"advance":"1h"}`)))
			if w.Code != http.StatusNotFound {
				t.Errorf("%s answers %s with %d %s", name, method, w.Code, w.Body)
			}
		}
	}
}

func TestClock(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		failure    error
		status     int
		advance    time.Duration
		speed      float64
		text       string
	}{
		{name: "advance", body: `{"advance":"36h"}`, status: 200, advance: 36 * time.Hour, speed: 2},
		{name: "speed", body: `{"speed":60}`, status: 200, speed: 60},
		{name: "both", body: `{"advance":"1h30m","speed":1.5}`, status: 200, advance: 90 * time.Minute, speed: 1.5},
		{name: "no advance", body: `{"advance":"0s"}`, status: 200, speed: 2},
		{name: "nothing", body: `{}`, status: 400, text: "or both"},
		{name: "null", body: `null`, status: 400, text: "or both"},
		{name: "no body", status: 400, text: "EOF"},
		{name: "no JSON", body: `advance=36h`, status: 400, text: "invalid character"},
		{name: "more than JSON", body: `{"speed":60} x`, status: 400, text: "one JSON object"},
		{name: "another member", body: `{"advence":"36h"}`, status: 400, text: "unknown field"},
		{name: "a number for a duration", body: `{"advance":36}`, status: 400, text: "cannot unmarshal"},
		{name: "no duration", body: `{"advance":"2 days"}`, status: 400, text: "want a duration like"},
		{name: "backwards", body: `{"advance":"-1s"}`, status: 400, text: "forwards only"},
		{name: "too slow", body: `{"speed":0.5}`, status: 400, text: "from 1 to 3600"},
		{name: "no speed", body: `{"speed":0}`, status: 400, text: "from 1 to 3600"},
		{name: "too fast", body: `{"speed":3601}`, status: 400, text: "from 1 to 3600"},
		{name: "far too long", body: `{"advance":"` + strings.Repeat("1", 5<<10) + `h"}`, status: 400, text: "too large"},
		{name: "after all times", body: `{"advance":"2000000h"}`, status: 400, text: "2199"},
		{name: "the store is away", body: `{"advance":"36h"}`, failure: errors.New("the store is away"), status: 503, text: "away"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
			d := deps(false)
			d.Time = clock.NewService(still{at: now})
			d.Time.Set(clock.Anchor{Machine: now, Service: now, Speed: 2})
			d.Move = func(_ context.Context, advance time.Duration, speed float64) error {
				if speed == 0 {
					speed = d.Time.Speed()
				}
				a, err := d.Time.Plan(advance, speed)
				if err = errors.Join(err, tt.failure); err == nil {
					d.Time.Set(a)
				}
				return err
			}
			h := admin.Handler(d)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/_gust/clock", strings.NewReader(tt.body)))
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.text) {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if tt.status != 200 {
				tt.speed = 2 // nothing has changed
			}
			for _, answer := range []*httptest.ResponseRecorder{w, get(t, h, "/_gust/clock")} {
				if answer.Code != 200 {
					continue
				}
				var got struct {
					Now   time.Time
					Speed float64
				}
				if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil {
					t.Fatal(err)
				}
				if !got.Now.Equal(now.Add(tt.advance)) || got.Speed != tt.speed {
					t.Errorf("answer %s, want %v later, speed %v", answer.Body, tt.advance, tt.speed)
				}
			}
		})
	}
}

// still is a machine's clock that does not run.
type still struct {
	clock.System

	at time.Time
}

func (s still) Now() time.Time { return s.at }

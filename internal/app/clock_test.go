// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/storetest"
)

// send sends a request and returns the answer.
func (s *running) send(t *testing.T, method, path, body string, header map[string]string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range header {
		r.Header.Set(name, v)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// logs calls an operation of CloudWatch Logs.
func (s *running) logs(t *testing.T, operation, body string) string {
	t.Helper()
	status, answer := s.send(t, http.MethodPost, "/", body, map[string]string{
		"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Logs_20140328." + operation,
		"X-Amz-Date": time.Now().UTC().Format("20060102T150405Z"),
		"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/logs/aws4_request, SignedHeaders=host;x-amz-date, Signature=" +
			strings.Repeat("0", 64),
	})
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", operation, status, answer)
	}
	return answer
}

// moveClock posts to the clock and returns what it says.
func (s *running) moveClock(t *testing.T, body string) (now time.Time, speed float64) {
	t.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	status, answer := s.send(t, method, "/_gust/clock", body, nil)
	var a struct {
		Now   time.Time
		Speed float64
	}
	if err := json.Unmarshal([]byte(answer), &a); err != nil || status != http.StatusOK {
		t.Fatalf("%s %s: %d %s (%v)", method, body, status, answer, err)
	}
	return a.Now, a.Speed
}

func forTests(t *testing.T, speed float64) Config {
	t.Helper()
	c := testConfig(t)
	c.ClockSpeed = &speed
	return c
}

// TestRetentionEndsWhenServiceTimeIsAdvanced: at once, and by as much as it should.
func TestRetentionEndsWhenServiceTimeIsAdvanced(t *testing.T) {
	s := mustRun(t, forTests(t, 1))
	s.logs(t, "CreateLogGroup", `{"logGroupName":"g"}`)
	s.logs(t, "CreateLogStream", `{"logGroupName":"g","logStreamName":"s"}`)
	s.logs(t, "PutRetentionPolicy", `{"logGroupName":"g","retentionInDays":1}`)
	s.logs(t, "PutLogEvents", fmt.Sprintf(
		`{"logGroupName":"g","logStreamName":"s","logEvents":[{"timestamp":%d,"message":"expires"}]}`, time.Now().UnixMilli()))
	read := func() string { return s.logs(t, "FilterLogEvents", `{"logGroupName":"g"}`) }
	before, _ := s.moveClock(t, "")
	now, speed := s.moveClock(t, `{"advance":"12h"}`)
	if passed := now.Sub(before); passed < 12*time.Hour || passed > 13*time.Hour || speed != 1 {
		t.Errorf("%v passed with an advance of 12 hours, speed %v", passed, speed)
	}
	if got := read(); !strings.Contains(got, "expires") {
		t.Errorf("after 12 hours: %s", got)
	}
	s.moveClock(t, `{"advance":"24h"}`)
	for end := time.Now().Add(20 * time.Second); strings.Contains(read(), "expires"); {
		if time.Now().After(end) {
			t.Fatal("the event does not expire") // the next sweep by the machine's time is 10 minutes away
		}
	}
	// What is never scaled goes on: a request that is signed with the machine's time.
	if status, body, err := s.whoami(t, strings.NewReader(whoami)); err != nil || status != 200 {
		t.Errorf("GetCallerIdentity: %d %s, %v", status, body, err)
	}
}

// TestServiceTimeOutlivesTheServer: a restart neither takes it back nor forgets an advance, with --clock-speed or without.
func TestServiceTimeOutlivesTheServer(t *testing.T) {
	c := forTests(t, 60)
	s := mustRun(t, c)
	if _, speed := s.moveClock(t, ""); speed != 60 {
		t.Errorf("speed %v", speed)
	}
	s.moveClock(t, `{"advance":"36h","speed":3600}`)
	last, _ := s.moveClock(t, "")
	s.stop()
	<-s.ended

	*c.ClockSpeed = 1
	s = mustRun(t, c)
	now, speed := s.moveClock(t, "")
	if now.Before(last) || now.After(last.Add(24*time.Hour)) || speed != 1 {
		t.Errorf("after a restart it is %v, before %v; speed %v", now, last, speed)
	}
	s.stop()
	<-s.ended

	c.ClockSpeed = nil
	s = mustRun(t, c)
	if status, body := s.send(t, http.MethodPost, "/_gust/clock", `{"advance":"1h"}`, nil); status != http.StatusNotFound {
		t.Errorf("a server that is not for tests answers %d %s", status, body)
	}
	s.logs(t, "CreateLogGroup", `{"logGroupName":"g"}`)
	var groups struct {
		LogGroups []struct{ CreationTime int64 }
	}
	if err := json.Unmarshal([]byte(s.logs(t, "DescribeLogGroups", `{}`)), &groups); err != nil || len(groups.LogGroups) != 1 {
		t.Fatal(groups, err)
	}
	if created := time.UnixMilli(groups.LogGroups[0].CreationTime); created.Before(now.Truncate(time.Millisecond)) {
		t.Errorf("without --clock-speed a group is created at %v, before %v", created, now)
	}
	if !strings.Contains(s.log.String(), "service time is ahead") {
		t.Error("the log does not say that service time was moved")
	}
}

// TestWebPagesDoNotMoveTheClock: the path has the guard of the API.
func TestWebPagesDoNotMoveTheClock(t *testing.T) {
	s := mustRun(t, forTests(t, 1))
	status, _ := s.send(t, http.MethodPost, "/_gust/clock", `{"advance":"1h"}`, map[string]string{"Origin": "https://example.com"})
	if now, _ := s.moveClock(t, ""); status != http.StatusForbidden || time.Until(now) > time.Minute {
		t.Errorf("status %d, it is %v", status, now)
	}
}

// TestServiceTimeAfterAKill: the store knew of every move before anybody saw it, and time has gone on at its speed.
func TestServiceTimeAfterAKill(t *testing.T) {
	machine := clock.NewService(clock.System{})
	st := storetest.NewWithTime(t, machine)
	open := func(speed *float64) *mover {
		t.Helper()
		m, err := openMover(t.Context(), st, clock.NewService(clock.System{}), speed, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	speed := 1000.0
	last := open(nil).time.Now()
	for _, restart := range []*float64{&speed, &speed, nil, &speed} {
		m := open(restart)
		for _, step := range []struct {
			advance time.Duration
			speed   float64
		}{{0, 0}, {time.Hour, 0}, {0, 3600}, {0, 1}, {time.Hour, 2}, {0, 3000}} {
			if err := m.move(t.Context(), step.advance, step.speed); err != nil {
				t.Fatal(err)
			}
			now := m.time.Now()
			if now.Sub(last) < step.advance {
				t.Errorf("advance %v, speed %v: %v passed", step.advance, step.speed, now.Sub(last))
			}
			last = now
		}
		if again := open(restart).time.Now(); again.Before(last) {
			t.Errorf("after a kill it is %v, before %v", again, last)
		}
	}
}

// failing is a store that takes nothing.
type failing struct{ store.Store }

func (failing) Update(context.Context, func(store.Tx) error) error { return store.ErrUnavailable }

// TestAMoveThatIsNotStoredDoesNotHappen: it would be undone by a restart.
func TestAMoveThatIsNotStoredDoesNotHappen(t *testing.T) {
	service := clock.NewService(clock.System{})
	m := &mover{store: storetest.NewWithTime(t, service), time: service}
	if err := m.move(t.Context(), 0, 50); err != nil {
		t.Fatal(err)
	}
	m.store = failing{m.store}
	before := service.Now()
	if err := m.move(t.Context(), 1000*time.Hour, 2); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
	if passed := service.Now().Sub(before); passed > 500*time.Hour || service.Speed() != 50 {
		t.Errorf("%v passed, speed %v", passed, service.Speed())
	}
}

// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/worker/sandbox"
)

// parkingDriver makes sandboxes that do nothing, or fails.
type parkingDriver struct {
	fakeDriver
	mu     sync.Mutex
	fail   bool
	calls  int
	closed int
}

func (d *parkingDriver) Prepare(context.Context, sandbox.Template) (sandbox.Sandbox, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	if d.fail {
		return nil, errors.New("no room")
	}
	return &emptySandbox{driver: d}, nil
}

func (d *parkingDriver) counts() (calls, closed int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls, d.closed
}

type emptySandbox struct {
	sandbox.Sandbox
	driver *parkingDriver
}

func (*emptySandbox) Listen(context.Context, string, string) (net.Listener, error) { return nil, nil }

func (s *emptySandbox) Close() error {
	s.driver.mu.Lock()
	defer s.driver.mu.Unlock()
	s.driver.closed++
	return nil
}

func newTestParking(t *testing.T, d *parkingDriver, parked int) (k *parking, stop func()) {
	t.Helper()
	k = newParking(Deps{Driver: d, Clock: clock.System{}, Log: slog.New(slog.DiscardHandler), Limits: Limits{Parked: parked}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); k.run(ctx) }()
	return k, func() {
		cancel()
		<-done
		k.close()
	}
}

func TestParkingFillsAndRefills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &parkingDriver{}
		k, stop := newTestParking(t, d, 2)
		tmpl := sandbox.Template{Name: "python3.11"}
		k.want(tmpl)
		synctest.Wait()
		if calls, _ := d.counts(); calls != 2 {
			t.Errorf("%d sandboxes are parked, want 2", calls)
		}
		if _, err := k.place(t.Context(), tmpl); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if calls, _ := d.counts(); calls != 2 {
			t.Error("the refill did not wait for the cold start")
		}
		time.Sleep(refillPause)
		synctest.Wait()
		if calls, _ := d.counts(); calls != 3 || k.hits != 1 || k.misses != 0 {
			t.Errorf("%d sandboxes were made, %d hits, %d misses", calls, k.hits, k.misses)
		}
		stop()
		if _, closed := d.counts(); closed != 2 {
			t.Errorf("%d parked sandboxes were closed, want 2", closed)
		}
	})
}

func TestParkingBacksOffOnErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &parkingDriver{fail: true}
		k, stop := newTestParking(t, d, 2)
		defer stop()
		k.want(sandbox.Template{})
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if calls, _ := d.counts(); calls < 10 || calls > 40 {
			t.Errorf("%d attempts in ten minutes", calls)
		}
		if _, err := k.place(t.Context(), sandbox.Template{}); err == nil {
			t.Error("a place without a sandbox")
		}
	})
}

func TestParkingMakesOnTheSpotWhatIsNotParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &parkingDriver{}
		k, stop := newTestParking(t, d, -1)
		defer stop()
		for range 3 {
			if p, err := k.place(t.Context(), sandbox.Template{}); err != nil || p == nil {
				t.Fatal(err)
			}
		}
		if k.hits != 0 || k.misses != 3 {
			t.Errorf("%d hits, %d misses", k.hits, k.misses)
		}
	})
}

func TestParkingGivesUpTheTemplateUnusedForLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &parkingDriver{}
		k, stop := newTestParking(t, d, 1)
		defer stop()
		for i := range maxTemplates + 1 {
			k.want(sandbox.Template{Name: string(rune('a' + i))})
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if _, closed := d.counts(); closed != 1 || len(k.stocks) != maxTemplates || k.stocks[stockKey(sandbox.Template{Name: "a"})] != nil {
			t.Errorf("%d closed, %d templates", closed, len(k.stocks))
		}
	})
}

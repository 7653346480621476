// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gustcloud/gust/internal/store"
)

// Delivery says how Deliver treats messages.
type Delivery struct {
	Workers    int           // that deliver at a time; 0 for 4
	Visibility time.Duration // longer than a delivery takes; 0 for 1 minute
	// Again is how long a message waits after its n-th failure, n from 1; nil: 1 s, then twice as long, at most 15 minutes.
	Again func(n int) time.Duration
	// To deals with a message. It may be given the same one again, with the same Sequence, which is what its receiver
	// tells duplicates by.
	To func(ctx context.Context, m Received) error
	// Failed hears of failures; nil: nobody.
	Failed func(m Received, err error)
}

const (
	deliveryWorkers    = 4
	deliveryVisibility = time.Minute
	receiveWait        = 20 * time.Second
	maxAgain           = 15 * time.Minute
)

func again(n int) time.Duration {
	if n > 10 { // 1 s * 2^10 is more than the most
		return maxAgain
	}
	return min(time.Second<<(n-1), maxAgain)
}

// Deliver gives every message of q to d.To, at least once, and removes it when that returns nil. While the database cannot
// be reached it waits. It returns when ctx ends, or with another error of the store.
func (q *Queue) Deliver(ctx context.Context, d Delivery) error {
	if d.Workers == 0 {
		d.Workers = deliveryWorkers
	}
	if d.Visibility == 0 {
		d.Visibility = deliveryVisibility
	}
	if d.Again == nil {
		d.Again = again
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, d.Workers)
	var wg sync.WaitGroup
	for i := range d.Workers {
		wg.Go(func() {
			if errs[i] = q.deliver(ctx, d); errs[i] != nil {
				cancel()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (q *Queue) deliver(ctx context.Context, d Delivery) error {
	for ctx.Err() == nil {
		list, err := q.Receive(ctx, ReceiveOptions{Max: 1, Visibility: d.Visibility, Wait: receiveWait})
		for _, m := range list {
			err = q.deliverOne(ctx, d, m)
		}
		switch {
		case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrUnknownOutcome):
			_ = q.Clock.Machine().Sleep(ctx, pollEvery) // what was not removed comes again
		case err != nil:
			return unlessEnded(ctx, err)
		}
	}
	return nil
}

// unlessEnded returns err, if it is not that of the ordinary end.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, ErrClosed) {
		return nil //nolint:nilerr // the ordinary end
	}
	return err
}

func (q *Queue) deliverOne(ctx context.Context, d Delivery, m Received) error {
	if err := d.To(ctx, m); err != nil {
		if d.Failed != nil && ctx.Err() == nil {
			d.Failed(m, err)
		}
		err := q.ChangeVisibility(context.WithoutCancel(ctx), m.Handle, d.Again(m.Receives()))
		if errors.Is(err, ErrStale) || errors.Is(err, ErrClosed) {
			return nil // it took too long: it is somebody else's
		}
		return err
	}
	_, err := q.Delete(context.WithoutCancel(ctx), m.Handle)
	if errors.Is(err, ErrClosed) {
		return nil // it comes again
	}
	return err
}

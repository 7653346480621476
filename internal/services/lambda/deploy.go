// SPDX-License-Identifier: Apache-2.0

package lambda

import (
	"context"
	"errors"
	"time"

	api "github.com/gustcloud/gust/internal/awsapi/lambda"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/store"
)

// deployment is a revision that waits for its activation.
type deployment struct {
	scope    reqctx.Scope
	name     string
	revision string
}

// rescanInterval is how often records are searched for revisions that wait: what a full queue or a crash left behind.
const rescanInterval = 5 * time.Second

// enqueue wakes the deploy loop. When its queue is full the next scan finds the revision.
func (s *Service) enqueue(d deployment) {
	select {
	case s.deploy <- d:
	default:
	}
}

// deployLoop activates revisions in the order in which they were written; first those of an earlier run.
func (s *Service) deployLoop(ctx context.Context) error {
	for {
		if err := s.rescan(ctx); err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "search for revisions to activate", "error", err)
		}
		timer := s.Clock.NewTimer(rescanInterval)
		for wait := true; wait; {
			select {
			case <-ctx.Done():
				timer.Stop()
				return nil
			case <-timer.C:
				wait = false
			case d := <-s.deploy:
				s.activate(ctx, d)
			}
		}
	}
}

// rescan activates every revision that waits, of all tenants.
func (s *Service) rescan(ctx context.Context) error {
	var found []deployment
	err := s.Store.View(ctx, func(r store.Reader) error {
		for it, err := range r.Scan(store.PrefixRange(waitingPrefix()), store.ScanOptions{}) {
			if err != nil {
				return err
			}
			d, err := parseWaiting(it.Key, it.Value)
			if err != nil {
				return err
			}
			found = append(found, d)
		}
		return nil
	})
	for _, d := range found {
		s.activate(ctx, d)
	}
	return err
}

// activate prepares a revision and makes it the one that invocations run.
func (s *Service) activate(ctx context.Context, d deployment) {
	var f function
	key := functionKey(d.scope, d.name)
	err := s.Store.View(ctx, func(r store.Reader) (err error) {
		f, _, err = functions.Get(r, key)
		return err
	})
	switch {
	case err != nil:
		s.failed(ctx, d, err)
		return
	case f.Next == nil || f.Next.ID != d.revision:
		return // deleted, or activated before
	}
	prepared := s.Environments.Prepare(ctx, s.version(d.scope, &f, f.Next))
	if prepared != nil && ctx.Err() != nil {
		return
	}
	activated := false
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		now, found, err := functions.Get(tx, key)
		if activated = false; err != nil || !found || now.Next == nil || now.Next.ID != d.revision {
			return err
		}
		activated = settle(&now, prepared)
		tx.Delete(waitingKey(d.scope, d.name))
		s.changed(tx, d.scope, d.name)
		return put(tx, key, &now)
	})
	switch {
	case err != nil:
		s.failed(ctx, d, err)
	case activated:
		s.Environments.Retire(functionARN(d.scope, d.name), latest, d.revision)
	case prepared != nil:
		s.Log.WarnContext(ctx, "a revision cannot run", "function", functionARN(d.scope, d.name), "error", prepared)
	}
}

// failed says that a revision goes on waiting; the next scan tries again.
func (s *Service) failed(ctx context.Context, d deployment, err error) {
	if ctx.Err() == nil {
		s.Log.ErrorContext(ctx, "activate a revision", "function", functionARN(d.scope, d.name), "error", err)
	}
}

// settle moves a function out of Pending or InProgress; it tells whether the new revision is the deployed one now.
func settle(f *function, prepared error) bool {
	if prepared == nil {
		f.Deployed, f.Next = f.Next, nil
		f.State, f.StateReason, f.StateReasonCode = api.StateActive, "", ""
		f.UpdateStatus, f.UpdateReason, f.UpdateCode = api.LastUpdateStatusSuccessful, "", ""
		return true
	}
	reason, code := "The function could not be prepared.", api.StateReasonCodeInternalError
	var bad *invoke.CodeError
	var pack *invoke.PackError
	switch {
	case errors.As(prepared, &bad):
		reason, code = bad.Message, api.StateReasonCodeInvalidZipFileException
	case errors.As(prepared, &pack):
		reason, code = pack.Error(), api.StateReasonCodeInvalidRuntime
	}
	if f.State == api.StatePending {
		f.State, f.StateReason, f.StateReasonCode = api.StateFailed, reason, code
	}
	f.UpdateStatus, f.UpdateReason, f.UpdateCode = api.LastUpdateStatusFailed, reason, code
	return false
}

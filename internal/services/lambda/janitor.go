// SPDX-License-Identifier: Apache-2.0

package lambda

import (
	"bytes"
	"context"
	"time"

	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/blob"
)

const (
	sweepInterval = 10 * time.Minute
	// sweepAge keeps packages whose request has stored them and not yet written its record; no request takes an hour.
	sweepAge = time.Hour
)

// sweepLoop removes packages that no revision names.
func (s *Service) sweepLoop(ctx context.Context) {
	for s.Clock.Sleep(ctx, sweepInterval) == nil {
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "sweep of unused deployment packages", "error", err)
		}
	}
}

func (s *Service) sweep(ctx context.Context) error {
	used := map[blob.Digest]bool{}
	if err := s.eachFunction(ctx, func(f *function) {
		for _, r := range []*revision{f.Deployed, f.Next} {
			if r != nil {
				used[r.Code.SHA256] = true
			}
		}
	}); err != nil {
		return err
	}
	// Blobs with an id of their own are another service's.
	_, err := s.Blobs.Sweep(ctx, s.Clock.Now().Add(-sweepAge), func(r blob.Ref) (bool, error) { return r.ID != "" || used[r.SHA256], nil })
	return err
}

// sweepPage is how many names one snapshot reads: a snapshot may last 5 s.
const sweepPage = 1000

// eachFunction calls fn for every function of every account and region, page by page. A function that takes over the
// package of one on a later page is not missed by the sweep: its package was stored again, so it is young.
func (s *Service) eachFunction(ctx context.Context, fn func(*function)) error {
	names := store.PrefixRange([]byte{store.PrefixName})
	for more := true; more; {
		var page []*function
		var last []byte
		err := s.Store.View(ctx, func(r store.Reader) (err error) {
			page, last, err = functionsOf(r, names)
			return err
		})
		if err != nil {
			return err
		}
		for _, f := range page {
			fn(f)
		}
		if more = last != nil; more {
			names.Lo = append(last, 0) // the key behind it
		}
	}
	return nil
}

// functionsOf reads the functions among the first sweepPage names; last is nil when there are no more names.
func functionsOf(r store.Reader, names store.Range) (page []*function, last []byte, err error) {
	n := 0
	for it, err := range r.Scan(names, store.ScanOptions{Limit: sweepPage}) {
		if err != nil {
			return nil, nil, err
		}
		if n++; n == sweepPage {
			last = bytes.Clone(it.Key)
		}
		if !isFunctionKey(it.Key) {
			continue
		}
		f, err := functions.Decode(it.Value)
		if err != nil {
			return nil, nil, err
		}
		page = append(page, &f)
	}
	return page, last, nil
}

// isFunctionKey tells a function's name key from another service's: account, region, service, kind, name.
func isFunctionKey(key []byte) bool {
	rest := key[1:]
	var part [4]string
	for i := range part {
		var err error
		if part[i], rest, err = store.CutString(rest); err != nil {
			return false
		}
	}
	return part[2] == service && part[3] == kindFunction
}

// SPDX-License-Identifier: Apache-2.0

package timer

import "github.com/gustcloud/gust/internal/store"

// Check walks all timers of s; each hears of every one, in the order of their times.
//
// Errors: *store.RecordError for a key that is not one of a timer, and those of the store.
func (s Set) Check(r store.Reader, each func(Timer)) error {
	for it, err := range r.Scan(s.Range(), store.ScanOptions{}) {
		if err != nil {
			return err
		}
		t, err := s.read(it)
		if err != nil {
			return err
		}
		each(t)
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package storetest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/storetest"
)

// TestInABubble: a store that is opened inside a bubble of testing/synctest lets its time pass.
func TestInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		start := s.Now()
		for range 3 {
			if err := s.Update(t.Context(), func(tx store.Tx) error { _, err := store.AllocateID(tx); return err }); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			synctest.Wait()
		}
		if got := s.Now().Sub(start); got != 3*time.Hour {
			t.Errorf("%v passed, want 3h", got)
		}
	})
}

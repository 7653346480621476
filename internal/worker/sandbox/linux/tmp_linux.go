// SPDX-License-Identifier: Apache-2.0

package linux

import (
	"fmt"
	"sync"

	"github.com/gustcloud/gust/internal/worker/sandbox"
)

// tmp is a /tmp that outlives its sandbox. The spawner knows it by the sandbox's id.
type tmp struct {
	driver *Driver
	id     string

	mu   sync.Mutex
	used bool // claimed by another sandbox or closed
}

var _ sandbox.Tmp = (*tmp)(nil)

// TakeTmp takes the /tmp away before the sandbox is closed.
func (b *box) TakeTmp() sandbox.Tmp {
	b.mu.Lock()
	taken := b.tmpTaken || b.state == closed
	b.tmpTaken = true
	b.mu.Unlock()
	if taken || b.driver.client.TakeTmp(b.id) != nil {
		return nil
	}
	return &tmp{driver: b.driver, id: b.id}
}

// Close discards it.
func (t *tmp) Close() error {
	if !t.use() {
		return nil
	}
	return t.driver.client.DropTmp(t.id)
}

// use tells whether it was still there, and takes it.
func (t *tmp) use() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.used
	t.used = true
	return !was
}

// tmpID is the spawner's name of a claim's /tmp, "" for none.
func tmpID(t sandbox.Tmp) (string, error) {
	if t == nil {
		return "", nil
	}
	own, ok := t.(*tmp)
	if !ok {
		return "", fmt.Errorf("the /tmp is another driver's: %T", t)
	}
	if !own.use() {
		return "", fmt.Errorf("the /tmp of %s is in use or closed", own.id)
	}
	return own.id, nil
}

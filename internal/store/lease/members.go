// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"context"

	"github.com/gustcloud/gust/internal/store"
)

// Member is a holder of one of the leases below a prefix: of the membership, a node.
type Member struct {
	Name  string
	Owner string
	Epoch uint64
	Data  []byte // what Hold was given: of a node, its address
}

// Members returns the leases that are held as far as this node has seen, in the order of their names. A node is a
// member while it holds the lease of its own name.
func (l *Leases) Members(ctx context.Context) ([]Member, error) {
	var list []Member
	err := l.Store.View(ctx, func(r store.Reader) error {
		list = nil
		now := l.Clock.Now()
		for e, err := range rows.Scan(r, store.PrefixRange(l.Prefix), store.ScanOptions{}) {
			if err != nil {
				return err
			}
			name, _, err := store.CutString(e.Key[len(l.Prefix):])
			if err != nil {
				return &store.RecordError{Name: "lease", Key: e.Key, Err: err}
			}
			if l.over(name, e.Value, now) {
				continue
			}
			list = append(list, Member{Name: name, Owner: e.Value.Owner, Epoch: e.Value.Epoch, Data: e.Value.Data})
		}
		return nil
	})
	return list, err
}

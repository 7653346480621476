// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"cmp"
	"hash/fnv"
	"slices"
)

// Rank orders nodes by who should try first to own name (rendezvous hashing): every node computes the same order, each is
// first for an equal share of the names, and a node that comes or goes moves only the names that it is first for. nodes is
// not changed.
func Rank(name string, nodes []string) []string {
	type scored struct {
		node  string
		score uint64
	}
	list := make([]scored, len(nodes))
	for i, n := range nodes {
		h := fnv.New64a()
		_, _ = h.Write([]byte(n)) // a hash does not fail
		_, _ = h.Write([]byte{0})
		_, _ = h.Write([]byte(name))
		list[i] = scored{n, mix(h.Sum64())}
	}
	slices.SortFunc(list, func(a, b scored) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.node, b.node))
	})
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = s.node
	}
	return out
}

// mix spreads what FNV leaves close together (the finalizer of MurmurHash3): names that differ in their last byte only
// would otherwise share an order.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"net/http"
	"unsafe"
)

// What decoding may cost. A body of tiny elements, such as "[{},{},...]" with 3 bytes for each structure, asks for many
// times its own size. Real requests ask for 5 to 25 times: a map of one short entry takes 8 slots.
const (
	freeBudget    = 16 << 10  // bytes that any body may take, and twice its size, before Request.Grow is asked
	baseBudget    = 1 << 20   // bytes that any body may take at most, and
	budgetFactor  = 32        // times its size,
	elementBudget = 256 << 20 // but no more than this
	budgetStep    = 256 << 10 // for how much Request.Grow is asked at a time
)

// allowance is what a decoder may still allocate for a body. The zero allowance allows nothing: see allow.
type allowance struct {
	budget int               // bytes that may be taken at once
	rest   int               // bytes that may be taken when grow agrees
	grow   func(int64) error // Request.Grow; nil always agrees
}

// allow starts the allowance for a body of size bytes.
func (a *allowance) allow(size int) {
	total := min(elementBudget, baseBudget+budgetFactor*size)
	a.budget = min(total, freeBudget+2*size)
	a.rest = total - a.budget
}

// spend takes size bytes.
func (a *allowance) spend(size uintptr) error {
	if a.budget -= int(size); a.budget >= 0 {
		return nil
	}
	return a.refill()
}

// refill covers what spend took and there was not.
func (a *allowance) refill() error {
	n := max(-a.budget, min(budgetStep, a.rest))
	if n > a.rest {
		return &FrameworkError{
			Code: "RequestEntityTooLargeException", Status: http.StatusRequestEntityTooLarge, Sender: true,
			Message: "The request has too many elements.", // unverified
		}
	}
	if a.grow != nil {
		if err := a.grow(int64(n)); err != nil {
			return err
		}
	}
	a.rest -= n
	a.budget += n
	return nil
}

// The memory of Go's maps, in bytes: they begin with a group of 8 slots, and hold at most twice the slots that are full when
// they grow. Values of more than 128 bytes stand outside of them.
const (
	mapHeader     = 48
	mapGroup      = 8
	mapInlineSize = 128
	keySize       = unsafe.Sizeof("")
)

// costs are what values of a type take beside the memory of the structure, element or entry that they stand in.
type costs struct {
	self    uintptr // structures and attribute values, behind a pointer
	element uintptr // of a list, with the room that it grows into
	first   uintptr // entry of a map
	next    uintptr // each entry after the first group
	pointee uintptr // of a sparse list or map: what an element that is not null points to; else of a map: what stands outside
}

func costsOf(s *Schema, t *Type) (c costs) {
	if t.Go == nil {
		return c
	}
	size := t.Go.size()
	switch t.Kind {
	case KindList:
		c.element = 2 * size
	case KindMap:
		c = mapCosts(size)
	case KindEvents:
	default:
		c.self = size
	}
	if t.Sparse {
		c.pointee = unsafe.Sizeof(sliceHeader{})
		if e := &s.Types[t.Elem]; e.Go != nil && e.Kind != KindList && e.Kind != KindMap {
			c.pointee = e.Go.size()
		}
	}
	return c
}

// mapCosts are those of a map whose values have size bytes.
func mapCosts(size uintptr) (c costs) {
	if size > mapInlineSize {
		size, c.pointee = unsafe.Sizeof(uintptr(0)), size
	}
	c.first, c.next = mapHeader+mapGroup*(keySize+size), 2*(keySize+size)
	return c
}

// spendMember takes what a member of type t points to.
func (a *allowance) spendMember(t *typePlan) error {
	if t.costs.self == 0 {
		return nil
	}
	return a.spend(t.costs.self)
}

// spendElement takes one more element of the list t.
func (a *allowance) spendElement(t *typePlan) error {
	return a.spend(t.costs.element + t.costs.pointee)
}

// spendEntry takes one more entry of a map that costs c and has n.
func (a *allowance) spendEntry(c *costs, n int) error {
	switch {
	case n == 0:
		return a.spend(c.first + c.pointee)
	case n < mapGroup:
		return a.spend(c.pointee)
	}
	return a.spend(c.next + c.pointee)
}

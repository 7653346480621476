// SPDX-License-Identifier: Apache-2.0

package wire

import "net/http"

// elementBudget bounds the memory that a body of tiny elements can ask for: "[{},{},...]" is 3 bytes for each structure.
const elementBudget = 256 << 20

// allowance is what a decoder may still allocate for a body. Decoders set budget to elementBudget.
type allowance struct {
	budget int // bytes that elements of lists and maps may still take
}

// spend takes size bytes from the budget.
func (a *allowance) spend(size uintptr) error {
	if a.budget -= int(size); a.budget < 0 {
		return &FrameworkError{
			Code: "RequestEntityTooLargeException", Status: http.StatusRequestEntityTooLarge, Sender: true,
			Message: "The request has too many elements.", // unverified
		}
	}
	return nil
}

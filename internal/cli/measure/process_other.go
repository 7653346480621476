// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package measure

import (
	"errors"
	"time"
)

// Tree is what a process and its descendants use.
type Tree struct {
	CPU time.Duration
	RSS int64
}

// TreeOf works on Linux only.
func TreeOf(int, func(string) bool) (Tree, error) {
	return Tree{}, errors.New("the use of a process tree is measured on Linux only")
}

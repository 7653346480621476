// SPDX-License-Identifier: Apache-2.0

// Package tmpimage makes the sized /tmp of a sandbox: a file system of its own whose free space is what the function
// may use, so that a full /tmp is ENOSPC for that function and nothing for its neighbours.
//
// The best kind is an ext4 image on a loop device: its pages are page cache of the disk, not memory of the function.
// Where loop devices or mkfs.ext4 are missing it is a tmpfs (sized, but its pages count against the function's memory),
// and as the last resort a plain directory (not sized). Maker.Kind says which, Maker.Reason says why.
//
// It does not attach anything: an Image hands out detached mounts, which the sandbox's init moves to their place.
// Read maker.go (choice, New), then ext4.go (template, loop device, mount).
//
// What is left when the process is killed: nothing of the ext4 kind (the image has no name, the loop device clears
// itself at the last close); mounts and directories of the other kinds, which the next Open sweeps.
package tmpimage

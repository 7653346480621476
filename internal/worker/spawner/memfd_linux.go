// SPDX-License-Identifier: Apache-2.0

package spawner

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// initFile returns a sealed memory file of the program: nobody who reaches it through /proc can change it.
func initFile(program []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("gust-init", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("make a memory file: %w", err)
	}
	f := os.NewFile(uintptr(fd), "gust-init")
	if _, err = f.Write(program); err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS,
			unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("fill a memory file: %w", err)
	}
	return f, nil
}

// keepInit returns the path that starts the inherited gust-init. The descriptor survives until the exec of a clone: its
// files take the numbers below it, and none of them comes from a lower number.
func keepInit() string {
	unix.CloseOnExec(initFD)
	return fmt.Sprintf("/proc/self/fd/%d", initFD)
}

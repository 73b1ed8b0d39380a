//go:build !windows && !plan9 && !solaris && !aix && !android

package boltfile

import (
	"os"
	"syscall"
)

// unlockFile releases the lock on a file. Closing the file would not release it while
// the file is mapped.
func unlockFile(file *os.File) {
	_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN) // fails if bbolt has closed the file, which also released the lock
}

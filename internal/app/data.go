// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/store"
)

// dataDir is the directory of one server, locked against a second one.
//
//	gust.lock   held while the server runs; the process id of its owner
//	gust.sock   the operator's unix socket
//	kv/         the store, unless it is in a database
type dataDir struct {
	path      string
	temporary bool
	lock      *os.File
}

// openData makes and locks the data directory. An ephemeral one is a new temporary directory.
func openData(c Config) (_ *dataDir, err error) {
	d := &dataDir{path: c.Data, temporary: c.Ephemeral}
	if d.temporary {
		if d.path, err = os.MkdirTemp("", "gust-"); err != nil {
			return nil, fmt.Errorf("make a temporary directory: %w", err)
		}
	} else if err := os.MkdirAll(d.path, 0o700); err != nil {
		return nil, &setupError{fmt.Errorf("make the data directory: %w", err), "Choose another one with --data DIR."}
	}
	name := filepath.Join(d.path, "gust.lock")
	d.lock, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names the directory
	if err != nil {
		return nil, &setupError{fmt.Errorf("lock the data directory: %w", err), "Choose another one with --data DIR."}
	}
	if err := syscall.Flock(int(d.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner, _ := io.ReadAll(io.LimitReader(d.lock, 32)) // only to be helpful
		_ = d.lock.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", name, err)
		}
		return nil, inUse(d.path, strings.TrimSpace(string(owner)))
	}
	if err := d.writeOwner(); err != nil {
		_ = d.lock.Close()
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	return d, nil
}

func inUse(path, owner string) error {
	if owner != "" {
		owner = " (process " + owner + ")"
	}
	return &setupError{
		fmt.Errorf("the data directory %s is in use by another server%s", path, owner),
		"Stop that server, or choose another directory with --data DIR.",
	}
}

func (d *dataDir) writeOwner() error {
	if err := d.lock.Truncate(0); err != nil {
		return err
	}
	_, err := d.lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// close lets another server have the directory. The lock file stays: removing it would race with the next owner.
func (d *dataDir) close() error {
	err := d.lock.Close()
	if d.temporary {
		err = errors.Join(err, os.RemoveAll(d.path))
	}
	return err
}

// sessionKey is the record of the key that signs session tokens: made at the first start, the same for every node of a
// store.
var sessionKey = store.Record[[]byte]{Name: "session key", Version: 1}

// openSessions loads the key of session tokens, making it when there is none.
func openSessions(ctx context.Context, st store.Store, source ids.Source) (*access.Sessions, error) {
	at := store.Key(store.PrefixServer, "session-key")
	var key []byte
	err := st.Update(ctx, func(tx store.Tx) (err error) {
		var found bool
		if key, found, err = sessionKey.Get(tx, at); err != nil || found {
			return err
		}
		key = make([]byte, access.SessionKeySize)
		if _, err := rand.Read(key); err != nil {
			return fmt.Errorf("make a session key: %w", err)
		}
		return sessionKey.Put(tx, at, key)
	})
	if err != nil {
		return nil, fmt.Errorf("session key: %w", err)
	}
	return access.NewSessions(key, source)
}

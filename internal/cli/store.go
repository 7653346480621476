// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
)

type storeCommand struct {
	Backup storeBackupCommand `cmd:"" help:"Back up a running server's data directory."`
}

type storeBackupCommand struct {
	Dir  string `arg:"" help:"Directory to make; it must not exist."`
	Data string `env:"GUST_DATA" type:"path" default:"${data}" placeholder:"DIR" help:"Data directory of the running server (default: ${default})."`
}

// Help is shown by "gust store backup --help".
func (storeBackupCommand) Help() string {
	return `The backup holds everything that was acknowledged before the command started, as of one moment, and appears whole or not at all. Where the directory is on the file system of the data directory, files that do not change are hard links: a backup costs little time and space, and later backups beside it share what has not changed.

To restore, start a server on it, or on a copy:

  gust serve --data DIR`
}

// Run asks the server over its unix socket.
func (c storeBackupCommand) Run(ctx context.Context, e *Env) (err error) {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	socket := filepath.Join(c.Data, "gust.sock")
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://gust/_gust/backup?dir="+url.QueryEscape(dir), nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		return fmt.Errorf("no server answers on %s: %w (a stopped server's directory can simply be copied)", socket, op.Err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusNoContent {
		text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		return errors.Join(errors.New(strings.TrimSpace(string(text))), err)
	}
	fmt.Fprintln(e.Stdout, dir)
	return nil
}

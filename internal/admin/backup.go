// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"net/http"
)

// backup answers POST /_gust/backup?dir=DIR of the unix socket: 204, or 409 with what is in the way as text.
func (d Deps) backup(w http.ResponseWriter, r *http.Request) {
	dir := r.URL.Query().Get("dir")
	began := d.Clock.Now()
	if err := d.Backup(r.Context(), dir); err != nil {
		d.Log.WarnContext(r.Context(), "backup failed", "dir", dir, "error", err)
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	d.Log.InfoContext(r.Context(), "backup made", "dir", dir, "took", d.Clock.Now().Sub(began))
	w.WriteHeader(http.StatusNoContent)
}

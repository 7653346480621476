// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"time"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/store/blob"
)

const codePath = "/_gust/code/"

// CodeURL returns the URL on host that d.code answers for a package of an account, for ten minutes.
func CodeURL(links *access.Sessions, host, account string, ref blob.Ref, now time.Time) string {
	query := links.Sign(access.Link{Account: account, Digest: ref.SHA256.String(), Size: ref.Size}, now)
	u := url.URL{Scheme: "http", Host: host, Path: codePath + account + "/" + ref.SHA256.String(), RawQuery: query.Encode()}
	return u.String()
}

// code streams a deployment package to who has a link that GetFunction gave out; every other answer is 403, or 404 when
// the package is gone.
func (d Deps) code(w http.ResponseWriter, r *http.Request) {
	link := access.Link{Account: r.PathValue("account"), Digest: r.PathValue("digest")}
	ref := blob.Ref{}
	if !d.Links.CheckLink(&link, r.URL.Query(), d.Clock.Now()) || ref.SHA256.UnmarshalText([]byte(link.Digest)) != nil {
		http.Error(w, "This link has expired or was changed. Ask GetFunction for a new one.", http.StatusForbidden)
		return
	}
	ref.Size = link.Size
	zip, err := d.Blobs.Open(r.Context(), ref)
	if err != nil {
		status := http.StatusInternalServerError
		if errors.Is(err, fs.ErrNotExist) {
			status = http.StatusNotFound
		} else {
			d.Log.ErrorContext(r.Context(), "a package was not sent", "error", err)
		}
		http.Error(w, "The package cannot be read.", status)
		return
	}
	defer func() { _ = zip.Close() }() // only read
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Cache-Control", "private, no-store")
	http.ServeContent(w, r, "", time.Time{}, blob.NewReader(zip))
}

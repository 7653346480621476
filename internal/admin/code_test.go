// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/admin"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/store/blob"
)

func TestCodeIsSentToWhoHasALink(t *testing.T) {
	d := deps(false)
	var err error
	if d.Links, err = access.NewSessions(make([]byte, access.SessionKeySize), ids.System()); err != nil {
		t.Fatal(err)
	}
	if d.Blobs, err = blob.Open(blob.Options{Dir: t.TempDir(), Random: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	zip := bytes.Repeat([]byte("zip"), 100_000)
	ref, err := blob.PutContent(t.Context(), d.Blobs, zip)
	if err != nil {
		t.Fatal(err)
	}
	absent := blob.Ref{SHA256: sha256.Sum256([]byte("absent")), Size: 6}
	now := d.Clock.Now()
	const host = "127.0.0.1:4566"
	good := admin.CodeURL(d.Links, host, "123456789012", ref, now)
	for _, c := range []struct {
		name, url string
		status    int
	}{
		{"as made", good, http.StatusOK},
		{"expired", admin.CodeURL(d.Links, host, "123456789012", ref, now.Add(-10*time.Minute)), http.StatusForbidden},
		{"another account", strings.Replace(good, "123456789012", "210987654321", 1), http.StatusForbidden},
		{"another package", strings.Replace(good, ref.SHA256.String(), absent.SHA256.String(), 1), http.StatusForbidden},
		{"no query", good[:strings.IndexByte(good, '?')], http.StatusForbidden},
		{"gone", admin.CodeURL(d.Links, host, "123456789012", absent, now), http.StatusNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, ok := strings.CutPrefix(c.url, "http://"+host)
			if !ok || !admin.Owns(path) {
				t.Fatalf("URL %s", c.url)
			}
			w := get(t, admin.Handler(d), path)
			if w.Code != c.status || bytes.Equal(w.Body.Bytes(), zip) != (c.status == http.StatusOK) {
				t.Errorf("status %d, %d bytes", w.Code, w.Body.Len())
			}
			if c.status == http.StatusOK && w.Header().Get("Content-Type") != "application/zip" {
				t.Errorf("headers %v", w.Header())
			}
		})
	}
}

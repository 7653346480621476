// SPDX-License-Identifier: Apache-2.0

package events

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/base/obs"
	"github.com/gustcloud/gust/internal/frontdoor"
	"github.com/gustcloud/gust/internal/wire"
)

// mustServe serves services through a whole door, and returns how SDKs reach it. The endpoint is a name, as some operations
// put a prefix before it; whatever the name, the server is found.
func mustServe(t *testing.T, services ...wire.Service) aws.Config {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	sessions, err := access.NewSessions(make([]byte, access.SessionKeySize), ids.System())
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(frontdoor.New(frontdoor.Deps{
		Services: services, Log: log, Clock: clock.System{}, NewID: ids.System().UUID, Authenticator: access.Development{Sessions: sessions},
		Gate: frontdoor.NewGate(frontdoor.AllowAll{}, log, obs.NewMetrics()),
	}))
	t.Cleanup(srv.Close)
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, srv.Listener.Addr().String())
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String("http://aws.localhost"), HTTPClient: &http.Client{Transport: transport}, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("test", "secret", ""),
	}
}

// at is a time that every format can say.
var at = time.UnixMilli(1700000000123).UTC()

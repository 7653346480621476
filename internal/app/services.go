// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"log/slog"
	"runtime"

	"github.com/gustcloud/gust/internal/access"
	iamapi "github.com/gustcloud/gust/internal/awsapi/iam"
	lambdaapi "github.com/gustcloud/gust/internal/awsapi/lambda"
	logsapi "github.com/gustcloud/gust/internal/awsapi/logs"
	stsapi "github.com/gustcloud/gust/internal/awsapi/sts"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/services/iam"
	"github.com/gustcloud/gust/internal/services/lambda"
	"github.com/gustcloud/gust/internal/services/logs"
	"github.com/gustcloud/gust/internal/services/sts"
	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/blob"
	"github.com/gustcloud/gust/internal/wire"
)

// Service is one registry entry.
type Service struct {
	Name string                          // in health, logs and errors
	API  wire.Service                    // schema table bound to the service; zero for a plane without an API
	Run  func(ctx context.Context) error // background work; blocks until ctx ends
}

// parts is what services are made of.
type parts struct {
	store    store.Store
	blobs    blob.Blobs
	sessions *access.Sessions
	clock    clock.Clock    // the machine's
	time     *clock.Service // of the store
	ids      ids.Source
	log      *slog.Logger
	caller   wire.Caller // calls in-process, through authorization, metering and audit
	worker   *worker
	iam      *iam.Service
}

// services is the registry: one entry for each AWS service, and the map of who calls whom.
func services(p parts) []Service {
	log := func(service string) *slog.Logger { return p.log.With("service", service) }
	tokens := sts.New(sts.Deps{Sessions: p.sessions, IAM: iamapi.Client{Caller: p.caller}, Clock: p.clock})
	groups := logs.New(logs.Deps{Store: p.store, Clock: p.time, Log: log("logs")})
	environments := p.worker.pool(groups, tokens.FunctionCredentials)
	functions := lambda.New(lambda.Deps{
		Store: p.store, Blobs: p.blobs, Environments: environments, Clock: p.clock, IDs: p.ids, Log: log("lambda"),
		Architecture: architecture(), CodeLink: codeLink(p.sessions, p.clock),
	})
	return []Service{
		{Name: "iam", API: iamapi.Bind(p.iam), Run: p.iam.Run},
		{Name: "lambda", API: lambdaapi.Bind(functions), Run: functions.Run},
		{Name: "logs", API: logsapi.Bind(groups), Run: groups.Run},
		{Name: "sts", API: stsapi.Bind(tokens), Run: tokens.Run},
		{Name: "environments", Run: environments.Run},
	}
}

// architecture is this machine's, as Lambda names it.
func architecture() string {
	if runtime.GOARCH == "arm64" {
		return "arm64"
	}
	return "x86_64"
}

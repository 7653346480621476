// SPDX-License-Identifier: Apache-2.0

// Package crash kills the real server under load and holds what it acknowledged against what it has after a restart. The
// list of acknowledged writes is kept here, in another process than the server's.
package crash

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/gustcloud/gust/test/harness"
)

const trust = `{"Version":"2012-10-17","Statement":[]}`

// acknowledged is what the server has answered with success.
type acknowledged struct {
	mu        sync.Mutex
	functions map[string]string // name to the last acknowledged description
	roles     []string
	messages  []string
}

func (a *acknowledged) function(name, description string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.functions[name] = description
}

func (a *acknowledged) role(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.roles = append(a.roles, name)
}

func (a *acknowledged) message(m string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.messages = append(a.messages, m)
}

func (a *acknowledged) writes() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.functions) + len(a.roles) + len(a.messages)
}

func TestNothingAcknowledgedIsLostByKill(t *testing.T) {
	acks, lost := rounds(t, harness.Start(t, "--driver=process"), 4)
	for _, l := range lost {
		t.Error(l)
	}
	t.Logf("%d functions, %d roles, %d log events were acknowledged and found again",
		len(acks.functions), len(acks.roles), len(acks.messages))
}

// TestTheVerifierNoticesAMissingFsync runs the same against a build that acknowledges before the fsync.
func TestTheVerifierNoticesAMissingFsync(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "gust")
	//nolint:gosec // builds this repository's own program
	build := exec.CommandContext(t.Context(), "go", "build", "-tags=gust_nosync", "-o", binary, "./cmd/gust")
	build.Dir, build.Env = harness.Root(t), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if _, lost := rounds(t, harness.StartBinary(t, binary, "--driver=process"), 2); len(lost) == 0 {
		t.Error("nothing was lost without the fsync: the verifier sees nothing")
	}
}

// rounds loads, kills, restarts and verifies; it returns what was acknowledged and is gone.
func rounds(t *testing.T, s *harness.Server, n int) (*acknowledged, []string) {
	t.Helper()
	if _, err := s.Logs().CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("crash")}); err != nil {
		t.Fatal(err)
	}
	acks := &acknowledged{functions: map[string]string{}}
	code := harness.Zip(t, map[string]string{"bootstrap": "#!/bin/sh\n"})
	for round := range n {
		load(t, s, acks, round, code)
		s.Run()
		if lost := verify(t, s, acks); len(lost) > 0 {
			return acks, lost
		}
	}
	return acks, nil
}

// load writes with several clients at once until enough was acknowledged, then kills the server under them.
func load(t *testing.T, s *harness.Server, acks *acknowledged, round int, code []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var clients sync.WaitGroup
	for _, write := range []func(int) error{
		func(i int) error { return createAndUpdate(ctx, s, acks, fmt.Sprintf("f-%d-%d", round, i), code) },
		func(i int) error {
			name := fmt.Sprintf("r-%d-%d", round, i)
			_, err := s.IAM().CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(trust)})
			if err == nil {
				acks.role(name)
			}
			return err
		},
		logWriter(ctx, s, acks, fmt.Sprintf("a-%d", round)),
		logWriter(ctx, s, acks, fmt.Sprintf("b-%d", round)),
	} {
		clients.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if write(i) != nil {
					return // the server is gone
				}
			}
		})
	}
	for goal := acks.writes() + 150; acks.writes() < goal && ctx.Err() == nil; {
		time.Sleep(time.Millisecond) //nolint:forbidigo // polls the clients' progress; the kill must hit in the middle of it
	}
	s.Kill()
	clients.Wait()
}

func createAndUpdate(ctx context.Context, s *harness.Server, acks *acknowledged, name string, code []byte) error {
	c := s.Lambda()
	if _, err := c.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: &name, Role: aws.String(harness.Role), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
		Code: &types.FunctionCode{ZipFile: code}, Description: aws.String("created"),
	}); err != nil {
		return err
	}
	acks.function(name, "created")
	w := lambda.NewFunctionActiveV2Waiter(c, func(o *lambda.FunctionActiveV2WaiterOptions) {
		o.MinDelay, o.MaxDelay = 2*time.Millisecond, 20*time.Millisecond
	})
	if err := w.Wait(ctx, &lambda.GetFunctionInput{FunctionName: &name}, 10*time.Second); err != nil {
		return err
	}
	if _, err := c.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
		FunctionName: &name, Description: aws.String("updated"),
	}); err != nil {
		return err
	}
	acks.function(name, "updated")
	return nil
}

func logWriter(ctx context.Context, s *harness.Server, acks *acknowledged, stream string) func(int) error {
	c := s.Logs()
	return func(i int) error {
		if i == 0 {
			if _, err := c.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String("crash"), LogStreamName: &stream}); err != nil {
				return err
			}
		}
		m := fmt.Sprintf("%s %d", stream, i)
		_, err := c.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{
			LogGroupName: aws.String("crash"), LogStreamName: &stream,
			LogEvents: []logstypes.InputLogEvent{{Timestamp: aws.Int64(time.Now().UnixMilli()), Message: &m}},
		})
		if err == nil {
			acks.message(m)
		}
		return err
	}
}

// verify finds everything acknowledged, and that what was in flight at the kill is whole or absent. It returns what is not so.
func verify(t *testing.T, s *harness.Server, acks *acknowledged) (lost []string) {
	t.Helper()
	missing := func(format string, args ...any) { lost = append(lost, fmt.Sprintf(format, args...)) }
	for name, want := range acks.functions {
		out, err := s.Lambda().GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String(name)})
		if err != nil {
			missing("function %s: %v", name, err)
			continue
		}
		// An update whose answer the kill cut off may be there.
		if got := aws.ToString(out.Configuration.Description); got != want && (want != "created" || got != "updated") {
			missing("function %s: description %q, acknowledged %q", name, got, want)
		}
		if aws.ToString(out.Configuration.CodeSha256) == "" || out.Configuration.CodeSize == 0 {
			missing("function %s is half there: %+v", name, out.Configuration)
		}
	}
	for _, name := range acks.roles {
		if _, err := s.IAM().GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String(name)}); err != nil {
			missing("role %s: %v", name, err)
		}
	}
	stored := map[string]int{}
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(s.Logs(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("crash")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			missing("log events: %v", err)
			break
		}
		for _, e := range page.Events {
			stored[aws.ToString(e.Message)]++
		}
	}
	for _, m := range acks.messages {
		if stored[m] != 1 {
			missing("log event %q is there %d times", m, stored[m])
		}
	}
	return lost
}

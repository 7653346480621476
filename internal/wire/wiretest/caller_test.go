// SPDX-License-Identifier: Apache-2.0

package wiretest_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/wire"
	"github.com/gustcloud/gust/internal/wire/wiretest"
)

// groups keeps the names and tags of log groups: as they came, or cloned.
type groups struct {
	logs.API
	clone bool
	names []string
	tags  []map[string]string
}

func (g *groups) CreateLogGroup(_ context.Context, in *logs.CreateLogGroupRequest) (*logs.CreateLogGroupOutput, error) {
	name := in.LogGroupName
	if g.clone {
		name = strings.Clone(name)
	}
	g.names, g.tags = append(g.names, name), append(g.tags, in.Tags)
	if name == "taken" {
		return nil, &logs.ResourceAlreadyExistsException{Message: in.LogGroupName} // allowed: answers may hold parts of the input
	}
	return &logs.CreateLogGroupOutput{}, nil
}

func (g *groups) ListTagsForResource(
	_ context.Context, in *logs.ListTagsForResourceRequest,
) (*logs.ListTagsForResourceResponse, error) {
	return &logs.ListTagsForResourceResponse{Tags: map[string]string{"arn": in.ResourceArn}}, nil
}

// TestCallerCatchesAServiceThatKeepsItsInput is what the caller is for.
func TestCallerCatchesAServiceThatKeepsItsInput(t *testing.T) {
	for _, clone := range []bool{true, false} {
		g := &groups{clone: clone}
		client := logs.Client{Caller: wiretest.NewCaller(logs.Bind(g))}
		in := &logs.CreateLogGroupRequest{LogGroupName: "orders", Tags: map[string]string{"team": "blue"}}
		if _, err := client.CreateLogGroup(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		want := map[bool]string{true: "orders", false: "######"}[clone]
		if g.names[0] != want {
			t.Errorf("cloned %t: the service kept %q, want %q", clone, g.names[0], want)
		}
		if g.tags[0]["team"] == "blue" {
			t.Error("the service kept a map that still works")
		}
		if in.LogGroupName != "orders" || in.Tags["team"] != "blue" {
			t.Errorf("the caller's own input changed: %+v", in)
		}
		if _, err := client.Caller.CallJSON(t.Context(), "logs", "CreateLogGroup", []byte(`{"logGroupName":"byName"}`)); err != nil {
			t.Fatal(err)
		}
		if want := map[bool]string{true: "byName", false: "######"}[clone]; g.names[1] != want {
			t.Errorf("cloned %t: the service kept %q of a JSON tree", clone, g.names[1])
		}
	}
}

func TestAnswersSurviveTheInput(t *testing.T) {
	c := wiretest.NewCaller(logs.Bind(&groups{}))
	client := logs.Client{Caller: c}
	const arn = "arn:aws:logs:us-east-1:000000000000:log-group:a"
	out, err := client.ListTagsForResource(t.Context(), &logs.ListTagsForResourceRequest{ResourceArn: arn})
	if err != nil || out.Tags["arn"] != arn {
		t.Errorf("%+v, %v", out, err)
	}
	var taken *logs.ResourceAlreadyExistsException
	if _, err := client.CreateLogGroup(t.Context(), &logs.CreateLogGroupRequest{LogGroupName: "taken"}); !errors.As(err, &taken) ||
		taken.Message != "taken" {
		t.Errorf("%v", err)
	}
	text, err := c.CallJSON(t.Context(), "logs", "ListTagsForResource", []byte(`{"ResourceArn":"`+arn+`"}`))
	if want := `{"Tags":{"arn":"` + arn + `"}}`; err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
}

func TestCallerRefusesWhatTheDoorWould(t *testing.T) {
	c := wiretest.NewCaller(logs.Bind(&groups{}))
	var invalid *wire.ValidationError
	if _, err := c.Call(t.Context(), "logs", "CreateLogGroup", &logs.CreateLogGroupRequest{LogGroupName: "a b"}); !errors.As(err, &invalid) {
		t.Errorf("%v", err)
	}
	for _, operation := range []string{"DeleteEverything", "PutDestination"} {
		if _, err := c.Call(t.Context(), "logs", operation, &logs.CreateLogGroupRequest{}); err == nil {
			t.Errorf("%s was called", operation)
		}
	}
	if _, err := c.CallJSON(t.Context(), "sqs", "SendMessage", nil); err == nil {
		t.Error("a service that is not there was called")
	}
	if _, err := c.Call(t.Context(), "logs", "CreateLogGroup", &logs.DeleteLogGroupRequest{}); err == nil {
		t.Error("another operation's input was taken")
	}
}

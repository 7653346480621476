// SPDX-License-Identifier: Apache-2.0

package events

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	kinesisapi "github.com/gustcloud/gust/test/events/contract/kinesis"
	lambdaapi "github.com/gustcloud/gust/test/events/contract/lambda"
	logsapi "github.com/gustcloud/gust/test/events/contract/logs"
	s3api "github.com/gustcloud/gust/test/events/contract/s3"
)

// sequence yields the events, then err unless it is nil.
func sequence[E any](err error, events ...E) iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		for _, e := range events {
			if !yield(e, nil) {
				return
			}
		}
		if err != nil {
			var none E
			yield(none, err)
		}
	}
}

// read renders all events of an SDK's stream as text, and closes it.
func read[E any](t *testing.T, stream interface {
	Events() <-chan E
	Err() error
	Close() error
}, text func(E) string,
) (got []string, err error) {
	t.Helper()
	for e := range stream.Events() {
		got = append(got, text(e))
	}
	err = stream.Err()
	if bad := stream.Close(); bad != nil && err == nil { // it repeats the stream's error
		t.Error(bad)
	}
	return got, err
}

func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the client got %q, want %q", got, want)
	}
}

type streamingLambda struct{}

func (streamingLambda) InvokeWithResponseStream(_ context.Context, in *lambdaapi.InvokeWithResponseStreamRequest) (*lambdaapi.InvokeWithResponseStreamResponse, error) {
	chunk := func(s string) lambdaapi.InvokeWithResponseStreamResponseEvent {
		return lambdaapi.InvokeWithResponseStreamResponseEvent{PayloadChunk: &lambdaapi.InvokeResponseStreamUpdate{Payload: []byte(s)}}
	}
	if in.FunctionName == "missing" {
		return nil, &lambdaapi.ResourceNotFoundException{Message: "no function"}
	}
	return &lambdaapi.InvokeWithResponseStreamResponse{
		StatusCode: aws.Int32(200), ExecutedVersion: aws.String("$LATEST"),
		EventStream: sequence(nil, chunk(string(in.Payload)), chunk("\x00\xff"), lambdaapi.InvokeWithResponseStreamResponseEvent{
			InvokeComplete: &lambdaapi.InvokeWithResponseStreamCompleteEvent{ErrorCode: aws.String("Unhandled"), LogResult: aws.String("bG9n")},
		}),
	}, nil
}

func TestLambdaStreamsToTheSDK(t *testing.T) {
	client := lambda.NewFromConfig(mustServe(t, lambdaapi.Bind(streamingLambda{})))
	out, err := client.InvokeWithResponseStream(t.Context(), &lambda.InvokeWithResponseStreamInput{FunctionName: aws.String("f"), Payload: []byte("hello")})
	if err != nil {
		t.Fatal(err)
	}
	if out.StatusCode != 200 || *out.ExecutedVersion != "$LATEST" {
		t.Errorf("the client got %d %s", out.StatusCode, *out.ExecutedVersion)
	}
	got, err := read(t, out.GetStream(), func(e lambdatypes.InvokeWithResponseStreamResponseEvent) string {
		switch e := e.(type) {
		case *lambdatypes.InvokeWithResponseStreamResponseEventMemberPayloadChunk:
			return string(e.Value.Payload)
		case *lambdatypes.InvokeWithResponseStreamResponseEventMemberInvokeComplete:
			return fmt.Sprint(*e.Value.ErrorCode, " ", *e.Value.LogResult)
		}
		return fmt.Sprintf("%T", e)
	})
	if err != nil {
		t.Error(err)
	}
	same(t, got, "hello", "\x00\xff", "Unhandled bG9n")

	_, err = client.InvokeWithResponseStream(t.Context(), &lambda.InvokeWithResponseStreamInput{FunctionName: aws.String("missing")})
	if missing := (*lambdatypes.ResourceNotFoundException)(nil); !errors.As(err, &missing) || *missing.Message != "no function" {
		t.Errorf("the client got %v", err)
	}
}

type tailedLogs struct{}

func (tailedLogs) StartLiveTail(_ context.Context, in *logsapi.StartLiveTailRequest) (*logsapi.StartLiveTailResponse, error) {
	return &logsapi.StartLiveTailResponse{ResponseStream: sequence(
		&logsapi.SessionTimeoutException{Message: "three hours are over"},
		logsapi.StartLiveTailResponseStream{SessionStart: &logsapi.LiveTailSessionStart{LogGroupIdentifiers: in.LogGroupIdentifiers}},
		logsapi.StartLiveTailResponseStream{SessionUpdate: &logsapi.LiveTailSessionUpdate{
			SessionMetadata: &logsapi.LiveTailSessionMetadata{Sampled: aws.Bool(true)},
			SessionResults:  []logsapi.LiveTailSessionLogEvent{{Message: aws.String("line"), Timestamp: aws.Int64(at.UnixMilli())}},
		}},
	)}, nil
}

func TestLogsStreamsToTheSDK(t *testing.T) {
	client := cloudwatchlogs.NewFromConfig(mustServe(t, logsapi.Bind(tailedLogs{})))
	arn := "arn:aws:logs:eu-west-1:000000000000:log-group:g"
	out, err := client.StartLiveTail(t.Context(), &cloudwatchlogs.StartLiveTailInput{LogGroupIdentifiers: []string{arn}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := read(t, out.GetStream(), func(e logstypes.StartLiveTailResponseStream) string {
		switch e := e.(type) {
		case *logstypes.StartLiveTailResponseStreamMemberSessionStart:
			return e.Value.LogGroupIdentifiers[0]
		case *logstypes.StartLiveTailResponseStreamMemberSessionUpdate:
			r := e.Value.SessionResults[0]
			return fmt.Sprint(e.Value.SessionMetadata.Sampled, " ", *r.Message, " ", *r.Timestamp)
		}
		return fmt.Sprintf("%T", e)
	})
	same(t, got, arn, "true line 1700000000123")
	if over := (*logstypes.SessionTimeoutException)(nil); !errors.As(err, &over) || *over.Message != "three hours are over" {
		t.Errorf("the stream ended with %v", err)
	}
}

type subscribed struct{}

func (subscribed) SubscribeToShard(context.Context, *kinesisapi.SubscribeToShardInput) (*kinesisapi.SubscribeToShardOutput, error) {
	return &kinesisapi.SubscribeToShardOutput{EventStream: sequence(
		errors.New("a secret of the server"),
		kinesisapi.SubscribeToShardEventStream{SubscribeToShardEvent: &kinesisapi.SubscribeToShardEvent{
			ContinuationSequenceNumber: "2", MillisBehindLatest: 3,
			Records: []kinesisapi.Record{{SequenceNumber: "1", Data: []byte{0, 255}, PartitionKey: aws.String("p"), ApproximateArrivalTimestamp: at}},
		}},
	)}, nil
}

func TestKinesisStreamsToTheSDK(t *testing.T) {
	client := kinesis.NewFromConfig(mustServe(t, kinesisapi.Bind(subscribed{})))
	out, err := client.SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{
		ConsumerARN: aws.String("arn:aws:kinesis:eu-west-1:000000000000:stream/s/consumer/c:1"), ShardId: aws.String("shardId-000000000000"),
		StartingPosition: &kinesistypes.StartingPosition{Type: kinesistypes.ShardIteratorTypeLatest},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := read(t, out.GetStream(), func(e kinesistypes.SubscribeToShardEventStream) string {
		event, ok := e.(*kinesistypes.SubscribeToShardEventStreamMemberSubscribeToShardEvent)
		if !ok {
			return fmt.Sprintf("%T", e)
		}
		r := event.Value.Records[0]
		return fmt.Sprintf("%s %d %x %s %v", *event.Value.ContinuationSequenceNumber, *event.Value.MillisBehindLatest, r.Data,
			*r.PartitionKey, r.ApproximateArrivalTimestamp.Equal(at))
	})
	same(t, got, "2 3 00ff p true")
	if err == nil || errors.Is(err, context.Canceled) || reflect.TypeOf(err).String() != "*smithy.GenericAPIError" {
		t.Errorf("the stream ended with %T: %v", err, err)
	}
}

type selecting struct{}

func (selecting) SelectObjectContent(_ context.Context, in *s3api.SelectObjectContentRequest) (*s3api.SelectObjectContentOutput, error) {
	event := func(e s3api.SelectObjectContentEventStream) s3api.SelectObjectContentEventStream { return e }
	return &s3api.SelectObjectContentOutput{Payload: sequence(nil,
		event(s3api.SelectObjectContentEventStream{Records: &s3api.RecordsEvent{Payload: []byte(in.Expression)}}),
		event(s3api.SelectObjectContentEventStream{Cont: &s3api.ContinuationEvent{}}),
		event(s3api.SelectObjectContentEventStream{Stats: &s3api.StatsEvent{Details: &s3api.Stats{BytesScanned: aws.Int64(1 << 40)}}}),
		event(s3api.SelectObjectContentEventStream{End: &s3api.EndEvent{}}),
	)}, nil
}

func TestS3StreamsToTheSDK(t *testing.T) {
	client := s3.NewFromConfig(mustServe(t, s3api.Bind(selecting{})), func(o *s3.Options) { o.UsePathStyle = true })
	out, err := client.SelectObjectContent(t.Context(), &s3.SelectObjectContentInput{
		Bucket: aws.String("b"), Key: aws.String("k"), Expression: aws.String("select <*>"), ExpressionType: s3types.ExpressionTypeSql,
		InputSerialization: &s3types.InputSerialization{}, OutputSerialization: &s3types.OutputSerialization{},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := read(t, out.GetStream(), func(e s3types.SelectObjectContentEventStream) string {
		switch e := e.(type) {
		case *s3types.SelectObjectContentEventStreamMemberRecords:
			return string(e.Value.Payload)
		case *s3types.SelectObjectContentEventStreamMemberCont:
			return "Cont"
		case *s3types.SelectObjectContentEventStreamMemberStats:
			return fmt.Sprint("Stats ", *e.Value.Details.BytesScanned)
		case *s3types.SelectObjectContentEventStreamMemberEnd:
			return "End"
		}
		return fmt.Sprintf("%T", e)
	})
	if err != nil {
		t.Error(err)
	}
	same(t, got, "select <*>", "Cont", "Stats 1099511627776", "End")
}

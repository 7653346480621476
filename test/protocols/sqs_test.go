// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	api "github.com/gustcloud/gust/test/protocols/contract/sqs"
)

// queue is an SQS with the one queue "q" and one message; it remembers what it was sent.
type queue struct {
	sent    *api.SendMessageRequest
	batch   []api.SendMessageBatchRequestEntry
	created *api.CreateQueueRequest
	asked   []string
}

const queueURL = "http://queue.test/000000000000/q"

func digest(s string) *string {
	sum := md5.Sum([]byte(s))
	return aws.String(hex.EncodeToString(sum[:]))
}

func (q *queue) GetQueueUrl(_ context.Context, in *api.GetQueueUrlRequest) (*api.GetQueueUrlResult, error) {
	if in.QueueName != "q" {
		return nil, &api.QueueDoesNotExist{Message: "The specified queue does not exist."}
	}
	return &api.GetQueueUrlResult{QueueUrl: aws.String(queueURL)}, nil
}

func (q *queue) CreateQueue(_ context.Context, in *api.CreateQueueRequest) (*api.CreateQueueResult, error) {
	q.created = in
	return &api.CreateQueueResult{QueueUrl: aws.String(queueURL)}, nil
}

func (q *queue) GetQueueAttributes(_ context.Context, in *api.GetQueueAttributesRequest) (*api.GetQueueAttributesResult, error) {
	q.asked = in.AttributeNames
	return &api.GetQueueAttributesResult{Attributes: map[string]string{"DelaySeconds": "5", "QueueArn": "arn:aws:sqs:eu-west-1:000000000000:q"}}, nil
}

func (q *queue) SendMessage(_ context.Context, in *api.SendMessageRequest) (*api.SendMessageResult, error) {
	q.sent = in
	return &api.SendMessageResult{MessageId: aws.String("id-1"), MD5OfMessageBody: digest(in.MessageBody)}, nil
}

func (q *queue) SendMessageBatch(_ context.Context, in *api.SendMessageBatchRequest) (*api.SendMessageBatchResult, error) {
	q.batch = in.Entries
	return &api.SendMessageBatchResult{
		Successful: []api.SendMessageBatchResultEntry{{Id: in.Entries[0].Id, MessageId: "id-2", MD5OfMessageBody: *digest(in.Entries[0].MessageBody)}},
		Failed:     []api.BatchResultErrorEntry{{Id: in.Entries[1].Id, Code: "InternalError", SenderFault: false}},
	}, nil
}

func (q *queue) ReceiveMessage(_ context.Context, in *api.ReceiveMessageRequest) (*api.ReceiveMessageResult, error) {
	q.asked = in.AttributeNames
	return &api.ReceiveMessageResult{Messages: []api.Message{{
		MessageId: aws.String("id-1"), ReceiptHandle: aws.String("handle"), Body: aws.String("a <b> & c"), MD5OfBody: digest("a <b> & c"),
		Attributes: map[string]string{"SenderId": "me", "ApproximateReceiveCount": "2"},
		MessageAttributes: map[string]api.MessageAttributeValue{
			"kind": {DataType: "String", StringValue: aws.String("order")}, "raw": {DataType: "Binary", BinaryValue: []byte{0, 1, 255}},
		},
	}}}, nil
}

// TestSQSWithJSON: today's SDKs speak AWS JSON 1.0 and ask for the old error codes in a header.
func TestSQSWithJSON(t *testing.T) {
	q := &queue{}
	d := mustServe(t, api.Bind(q))
	client := sqs.NewFromConfig(d.config(), func(o *sqs.Options) { o.DisableMessageChecksumValidation = true })
	_, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("gone")})
	var gone *types.QueueDoesNotExist
	if !errors.As(err, &gone) || gone.ErrorMessage() != "The specified queue does not exist." {
		t.Errorf("the client got %v", err)
	}
	if h := d.answer(); h.Get("X-Amzn-Query-Error") != "AWS.SimpleQueueService.NonExistentQueue;Sender" || h.Get("Content-Type") != "application/x-amz-json-1.0" {
		t.Errorf("answer headers %v", h)
	}
	if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: aws.String(queueURL), MessageBody: aws.String("hello"), DelaySeconds: 7,
		MessageAttributes: map[string]types.MessageAttributeValue{"kind": {DataType: aws.String("String"), StringValue: aws.String("order")}},
	}); err != nil {
		t.Fatal(err)
	}
	checkSent(t, q, "AmazonSQS.SendMessage", d.target())
	out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: aws.String(queueURL)})
	if err != nil {
		t.Fatal(err)
	}
	if m := out.Messages[0]; *m.Body != "a <b> & c" || m.Attributes["SenderId"] != "me" || string(m.MessageAttributes["raw"].BinaryValue) != "\x00\x01\xff" {
		t.Errorf("the client got %+v", m)
	}
}

func checkSent(t *testing.T, q *queue, want, target string) {
	t.Helper()
	if q.sent == nil || q.sent.MessageBody != "hello" || q.sent.QueueUrl != queueURL || q.sent.DelaySeconds == nil || *q.sent.DelaySeconds != 7 ||
		q.sent.MessageAttributes["kind"].StringValue == nil || *q.sent.MessageAttributes["kind"].StringValue != "order" {
		t.Errorf("the service got %+v", q.sent)
	}
	if target != want {
		t.Errorf("the client called %q, want %q", target, want)
	}
}

// TestSQSWithQuery: Debian's AWS CLI and boto3 are older than SQS's JSON protocol.
func TestSQSWithQuery(t *testing.T) {
	q := &queue{}
	d := mustServe(t, api.Bind(q))
	_, stderr, exit := d.AWS(t, "sqs", "get-queue-url", "--queue-name", "gone")
	if exit == 0 || !strings.Contains(stderr, "(AWS.SimpleQueueService.NonExistentQueue)") || !strings.Contains(stderr, "The specified queue does not exist.") {
		t.Errorf("exit %d, %s", exit, stderr)
	}
	if h := d.answer(); h.Get("X-Amzn-Query-Error") != "" || h.Get("Content-Type") != "text/xml" {
		t.Errorf("answer headers %v", h)
	}
	stdout, stderr, exit := d.Python(t, `
import boto3, json, os
c = boto3.client("sqs", endpoint_url=os.environ["ENDPOINT"])
url = "`+queueURL+`"
try:
    c.get_queue_url(QueueName="gone")
except c.exceptions.QueueDoesNotExist as e:
    error = e.response["Error"]
c.create_queue(QueueName="q", Attributes={"DelaySeconds": "5", "VisibilityTimeout": "30"}, tags={"team": "blue"})
attributes = c.get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds", "QueueArn"])["Attributes"]
batch = c.send_message_batch(QueueUrl=url, Entries=[
    {"Id": "a", "MessageBody": "one", "MessageAttributes": {"n": {"DataType": "Number", "StringValue": "1"}}}, {"Id": "b", "MessageBody": "two"}])
m = c.receive_message(QueueUrl=url, AttributeNames=["All"], MessageAttributeNames=["kind", "raw"])["Messages"][0]
c.send_message(QueueUrl=url, MessageBody="hello", DelaySeconds=7, MessageAttributes={"kind": {"DataType": "String", "StringValue": "order"}})
print(json.dumps({"error": error, "attributes": attributes, "sent": [x["Id"] for x in batch["Successful"]], "failed": [x["Code"] for x in batch["Failed"]],
    "body": m["Body"], "count": m["Attributes"]["ApproximateReceiveCount"], "raw": list(m["MessageAttributes"]["raw"]["BinaryValue"])}, sort_keys=True))
`)
	if exit != 0 {
		t.Fatalf("exit %d: %s", exit, stderr)
	}
	checkSent(t, q, "form SendMessage", d.target())
	if q.created.Attributes["VisibilityTimeout"] != "30" || q.created.Tags["team"] != "blue" || len(q.batch) != 2 || q.batch[1].MessageBody != "two" ||
		*q.batch[0].MessageAttributes["n"].StringValue != "1" || strings.Join(q.asked, " ") != "All" {
		t.Errorf("the service got %+v, %+v, %v", q.created, q.batch, q.asked)
	}
	var got any
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	const want = `{"attributes": {"DelaySeconds": "5", "QueueArn": "arn:aws:sqs:eu-west-1:000000000000:q"}, "body": "a <b> & c", "count": "2", ` +
		`"error": {"Code": "AWS.SimpleQueueService.NonExistentQueue", "Message": "The specified queue does not exist.", "Type": "Sender"}, ` +
		`"failed": ["InternalError"], "raw": [0, 1, 255], "sent": ["a"]}`
	if strings.TrimSpace(stdout) != want {
		t.Errorf("the client got\n%swant\n%s", stdout, want)
	}
}

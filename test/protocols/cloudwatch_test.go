// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	api "github.com/gustcloud/gust/test/protocols/contract/cloudwatch"
)

// metrics is a CloudWatch that remembers what it was given and has one metric.
type metrics struct{ put *api.PutMetricDataInput }

func (m *metrics) PutMetricData(_ context.Context, in *api.PutMetricDataInput) (*api.PutMetricDataOutput, error) {
	m.put = in
	return &api.PutMetricDataOutput{}, nil
}

func (m *metrics) ListMetrics(context.Context, *api.ListMetricsInput) (*api.ListMetricsOutput, error) {
	return &api.ListMetricsOutput{Metrics: []api.Metric{{
		Namespace: aws.String("shop"), MetricName: aws.String("Orders"), Dimensions: []api.Dimension{{Name: "stage", Value: "prod"}},
	}}}, nil
}

func (m *metrics) DescribeAlarms(context.Context, *api.DescribeAlarmsInput) (*api.DescribeAlarmsOutput, error) {
	return nil, &api.InvalidNextToken{Message: "bad token"}
}

func checkPut(t *testing.T, m *metrics) {
	t.Helper()
	if m.put == nil || m.put.Namespace != "shop" || len(m.put.MetricData) != 1 {
		t.Fatalf("the service got %+v", m.put)
	}
	d := m.put.MetricData[0]
	if d.MetricName != "Orders" || *d.Value != 2.5 || !d.Timestamp.Equal(at) || d.Dimensions[0].Value != "prod" {
		t.Errorf("the service got %+v", d)
	}
}

var at = time.Unix(1_700_000_000, 0).UTC()

// TestCloudWatchWithCBOR: the AWS SDK for Go.
func TestCloudWatchWithCBOR(t *testing.T) {
	m := &metrics{}
	d := mustServe(t, api.Bind(m))
	client := cloudwatch.NewFromConfig(d.config())
	if _, err := client.PutMetricData(t.Context(), &cloudwatch.PutMetricDataInput{Namespace: aws.String("shop"), MetricData: []types.MetricDatum{{
		MetricName: aws.String("Orders"), Value: aws.Float64(2.5), Timestamp: aws.Time(at),
		Dimensions: []types.Dimension{{Name: aws.String("stage"), Value: aws.String("prod")}},
	}}}); err != nil {
		t.Fatal(err)
	}
	checkPut(t, m)
	if got := d.target(); got != "/service/GraniteServiceVersion20100801/operation/PutMetricData" {
		t.Errorf("the client called %q", got)
	}
	_, err := client.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{})
	var bad *types.InvalidNextToken
	if !errors.As(err, &bad) || bad.ErrorMessage() != "bad token" || d.answer().Get("Content-Type") != "application/cbor" {
		t.Errorf("the client got %v, %v", err, d.answer())
	}
}

// TestCloudWatchWithQuery: Debian's boto3 is older than CloudWatch's other protocols.
func TestCloudWatchWithQuery(t *testing.T) {
	m := &metrics{}
	d := mustServe(t, api.Bind(m))
	stdout, stderr, exit := d.Python(t, `
import boto3, datetime, os
c = boto3.client("cloudwatch", endpoint_url=os.environ["ENDPOINT"])
m = c.list_metrics()["Metrics"][0]
print(m["Namespace"], m["MetricName"], m["Dimensions"][0]["Value"])
try:
    c.describe_alarms()
except c.exceptions.InvalidNextToken as e:
    print(e.response["Error"]["Code"], e.response["Error"]["Message"], e.response["Error"]["Type"])
c.put_metric_data(Namespace="shop", MetricData=[{"MetricName": "Orders", "Value": 2.5, "Dimensions": [{"Name": "stage", "Value": "prod"}],
    "Timestamp": datetime.datetime.fromtimestamp(1700000000, datetime.timezone.utc)}])
`)
	if want := "shop Orders prod\nInvalidNextToken bad token Sender\n"; exit != 0 || stdout != want {
		t.Fatalf("exit %d, %s\ngot %q, want %q", exit, stderr, stdout, want)
	}
	checkPut(t, m)
	if got := d.target(); got != "form PutMetricData" {
		t.Errorf("the client called %q", got)
	}
}

// TestCloudWatchWithJSON sends what newer boto3 does: AWS JSON 1.0, the body in gzip.
func TestCloudWatchWithJSON(t *testing.T) {
	m := &metrics{}
	d := mustServe(t, api.Bind(m))
	status, _, _ := post(t, d, "PutMetricData", `{"Namespace":"shop","MetricData":[{"MetricName":"Orders","Value":2.5,"Timestamp":1700000000,`+
		`"Dimensions":[{"Name":"stage","Value":"prod"}]}]}`)
	if status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	checkPut(t, m)
	if status, _, body := post(t, d, "ListMetrics", "{}"); status != http.StatusOK || !strings.Contains(body, `"MetricName":"Orders"`) {
		t.Errorf("%d %s", status, body)
	}
	status, h, body := post(t, d, "DescribeAlarms", "{}")
	var fault struct {
		Type    string `json:"__type"`
		Message string
	}
	if err := json.Unmarshal([]byte(body), &fault); err != nil || status != http.StatusBadRequest || !strings.HasSuffix(fault.Type, "InvalidNextToken") ||
		fault.Message != "bad token" || h.Get("X-Amzn-Query-Error") != "InvalidNextToken;Sender" || h.Get("Content-Type") != "application/x-amz-json-1.0" {
		t.Errorf("%d %v %s (%v)", status, h, body, err)
	}
	// A value that breaks the model has its new code in __type and its old one in the header.
	status, h, body = post(t, d, "PutMetricData", `{}`)
	if status != http.StatusBadRequest || !strings.Contains(body, "ValidationException") || h.Get("X-Amzn-Query-Error") != "ValidationError;Sender" {
		t.Errorf("%d %v %s", status, h, body)
	}
}

func post(t *testing.T, d *door, operation, body string) (status int, h http.Header, answer string) {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.Endpoint+"/", &b)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "GraniteServiceVersion20100801."+operation)
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("Content-Encoding", "gzip")
	r.Header.Set("X-Amzn-Query-Mode", "true")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(got)
}

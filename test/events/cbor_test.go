// SPDX-License-Identifier: Apache-2.0

package events

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	api "github.com/gustcloud/gust/test/events/contract/cloudwatch"
)

// metrics is a CloudWatch that remembers what it was given.
type metrics struct{ put *api.PutMetricDataInput }

func (m *metrics) PutMetricData(_ context.Context, in *api.PutMetricDataInput) (*api.PutMetricDataOutput, error) {
	m.put = in
	return &api.PutMetricDataOutput{}, nil
}

func (m *metrics) ListMetrics(_ context.Context, in *api.ListMetricsInput) (*api.ListMetricsOutput, error) {
	if in.NextToken != nil {
		return nil, &api.InvalidParameterValueException{Message: "bad token"}
	}
	return &api.ListMetricsOutput{Metrics: []api.Metric{{
		Namespace: in.Namespace, MetricName: aws.String("Größe"), Dimensions: []api.Dimension{{Name: "d", Value: "v"}},
	}}, NextToken: aws.String("next")}, nil
}

func TestCBORWithTheSDK(t *testing.T) {
	impl := &metrics{}
	client := cloudwatch.NewFromConfig(mustServe(t, api.Bind(impl)))
	datum := types.MetricDatum{
		MetricName: aws.String("m"), Timestamp: aws.Time(at), Value: aws.Float64(1e300), StorageResolution: aws.Int32(1), Unit: types.StandardUnitBytes,
		Values: []float64{0, -0.5, math.MaxFloat64}, Counts: []float64{1, 2, 3},
		StatisticValues: &types.StatisticSet{Maximum: aws.Float64(2), Minimum: aws.Float64(-2), SampleCount: aws.Float64(0.1), Sum: aws.Float64(0)},
	}
	if _, err := client.PutMetricData(t.Context(), &cloudwatch.PutMetricDataInput{Namespace: aws.String("n"), MetricData: []types.MetricDatum{datum}}); err != nil {
		t.Fatal(err)
	}
	got := impl.put.MetricData[0]
	if impl.put.Namespace != "n" || got.MetricName != "m" || !got.Timestamp.Equal(at) || *got.Value != 1e300 || *got.StorageResolution != 1 ||
		*got.Unit != "Bytes" || len(got.Values) != 3 || got.Values[2] != math.MaxFloat64 || got.StatisticValues.SampleCount != 0.1 {
		t.Errorf("the service got %+v", got)
	}
	out, err := client.ListMetrics(t.Context(), &cloudwatch.ListMetricsInput{Namespace: aws.String("n")})
	if err != nil {
		t.Fatal(err)
	}
	if m := out.Metrics[0]; *m.MetricName != "Größe" || *m.Namespace != "n" || *m.Dimensions[0].Value != "v" || *out.NextToken != "next" {
		t.Errorf("the client got %+v", out)
	}
	_, err = client.ListMetrics(t.Context(), &cloudwatch.ListMetricsInput{NextToken: aws.String("x")})
	var invalid *types.InvalidParameterValueException
	if !errors.As(err, &invalid) || *invalid.Message != "bad token" {
		t.Errorf("the client got %v", err)
	}
}

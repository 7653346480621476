// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	api "github.com/gustcloud/gust/internal/awsapi/logs"
)

// checkRetention takes the numbers of days that AWS has.
//
// Source: "PutRetentionPolicy", CloudWatch Logs API reference, read 2026-11; the text is known from public reports.
func checkRetention(days int32) error {
	valid := []int32{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
	if slices.Contains(valid, days) {
		return nil
	}
	set := strings.ReplaceAll(fmt.Sprint(valid), " ", ", ")
	return invalid(fmt.Sprintf("1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: %s", days, set))
}

// cutoff is the time, in milliseconds, before which events are expired.
func cutoff(now time.Time, days int32) int64 {
	return now.Add(-time.Duration(days) * 24 * time.Hour).UnixMilli()
}

// PutRetentionPolicy sets after how many days the events of a group expire.
//
// Errors: InvalidParameterException, ResourceNotFoundException.
// Source: "PutRetentionPolicy", CloudWatch Logs API reference, read 2026-11.
func (s *Service) PutRetentionPolicy(ctx context.Context, in *api.PutRetentionPolicyRequest) (*api.PutRetentionPolicyOutput, error) {
	if err := checkRetention(in.RetentionInDays); err != nil {
		return nil, err
	}
	return &api.PutRetentionPolicyOutput{}, s.change(ctx, in.LogGroupName, func(g *group) error { g.Retention = in.RetentionInDays; return nil })
}

// DeleteRetentionPolicy lets the events of a group stay for ever.
//
// Errors: InvalidParameterException, ResourceNotFoundException.
// Source: "DeleteRetentionPolicy", CloudWatch Logs API reference, read 2026-11.
func (s *Service) DeleteRetentionPolicy(ctx context.Context, in *api.DeleteRetentionPolicyRequest) (*api.DeleteRetentionPolicyOutput, error) {
	return &api.DeleteRetentionPolicyOutput{}, s.change(ctx, in.LogGroupName, func(g *group) error { g.Retention = 0; return nil })
}

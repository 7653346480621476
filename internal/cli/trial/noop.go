// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"context"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
)

// Noop times n signed Invoke requests, made as Client makes them, to a server that answers each at once.
func Noop(ctx context.Context, clk clock.Clock, endpoint string, n int, event []byte) ([]time.Duration, error) {
	const warmUp = 50
	client := (&Server{Endpoint: endpoint, options: Options{Clock: clk}}).Client()
	defer client.http.CloseIdleConnections()
	out := make([]time.Duration, 0, n)
	for i := range warmUp + n {
		a, err := client.Invoke(ctx, "noop", event, false)
		if err != nil {
			return nil, err
		}
		if i >= warmUp {
			out = append(out, a.Took)
		}
	}
	return out, nil
}

// SPDX-License-Identifier: Apache-2.0

package awsapi

import (
	"slices"

	"github.com/gustcloud/gust/internal/wire"
)

// Service is one service whose model is imported, whether anything of it is implemented or not.
type Service struct {
	ID          string            // its model, and its name in Caller: "cognito-idp"; the folder has no hyphens
	ServiceID   string            // of the SDKs: "CloudWatch Logs"
	Protocols   []wire.ProtocolID // those that its clients may speak, the preferred one first
	Implemented int               // operations of ops.txt
	All         int               // operations of the model
}

// Services returns all services, sorted by ID.
func Services() []Service { return slices.Clone(services[:]) }

// Known returns the tables of the services of which nothing is implemented. They hold names and routes only, as text that
// is read at its first use: what a door needs to say honestly which operation of which service is not there.
func Known() []*wire.Schema {
	list := make([]*wire.Schema, len(known))
	for i := range known {
		list[i] = &known[i]
	}
	return list
}

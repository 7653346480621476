// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/gustcloud/gust/internal/awsapi"
	"github.com/gustcloud/gust/internal/wire"
)

type servicesCommand struct {
	JSON bool `help:"Print JSON instead of a table." name:"json"`
}

// Help is shown by `gust services --help`.
func (servicesCommand) Help() string {
	return `The services are those whose AWS models this binary knows; no server is asked. An operation that is not
implemented answers an error that names it (HTTP status 501).`
}

// serviceLine is one service in the JSON form.
type serviceLine struct {
	Service     string            `json:"service"`
	Name        string            `json:"name"` // as the SDKs call it
	Protocols   []wire.ProtocolID `json:"protocols"`
	Implemented int               `json:"implemented"`
	Operations  int               `json:"operations"`
}

// serviceList is the JSON form: the services and their sums.
type serviceList struct {
	Services    []serviceLine `json:"services"`
	Implemented int           `json:"implemented"`
	Operations  int           `json:"operations"`
}

// Run prints the table.
func (c servicesCommand) Run(e *Env) error {
	var list serviceList
	for _, s := range awsapi.Services() {
		list.Services = append(list.Services, serviceLine{s.ID, s.ServiceID, s.Protocols, s.Implemented, s.All})
		list.Implemented += s.Implemented
		list.Operations += s.All
	}
	if c.JSON {
		enc := json.NewEncoder(e.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(list)
	}
	t := tabwriter.NewWriter(e.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "SERVICE\tNAME\tOPERATIONS\tPROTOCOLS")
	for _, s := range list.Services {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%d of %d\t%s\n", s.Service, s.Name, s.Implemented, s.Operations, protocolNames(s.Protocols))
	}
	_, _ = fmt.Fprintf(t, "total: %d\t\t%d of %d\t\n", len(list.Services), list.Implemented, list.Operations)
	return t.Flush() // the table is written here, and here an error shows
}

// protocolNames are the protocols as AWS's documentation calls them.
func protocolNames(ids []wire.ProtocolID) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		switch id {
		case wire.ProtocolJSON:
			names[i] = "AWS JSON"
		case wire.ProtocolRESTJSON:
			names[i] = "REST-JSON"
		case wire.ProtocolQuery:
			names[i] = "Query"
		case wire.ProtocolEC2:
			names[i] = "EC2 Query"
		case wire.ProtocolRESTXML:
			names[i] = "REST-XML"
		case wire.ProtocolCBOR:
			names[i] = "RPC v2 CBOR"
		default:
			names[i] = string(id)
		}
	}
	return strings.Join(names, ", ")
}

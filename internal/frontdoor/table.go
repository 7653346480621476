// SPDX-License-Identifier: Apache-2.0

package frontdoor

import (
	"slices"
	"strings"

	"github.com/gustcloud/gust/internal/wire"
)

// table is what requests are routed by: the registered services by everything that a request may name them with.
type table struct {
	byID      map[string]*service // Schema.ID
	bySigning map[string][]*service
	byHost    map[string]*service // endpoint prefix, the first label of a host name
	byTarget  map[string]*service // prefix of X-Amz-Target, also the service name of smithy paths
	all       []*service          // in registry order
}

// service is a registered service, prepared for routing. Operations that the model has and Gust does not are routed too,
// so that the answer can name them: in rest, values from len(Operations) on are indexes of Missing.
type service struct {
	wire.Service
	codecs []wire.Protocol // in the model's order; protocols without codec are left out
	rest   *trie           // nil for services without a REST protocol
}

func newTable(services []wire.Service) *table {
	t := &table{
		byID: map[string]*service{}, bySigning: map[string][]*service{}, byHost: map[string]*service{},
		byTarget: map[string]*service{},
	}
	for _, w := range services {
		s := newService(w)
		if len(s.codecs) == 0 {
			continue // nothing here speaks its protocols: it is answered like a service that Gust does not have
		}
		t.all = append(t.all, s)
		t.byID[w.Schema.ID] = s
		t.bySigning[w.Schema.SigningName] = append(t.bySigning[w.Schema.SigningName], s)
		t.byHost[w.Schema.EndpointPrefix] = s
		if p := w.Schema.TargetPrefix; p != "" {
			t.byTarget[p] = s
		}
	}
	return t
}

func newService(w wire.Service) *service {
	s := &service{Service: w}
	for _, id := range w.Schema.Protocols {
		codec := w.Schema.Protocol(id)
		if codec == nil {
			continue
		}
		s.codecs = append(s.codecs, codec)
		if isREST(id) && s.rest == nil {
			s.rest = &trie{}
			for i := range w.Schema.Operations {
				op := &w.Schema.Operations[i]
				s.rest.add(op.Method, op.URI, i)
			}
			for i, m := range w.Schema.Missing {
				s.rest.add(m.Method, m.URI, len(w.Schema.Operations)+i)
			}
		}
	}
	return s
}

// codec returns the codec of a request that looks like shape: the same protocol, else the service's REST protocol (a REST
// body may have any content type), else its first.
func (s *service) codec(shape wire.ProtocolID) wire.Protocol {
	for _, want := range []func(wire.ProtocolID) bool{
		func(id wire.ProtocolID) bool { return family(id) == family(shape) },
		isREST,
		func(wire.ProtocolID) bool { return true },
	} {
		if i := slices.IndexFunc(s.codecs, func(c wire.Protocol) bool { return want(c.ID()) }); i >= 0 {
			return s.codecs[i]
		}
	}
	return nil
}

func isREST(id wire.ProtocolID) bool { return family(id) == wire.ProtocolRESTJSON }

// family joins the protocols whose requests look alike.
func family(id wire.ProtocolID) wire.ProtocolID {
	switch id {
	case wire.ProtocolEC2:
		return wire.ProtocolQuery
	case wire.ProtocolRESTXML:
		return wire.ProtocolRESTJSON
	default:
		return id
	}
}

// operationAt returns the operation of value v of the trie: its index, or -1 with its name for one that is missing.
func (s *service) operationAt(v int) (op int, name string) {
	if n := len(s.Schema.Operations); v >= n {
		return -1, s.Schema.Missing[v-n].Name
	}
	return v, s.Schema.Operations[v].Name
}

// hostService returns the service that a host name below domain names: "lambda.us-east-1.localhost",
// "sqs.aws.localhost"; nil for none.
func (t *table) hostService(host string) *service {
	label, _, ok := strings.Cut(host, ".")
	if !ok {
		return nil
	}
	return t.byHost[label]
}

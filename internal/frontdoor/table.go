// SPDX-License-Identifier: Apache-2.0

package frontdoor

import (
	"slices"
	"sync"

	"github.com/gustcloud/gust/internal/wire"
)

// table is what requests are routed by: the registered services by everything that a request may name them with.
type table struct {
	byID      map[string]*service // Schema.ID
	bySigning map[string][]*service
	byHost    map[string]*service // endpoint prefix, the first label of a host name
	byTarget  map[string]*service // prefix of X-Amz-Target, also the service name of smithy paths
	all       []*service          // in registry order, then those that are only known
}

// service is a registered or known service, prepared for routing. Operations that the model has and Gust does not are
// routed too, so that the answer can name them: values of the trie from len(Operations) on are indexes of missing.
type service struct {
	wire.Service
	codecs []wire.Protocol // in the model's order; protocols without codec are left out
	isREST bool            // one of the codecs is REST
	known  bool            // by name only: nothing of it is implemented

	once    sync.Once
	rest    trie // filled at the first use
	missing []wire.Route
}

// newTable enters the services, then the known ones, which never take the place of a service.
func newTable(services []wire.Service, known []*wire.Schema) *table {
	t := &table{
		byID: map[string]*service{}, bySigning: map[string][]*service{}, byHost: map[string]*service{},
		byTarget: map[string]*service{},
	}
	for _, w := range services {
		t.enter(newService(w, false))
	}
	for _, schema := range known {
		if t.byID[schema.ID] == nil {
			t.enter(newService(wire.Service{Schema: schema}, true))
		}
	}
	return t
}

func (t *table) enter(s *service) {
	if len(s.codecs) == 0 {
		return // nothing here speaks its protocols: it is answered like a service that Gust has never heard of
	}
	t.all = append(t.all, s)
	t.byID[s.Schema.ID] = s
	t.bySigning[s.Schema.SigningName] = append(t.bySigning[s.Schema.SigningName], s)
	if t.byHost[s.Schema.EndpointPrefix] == nil {
		t.byHost[s.Schema.EndpointPrefix] = s
	}
	if p := s.Schema.TargetPrefix; p != "" && t.byTarget[p] == nil {
		t.byTarget[p] = s
	}
}

func newService(w wire.Service, known bool) *service {
	s := &service{Service: w, known: known}
	for _, id := range w.Schema.Protocols {
		codec := w.Schema.Protocol(id)
		if codec == nil {
			continue
		}
		s.codecs = append(s.codecs, codec)
		s.isREST = s.isREST || isREST(id)
	}
	return s
}

// findREST finds the operation of a REST request: a value for operationAt, and the labels of its path as sent.
func (s *service) findREST(method, escapedPath, rawQuery string) (value int, labels []string, ok bool) {
	if !s.isREST {
		return 0, nil, false
	}
	s.once.Do(s.fill)
	return s.rest.find(method, escapedPath, rawQuery)
}

// begins tells whether some operation's path begins with the first segment of this one.
func (s *service) begins(escapedPath string) bool {
	if !s.isREST {
		return false
	}
	s.once.Do(s.fill)
	return s.rest.begins(escapedPath)
}

// speaks tells whether the service has a codec of a protocol's family.
func (s *service) speaks(id wire.ProtocolID) bool {
	return slices.ContainsFunc(s.codecs, func(c wire.Protocol) bool { return family(c.ID()) == id })
}

// fill makes the trie.
func (s *service) fill() {
	s.Schema.Prepare()
	for i := range s.Schema.Operations {
		op := &s.Schema.Operations[i]
		s.rest.add(op.Method, op.URI, i)
	}
	s.missing = slices.Collect(s.Schema.Missing.All())
	for i, m := range s.missing {
		s.rest.add(m.Method, m.URI, len(s.Schema.Operations)+i)
	}
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

// operationAt returns the operation of value v of findREST: its index, or -1 with its name for one that is missing.
func (s *service) operationAt(v int) (op int, name string) {
	if n := len(s.Schema.Operations); v >= n {
		return -1, s.missing[v-n].Name
	}
	return v, s.Schema.Operations[v].Name
}

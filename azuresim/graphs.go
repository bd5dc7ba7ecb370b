package azuresim

import (
	"net/http"
	"slices"
	"strings"

	"github.com/azward/azward/azuresim/entra"
	"github.com/azward/azward/azuresim/msgraph"
	"github.com/azward/azward/azuresim/resourcegraph"
)

// resourceGraph makes the handler of Resource Graph queries.
func (s *Server) resourceGraph() func(http.ResponseWriter, *http.Request, *entra.Token) {
	sc := s.o.Scenario
	return resourcegraph.New(resourcegraph.Options{
		Tenant: sc.Tenant, Inventory: s.inventory, Policy: s.policy, PageSize: sc.Paging.ResourceGraph,
		Quota: sc.Throttling.ResourceGraph, IDCase: sc.IDCase.ResourceGraph, Exact: sc.Exact, Now: s.now,
	}).Serve
}

func (s *Server) graphHandler() (http.Handler, error) {
	sc := s.o.Scenario
	objects := make([]msgraph.Object, len(sc.MSGraph))
	for i, o := range sc.MSGraph {
		objects[i] = msgraph.Object{Collection: o.Collection, Body: o.Body}
	}
	var unread []string
	if sc.Exact {
		unread = slices.DeleteFunc(msgraph.Collections(), func(name string) bool {
			return slices.ContainsFunc(sc.MSGraphListed, func(listed string) bool { return strings.EqualFold(listed, name) })
		})
	}
	return msgraph.New(msgraph.Options{
		Objects: objects, Unread: unread, PageSize: sc.Paging.MSGraph, BaseURL: s.graphURL, Verify: s.authority.Verify, Seen: seen, Now: s.now,
	})
}

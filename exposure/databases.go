package exposure

import (
	"strconv"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// Types of rules that are children of their servers.
const (
	sqlFirewallType = "Microsoft.Sql/servers/firewallRules"
	sqlRuleType     = "Microsoft.Sql/servers/virtualNetworkRules"
)

// sqlFirewall reads a server's rules; those of single databases stand in T-SQL
// alone, so that a server which its own rules close is still undecided.
//
// Sources: https://learn.microsoft.com/azure/azure-sql/database/network-access-controls-overview,
// https://learn.microsoft.com/azure/azure-sql/database/vnet-service-endpoint-rule-overview
func sqlFirewall(e *estate.Estate, r *estate.Resource, w *way) (l sourceList, h Hop, ok bool) {
	v, err := estate.Decode[aclView](r)
	if err != nil {
		shapeless(r, w, err)
		return l, h, false
	}
	publicSwitch(r, v.Properties.PublicNetworkAccess, azward.Unknown, w)
	if w.answer() == azward.No {
		return l, h, false // ignores every rule
	}
	l.addressRules(e, r, sqlFirewallType, true)
	for _, child := range e.Children(r.ID, sqlRuleType) {
		l.rules = append(l.rules, sqlSubnetRule(child))
	}
	if _, missing := e.Absence(r.ID, sqlRuleType); len(missing) > 0 {
		l.subnetGap = missing[0]
	}
	l.otherwise = azward.Unknown
	l.gap = azward.Gap{
		Scope: r.ID, Kind: azward.GapUnsupported, Reads: "sys.database_firewall_rules",
		Error: "rules of single databases stand in T-SQL alone, where azward does not read",
	}
	if _, missing := e.Absence(r.ID, sqlFirewallType, sqlRuleType); len(missing) > 0 {
		w.missing(missing...)
	}
	return l, Hop{Resource: r.ID, Kind: "firewallRules", Name: r.Name + " / firewall"}, true
}

func sqlSubnetRule(r *estate.Resource) sourceRule {
	rule := sourceRule{access: netset.Allow, evidence: r.Evidence("/properties/virtualNetworkSubnetId", "lets in a subnet")}
	v, err := estate.Decode[struct {
		Properties struct {
			Subnet azward.ResourceID `json:"virtualNetworkSubnetId"`
		} `json:"properties"`
	}](r)
	switch {
	case err != nil || v.Properties.Subnet == "":
		rule.maybe = netset.AllAddrs()
		rule.gap = azward.Gap{Scope: r.ID, Kind: azward.GapUnparsed, Reads: "/properties/virtualNetworkSubnetId", Error: "the rule names no subnet"}
	default:
		rule.subnet = v.Properties.Subnet
	}
	return rule
}

// flexibleServer is a PostgreSQL or MySQL flexible server.
//
// Sources: https://learn.microsoft.com/azure/templates/microsoft.dbforpostgresql/flexibleservers,
// https://learn.microsoft.com/azure/templates/microsoft.dbformysql/flexibleservers
type flexibleServer struct {
	Properties struct {
		Network *struct {
			PublicNetworkAccess *string           `json:"publicNetworkAccess"`
			Subnet              azward.ResourceID `json:"delegatedSubnetResourceId"`
		} `json:"network"`
	} `json:"properties"`
}

// flexiblePorts: PgBouncer of PostgreSQL, where it is on, listens besides.
//
// Source: https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-pgbouncer
func flexiblePorts(r *estate.Resource) string {
	if strings.EqualFold(r.Type, "Microsoft.DBforMySQL/flexibleServers") {
		return "3306"
	}
	return "5432,6432"
}

// flexibleFirewall reads the rules of a flexible server with public access: no
// rule lets nobody in, and one from 0.0.0.0 to 0.0.0.0 every customer's
// resources in Azure. One that was made in a subnet has no public endpoint.
//
// Sources: https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-networking-public,
// https://learn.microsoft.com/azure/mysql/flexible-server/concepts-networking-public
func flexibleFirewall(e *estate.Estate, r *estate.Resource, w *way) (l sourceList, h Hop, ok bool) {
	const pointer = "/properties/network"
	v, err := estate.Decode[flexibleServer](r)
	switch {
	case err != nil:
		shapeless(r, w, err)
		return l, h, false
	case v.Properties.Network == nil:
		why := "whether the server is public or stands in a network was not read"
		w.doubt(Hop{Resource: r.ID, Kind: kindOf(r), Name: r.Name, Summary: why}, notRead(r, pointer, r.Type+"/read", why, "az resource show --ids "+string(r.ID)))
		return l, h, false
	case v.Properties.Network.Subnet != "":
		w.hop(inSubnet(r, pointer+"/delegatedSubnetResourceId", v.Properties.Network.Subnet))
		return l, h, false
	}
	switchAt(r, pointer+"/publicNetworkAccess", v.Properties.Network.PublicNetworkAccess, azward.Unknown, w)
	if w.answer() == azward.No {
		return l, h, false
	}
	l.otherwise = azward.No
	childType := r.Type + "/firewallRules"
	l.addressRules(e, r, childType, true)
	l.readList(e, r, childType)
	return l, Hop{Resource: r.ID, Kind: "firewallRules", Name: r.Name + " / firewall"}, true
}

// flexibleInner is the place of a flexible server in a delegated subnet.
//
// Source: https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-networking-private
func flexibleInner(_ *estate.Estate, r *estate.Resource) (inner, bool) {
	v, err := estate.Decode[flexibleServer](r)
	if err != nil || v.Properties.Network == nil || v.Properties.Network.Subnet == "" {
		return inner{}, false
	}
	return standing(r, "/properties/network/delegatedSubnetResourceId", v.Properties.Network.Subnet, flexiblePorts(r), nil)
}

// managedInstance is an instance of SQL in a subnet.
//
// Source: https://learn.microsoft.com/azure/templates/microsoft.sql/managedinstances
type managedInstance struct {
	Properties struct {
		Subnet         azward.ResourceID `json:"subnetId"`
		PublicEndpoint *bool             `json:"publicDataEndpointEnabled"`
	} `json:"properties"`
}

// The public endpoint has a port of its own; clients in networks use the
// default port, and those of the redirect connection type the range above it.
//
// Sources: https://learn.microsoft.com/azure/azure-sql/managed-instance/public-endpoint-overview,
// https://learn.microsoft.com/azure/azure-sql/managed-instance/connectivity-architecture-overview
const (
	instancePublicPort  = "3342"
	instancePrivatePort = "1433,11000-11999"
)

// instancePublic is the way by the public endpoint of an instance: where it is
// on, the groups of the instance's subnet decide.
func instancePublic(e *estate.Estate, r *estate.Resource) []*way {
	const pointer = "/properties/publicDataEndpointEnabled"
	w := &way{class: Authenticated, by: "its public endpoint", flows: []Flow{{Protocol: "tcp", Ports: instancePublicPort, Sources: sourceNames(publicAddrs)}}}
	v, err := estate.Decode[managedInstance](r)
	h := Hop{Resource: r.ID, Kind: kindOf(r), Name: r.Name}
	switch {
	case err != nil:
		shapeless(r, w, err)
		return []*way{w}
	case v.Properties.PublicEndpoint == nil:
		h.Summary = "whether its public endpoint is on was not read"
		w.doubt(h, notRead(r, pointer, r.Type+"/read", h.Summary, "az sql mi show --ids "+string(r.ID)))
		return []*way{w}
	case !*v.Properties.PublicEndpoint:
		h.Answer, h.Summary = azward.No, "its public endpoint is off"
		h.Evidence = []azward.Evidence{r.Evidence(pointer, h.Summary)}
		w.hop(h)
		return []*way{w}
	case v.Properties.Subnet == "":
		h.Summary = "in which subnet it stands was not read"
		w.doubt(h, notRead(r, "/properties/subnetId", r.Type+"/read", h.Summary, "az sql mi show --ids "+string(r.ID)))
		return []*way{w}
	}
	h.Answer, h.Summary = azward.Yes, "its public endpoint is on"
	h.Evidence = []azward.Evidence{r.Evidence(pointer, h.Summary)}
	n := inner{subnet: v.Properties.Subnet}.at(e, r)
	n.hasIntent = true // security admin rules hold here only where that was asked for
	ports, err := netset.ParsePorts(instancePublicPort)
	if err != nil {
		shapeless(r, w, err)
		return []*way{w}
	}
	d := door{
		hops: []Hop{h}, near: n.own, shown: ports, backend: same, protocol: []netset.Protocol{netset.TCP}, by: w.by,
		skuless: true, // what holds without a group is not documented, and no instance is made without one
	}
	ways := d.ways(e, n)
	for _, w := range ways {
		w.narrow(Authenticated)
	}
	return ways
}

// instanceInner is an instance's place in its subnet.
func instanceInner(_ *estate.Estate, r *estate.Resource) (inner, bool) {
	v, err := estate.Decode[managedInstance](r)
	if err != nil {
		return inner{}, false
	}
	return standing(r, "/properties/subnetId", v.Properties.Subnet, instancePrivatePort, nil)
}

// cosmosAccount is an account of Cosmos DB.
//
// Source: https://learn.microsoft.com/azure/templates/microsoft.documentdb/databaseaccounts
type cosmosAccount struct {
	Kind       string `json:"kind"`
	Properties struct {
		PublicNetworkAccess *string `json:"publicNetworkAccess"`
		IPRules             *[]struct {
			Range string `json:"ipAddressOrRange"`
		} `json:"ipRules"`
		Filter *bool `json:"isVirtualNetworkFilterEnabled"`
		Rules  []struct {
			ID azward.ResourceID `json:"id"`
		} `json:"virtualNetworkRules"`
		Capabilities []struct {
			Name string `json:"name"`
		} `json:"capabilities"`
		Connections *[]struct {
			Properties struct {
				State estate.LinkState `json:"privateLinkServiceConnectionState"`
			} `json:"properties"`
		} `json:"privateEndpointConnections"`
	} `json:"properties"`
}

// cosmosPorts: direct mode and the wire protocols listen on ports of their own.
//
// Source: https://learn.microsoft.com/azure/cosmos-db/nosql/sdk-connection-modes
func cosmosPorts(r *estate.Resource) string {
	v, err := estate.Decode[cosmosAccount](r)
	switch {
	case err != nil:
		return "443"
	case strings.EqualFold(v.Kind, "MongoDB"):
		return "443,10255"
	}
	for _, c := range v.Properties.Capabilities {
		if strings.EqualFold(c.Name, "EnableCassandra") {
			return "443,10350"
		}
	}
	return "443,10000-20000"
}

// cosmosFirewall: without rules any address is let in, unless the account has
// an approved private endpoint; with rules for addresses or the filter for
// subnets, those that are named. The address 0.0.0.0 stands for every
// customer's machines in Azure's data centres.
//
// Sources: https://learn.microsoft.com/azure/cosmos-db/how-to-configure-firewall,
// https://learn.microsoft.com/azure/cosmos-db/how-to-configure-private-endpoints#private-link-combined-with-firewall-rules
func cosmosFirewall(_ *estate.Estate, r *estate.Resource, w *way) (l sourceList, h Hop, ok bool) {
	v, err := estate.Decode[cosmosAccount](r)
	if err != nil {
		shapeless(r, w, err)
		return l, h, false
	}
	publicSwitch(r, v.Properties.PublicNetworkAccess, azward.Unknown, w)
	if w.answer() == azward.No {
		return l, h, false
	}
	h = Hop{Resource: r.ID, Kind: "firewall", Name: r.Name + " / firewall"}
	if v.Properties.IPRules == nil || v.Properties.Filter == nil {
		h.Summary = "the firewall was not read"
		w.doubt(h, notRead(r, "/properties/ipRules", r.Type+"/read", h.Summary, "az cosmosdb show --ids "+string(r.ID)))
		return l, h, false
	}
	for i, rule := range *v.Properties.IPRules {
		if rule.Range == "0.0.0.0" {
			fact := r.Evidence("/properties/ipRules/"+strconv.Itoa(i), "0.0.0.0 stands for Azure's data centres")
			l.azure = &fact
			continue
		}
		s := sourceRule{access: netset.Allow, evidence: r.Evidence("/properties/ipRules/"+strconv.Itoa(i), "allows "+rule.Range)}
		prefixRule(&s, rule.Range, r, "/properties/ipRules/"+strconv.Itoa(i)+"/ipAddressOrRange")
		l.rules = append(l.rules, s)
	}
	if *v.Properties.Filter {
		ids := make([]azward.ResourceID, 0, len(v.Properties.Rules))
		for _, rule := range v.Properties.Rules {
			ids = append(ids, rule.ID)
		}
		l.subnetRules(r, "/properties/virtualNetworkRules", ids)
	}
	if len(*v.Properties.IPRules) > 0 || *v.Properties.Filter {
		l.otherwise, l.evidence = azward.No, r.Evidence("/properties/ipRules", "rules for addresses; what they do not name is closed")
		return l, h, true
	}
	cosmosWithout(r, v, &l)
	return l, h, true
}

// cosmosWithout is what holds for an account without any rule.
func cosmosWithout(r *estate.Resource, v *cosmosAccount, l *sourceList) {
	const pointer = "/properties/privateEndpointConnections"
	if v.Properties.Connections == nil {
		if absent(r, pointer) {
			// Azure leaves an empty list out; then any address is let in.
			l.otherwise = azward.Yes
			l.evidence = documented(r, "/properties/ipRules", "no rules and no private endpoint: open to any address")
			return
		}
		l.otherwise, l.evidence = azward.Yes, r.Evidence("/properties/ipRules", "no rules: open to any address")
		return
	}
	for i, c := range *v.Properties.Connections {
		if at := pointer + "/" + strconv.Itoa(i); strings.EqualFold(c.Properties.State.Status, "Approved") {
			l.otherwise, l.evidence = azward.No, documented(r, at, "no rules, and a private endpoint that is approved: reached by private endpoints alone")
			return
		} else if c.Properties.State.Status == "" {
			l.otherwise, l.gap = azward.Unknown, notRead(r, at, r.Type+"/read", "whether the private endpoint is approved, which closes an account without rules, was not read", "")
			return
		}
	}
	l.otherwise, l.evidence = azward.Yes, r.Evidence("/properties/ipRules", "no rules: open to any address")
}

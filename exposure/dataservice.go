package exposure

import (
	"slices"
	"strconv"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// dataService is a service whose public endpoint has rules for addresses and
// perhaps for subnets: databases, message brokers, search and the like. Every
// request needs a key, a password or a token besides.
type dataService struct {
	// ports that it listens on, in ARM's spelling.
	ports func(*estate.Resource) string
	tag   string // of its public addresses; "" where none is its own
	// endpoints are the service endpoints that carry a subnet's identity to it.
	endpoints []string
	// firewall reads its rules after appending to the way what closes or opens
	// the public endpoint as a whole. Not ok: the way says all there is.
	firewall func(e *estate.Estate, r *estate.Resource, w *way) (l sourceList, h Hop, ok bool)
	// entry is its place in a network, where it has one.
	entry func(*estate.Estate, *estate.Resource) (inner, bool)
	// public replaces firewall where the public endpoint is no list of rules.
	public func(*estate.Estate, *estate.Resource) []*way
}

// dataServices by type.
var dataServices = map[string]dataService{
	"microsoft.sql/servers":                     {ports: always("1433"), tag: "Sql", endpoints: []string{"Microsoft.Sql"}, firewall: sqlFirewall},
	"microsoft.sql/managedinstances":            {ports: always(instancePublicPort), entry: instanceInner, public: instancePublic},
	"microsoft.dbforpostgresql/flexibleservers": {ports: flexiblePorts, firewall: flexibleFirewall, entry: flexibleInner},
	"microsoft.dbformysql/flexibleservers":      {ports: flexiblePorts, firewall: flexibleFirewall, entry: flexibleInner},
	"microsoft.documentdb/databaseaccounts":     {ports: cosmosPorts, tag: "AzureCosmosDB", endpoints: []string{"Microsoft.AzureCosmosDB"}, firewall: cosmosFirewall},
	"microsoft.cache/redis":                     {ports: redisPorts, firewall: redisFirewall, entry: redisInner},
	"microsoft.cache/redisenterprise":           {ports: always("10000"), firewall: redisEnterpriseFirewall},
	"microsoft.eventhub/namespaces":             {ports: always("443,5671,5672,9093"), tag: "EventHub", endpoints: []string{"Microsoft.EventHub"}, firewall: brokerFirewall},
	"microsoft.servicebus/namespaces":           {ports: always("443,5671,5672"), tag: "ServiceBus", endpoints: []string{"Microsoft.ServiceBus"}, firewall: brokerFirewall},
	"microsoft.search/searchservices":           {ports: always("443"), firewall: searchFirewall},
	"microsoft.cognitiveservices/accounts":      {ports: always("443"), endpoints: []string{"Microsoft.CognitiveServices"}, firewall: cognitiveFirewall},
}

func always(ports string) func(*estate.Resource) string {
	return func(*estate.Resource) string { return ports }
}

// platformOf says how machines inside a network reach a service of this type.
func platformOf(r *estate.Resource) (platform, bool) {
	key := strings.ToLower(r.Type)
	p, ok := platforms[key]
	if d, data := dataServices[key]; data {
		p, ok = d.platform(r), true
	}
	if p.public != nil && perimetered[key] {
		p.public = calledWith(p.public)
	}
	return p, ok
}

// ways are those of the public endpoint: by the rules for addresses, and by
// the one that stands for every customer's machine in Azure.
func (d dataService) ways(e *estate.Estate, r *estate.Resource) []*way {
	if d.public != nil {
		return d.public(e, r)
	}
	w := &way{class: Authenticated, by: "its public endpoint", exact: true}
	w.flows = []Flow{{Protocol: "tcp", Ports: d.ports(r), Sources: sourceNames(publicAddrs)}}
	l, h, ok := d.firewall(e, r, w)
	if !ok {
		return []*way{w}
	}
	listed := w.clone()
	l.filter(listed, h, "tcp", d.ports(r))
	if l.azure == nil {
		return []*way{listed}
	}
	w.flows[0].Sources = []string{"AzureCloud"}
	h.Answer, h.Summary, h.Evidence = azward.Yes, "lets in every customer's machine in Azure", []azward.Evidence{*l.azure}
	w.hop(h)
	if len(l.rules) == 0 && listed.answer() == azward.No {
		return []*way{w} // the only rule there is
	}
	return []*way{w, listed}
}

// platform is the service as callers inside a network see it.
func (d dataService) platform(r *estate.Resource) platform {
	p := platform{tag: d.tag, endpoints: d.endpoints, entry: d.entry}
	if d.firewall == nil {
		return p // the ports of its public endpoint are no others' matter
	}
	p.ports = d.ports(r)
	p.public = func(e *estate.Estate, r *estate.Resource, w *way, id identity) {
		w.narrow(Authenticated)
		l, h, ok := d.firewall(e, r, w)
		if !ok {
			return
		}
		if l.azure != nil {
			l.rules = append(slices.Clone(l.rules), sourceRule{
				access: netset.Allow, maybe: publicAddrs, azure: true, evidence: *l.azure,
				gap: azward.Gap{Scope: r.ID, Kind: azward.GapUnsupported, Reads: "the caller's public address", Error: "it lets in machines of Azure, and whether the caller's public address counts as one is not known"},
			})
		}
		l.judge(w, h, id)
	}
	if len(d.endpoints) == 0 {
		return p
	}
	p.subnets = func(e *estate.Estate, r *estate.Resource) (all []azward.ResourceID, gaps []azward.Gap) {
		w := &way{}
		l, _, ok := d.firewall(e, r, w)
		if !ok {
			return nil, w.gaps
		}
		for _, rule := range l.rules {
			if rule.subnet != "" && rule.access == netset.Allow {
				all = append(all, rule.subnet)
			}
		}
		return all, slices.DeleteFunc([]azward.Gap{l.subnetGap}, func(g azward.Gap) bool { return g.Reads == "" })
	}
	return p
}

// readList says whether the rules are all there are: where children of a type
// were not listed, what no rule matches is not known.
func (l *sourceList) readList(e *estate.Estate, r *estate.Resource, childType string) {
	proof, missing := e.Absence(r.ID, childType)
	switch {
	case len(missing) > 0:
		l.otherwise, l.gap = azward.Unknown, missing[0]
	case len(proof) > 0 && l.evidence.Resource == "":
		l.evidence = proof[0]
	}
}

// addressRules appends the children of a type that hold a first and a last
// address. From 0.0.0.0 to 0.0.0.0 stands for Azure where azure says so, else
// for something that is not documented.
func (l *sourceList) addressRules(e *estate.Estate, r *estate.Resource, childType string, azure bool) {
	for _, child := range e.Children(r.ID, childType) {
		rule, err := estate.Decode[struct {
			Properties struct {
				StartIPAddress string `json:"startIpAddress"`
				EndIPAddress   string `json:"endIpAddress"`
				StartIP        string `json:"startIP"`
				EndIP          string `json:"endIP"`
			} `json:"properties"`
		}](child)
		first, last := "", ""
		if err == nil {
			first = firstOf(rule.Properties.StartIPAddress, rule.Properties.StartIP)
			last = firstOf(rule.Properties.EndIPAddress, rule.Properties.EndIP)
		}
		if azure && first == "0.0.0.0" && last == "0.0.0.0" {
			fact := child.Evidence("/properties", "firewall rule 0.0.0.0 to 0.0.0.0")
			l.azure = &fact
			continue
		}
		s := sourceRule{access: netset.Allow, evidence: child.Evidence("/properties", "allows "+first+" to "+last)}
		addrs, ok := rangeAddrs(first, last)
		switch {
		case !ok:
			s.maybe = netset.AllAddrs()
			s.gap = azward.Gap{Scope: child.ID, Kind: azward.GapUnparsed, Reads: "/properties", Error: "the rule's addresses do not parse"}
		case first == "0.0.0.0" && last == "0.0.0.0":
			s.maybe = netset.AllAddrs()
			s.gap = azward.Gap{Scope: child.ID, Kind: azward.GapUnsupported, Reads: "/properties", Error: "whom a rule from 0.0.0.0 to 0.0.0.0 lets in here is not documented"}
		}
		s.sources = addrs
		l.rules = append(l.rules, s)
	}
}

// subnetRules appends rules for subnets.
func (l *sourceList) subnetRules(r *estate.Resource, pointer string, ids []azward.ResourceID) {
	for i, id := range ids {
		at := pointer + "/" + strconv.Itoa(i)
		if id == "" {
			l.rules = append(l.rules, sourceRule{access: netset.Allow, maybe: netset.AllAddrs(), evidence: r.Evidence(at, "lets in a subnet"), gap: azward.Gap{
				Scope: r.ID, Kind: azward.GapUnparsed, Reads: at, Error: "the rule names no subnet",
			}})
			continue
		}
		l.rules = append(l.rules, sourceRule{access: netset.Allow, subnet: id, evidence: r.Evidence(at, "lets in subnet "+id.Name())})
	}
}

// prefixRules appends rules for addresses and CIDRs.
func (l *sourceList) prefixRules(r *estate.Resource, pointer, field string, list []string) {
	for i, text := range list {
		at := pointer + "/" + strconv.Itoa(i)
		s := sourceRule{access: netset.Allow, evidence: r.Evidence(at, "allows "+text)}
		prefixRule(&s, text, r, at+"/"+field)
		l.rules = append(l.rules, s)
	}
}

// shapeless says that a body could not be read.
func shapeless(r *estate.Resource, w *way, err error) {
	w.doubt(Hop{Resource: r.ID, Kind: kindOf(r), Name: r.Name, Summary: "the service has an unexpected shape"}, unparsed(r, err))
}

// inSubnet is the hop of a service that stands in a network and has no public
// endpoint.
func inSubnet(r *estate.Resource, pointer string, subnet azward.ResourceID) Hop {
	h := Hop{Resource: r.ID, Kind: kindOf(r), Name: r.Name, Answer: azward.No, Summary: "it stands in subnet " + subnet.Name() + " of a network and has no public endpoint"}
	h.Evidence = []azward.Evidence{r.Evidence(pointer, h.Summary)}
	return h
}

// standing is a service's place in a subnet, whose own rules see private
// addresses; a nil list lets all of them in.
func standing(r *estate.Resource, pointer string, subnet azward.ResourceID, ports string, rules func(*way) (sourceList, Hop, bool)) (inner, bool) {
	in := inner{subnet: subnet, ports: map[netset.Protocol]netset.Ports{}}
	if p, err := netset.ParsePorts(ports); err == nil {
		in.ports[netset.TCP] = p
	}
	h := Hop{Resource: r.ID, Kind: kindOf(r), Name: r.Name, Answer: azward.Yes, Summary: "listens in subnet " + subnet.Name(), Evidence: []azward.Evidence{r.Evidence(pointer, "its subnet")}}
	answer := func(judge func(sourceList, *way, Hop, netset.Addrs)) func(*way, netset.Addrs) {
		return func(w *way, from netset.Addrs) {
			w.hop(h)
			if rules == nil {
				return
			}
			if l, at, ok := rules(w); ok {
				judge(l, w, at, from)
			}
		}
	}
	in.after = answer(func(l sourceList, w *way, at Hop, from netset.Addrs) { l.judge(w, at, identity{addrs: from}) })
	in.some = answer(sourceList.someOf)
	return in, true
}

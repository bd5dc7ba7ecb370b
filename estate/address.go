package estate

import (
	"net/netip"
	"strings"
)

// addressKeys names, for each type of resource that has addresses of its own,
// the members that hold them, wherever they stand in its body. Addresses that
// a resource only speaks of (a rule's prefix, a DNS server) are not its own.
var addressKeys = map[string][]string{
	"microsoft.network/networkinterfaces":                                         {"privateIPAddress"},
	"microsoft.network/publicipaddresses":                                         {"ipAddress"},
	"microsoft.network/loadbalancers":                                             {"privateIPAddress"},
	"microsoft.network/applicationgateways":                                       {"privateIPAddress"},
	"microsoft.network/azurefirewalls":                                            {"privateIPAddress"},
	"microsoft.network/privateendpoints":                                          {"privateIPAddress", "ipAddresses"},
	"microsoft.compute/virtualmachinescalesets/virtualmachines/networkinterfaces": {"privateIPAddress"},
	"microsoft.containerinstance/containergroups":                                 {"ip"},
	"microsoft.app/managedenvironments":                                           {"staticIp"},
	"microsoft.web/sites":                                                         {"inboundIpAddress", "possibleInboundIpAddresses"},
	"microsoft.web/sites/slots":                                                   {"inboundIpAddress", "possibleInboundIpAddresses"},
	"pod":                                                                         {"podIP", "ip"},
	"service":                                                                     {"clusterIP", "clusterIPs", "ip", "externalIPs", "loadBalancerIP"},
	"node":                                                                        {"address"},
}

// WithAddress returns the resources and Kubernetes objects that have this
// address as their own, public or private, by key. One private address may
// occur in many networks. The caller must not change the slice.
func (e *Estate) WithAddress(address netip.Addr) []*Resource {
	e.tracker.note(lookup{kind: byAddress, a: address.String()})
	e.addressesOnce.Do(e.indexAddresses)
	found := e.addresses[address.Unmap()]
	for _, r := range found {
		e.tracker.touch(r)
	}
	return found
}

func (e *snapshot) indexAddresses() {
	e.addresses = make(map[netip.Addr][]*Resource)
	for _, r := range e.resources {
		keys := addressKeys[strings.ToLower(r.TypeKey())]
		if keys == nil {
			continue
		}
		e.fileAddresses(r, r.Body, keys)
	}
}

// fileAddresses looks for the keys at any depth; bodies nest no deeper than
// maxDepth.
func (e *snapshot) fileAddresses(r *Resource, value []byte, keys []string) {
	for key, v := range members(value) {
		wanted := false
		for _, name := range keys {
			wanted = wanted || keyIs(key, name)
		}
		switch {
		case wanted && v[0] == '"':
			e.fileAddress(r, v)
		case wanted && v[0] == '[':
			for _, one := range elements(v) {
				e.fileAddress(r, one)
			}
			fallthrough // podIPs and ipAddresses may also hold objects
		default:
			e.fileAddresses(r, v, keys)
		}
	}
	for _, v := range elements(value) {
		e.fileAddresses(r, v, keys)
	}
}

func (e *snapshot) fileAddress(r *Resource, value []byte) {
	s, ok := text(value)
	if !ok {
		return
	}
	for part := range strings.SplitSeq(s, ",") { // App Service joins several
		address, err := netip.ParseAddr(strings.TrimSpace(part))
		if err != nil {
			continue // "None", "", "Dynamic": it has no address there
		}
		address = address.Unmap()
		list := e.addresses[address]
		if n := len(list); n == 0 || list[n-1] != r {
			e.addresses[address] = append(list, r)
		}
	}
}

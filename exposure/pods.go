package exposure

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netpol"
)

// PodFlow says on which declared ports the pods of one workload may open
// connections to those of another, as the network policies at both ends say.
type PodFlow struct {
	From azward.Workload `json:"from"`
	To   azward.Workload `json:"to"`
	// Answer is Yes where a port is open, Unknown where none is and one is not
	// known, or where the target declares none.
	Answer azward.Answer `json:"answer"`
	// Ports in the order of their numbers: "tcp 8080".
	Open    []string `json:"open"`
	Unknown []string `json:"unknown"`
}

// PodFlows answers for every ordered pair of a cluster's workloads, by target,
// then by source. Pods that no policy can tell apart are asked once, so that
// all pairs of a large cluster cost as much as the pairs of their kinds.
//
// Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/
func PodFlows(e *estate.Estate, cluster azward.ResourceID) iter.Seq[PodFlow] {
	return func(yield func(PodFlow) bool) {
		k := viewCluster(e, cluster)
		var all []podGroup
		for _, w := range e.Workloads() {
			if w.Resource == nil || !w.Resource.Cluster.Equal(cluster) {
				continue
			}
			shapes, _ := k.shapes(w) // without any its flows are unknown
			kinds := make([]byte, 0, 8*len(shapes))
			for _, s := range shapes {
				kinds = binary.BigEndian.AppendUint64(kinds, k.policies.Kind(&s.pod))
			}
			all = append(all, podGroup{w.Workload, shapes, declaredPorts(shapes), string(kinds)})
		}
		held := map[[2]string]PodFlow{}
		for _, to := range all {
			for _, from := range all {
				if from.w.ID == to.w.ID {
					continue
				}
				f, ok := held[[2]string{from.kinds, to.kinds}]
				if !ok {
					f = k.podFlow(from, to)
					held[[2]string{from.kinds, to.kinds}] = f
				}
				f.From, f.To = from.w, to.w
				if !yield(f) {
					return
				}
			}
		}
	}
}

// PodClusters are the clusters whose workloads the estate holds, in order.
func PodClusters(e *estate.Estate) []azward.ResourceID {
	var all []azward.ResourceID
	for _, w := range e.Workloads() {
		if w.Resource != nil && w.Resource.Cluster != "" && !containsID(all, w.Resource.Cluster) {
			all = append(all, w.Resource.Cluster)
		}
	}
	return all
}

// PodGaps are what keeps flows between pods from being told for the whole
// cluster: pods or policies that were not listed, an engine that was not read.
func PodGaps(e *estate.Estate, cluster azward.ResourceID) []azward.Gap {
	_, gaps := e.Absence(cluster, "pods", "networkpolicies.networking.k8s.io")
	return append(gaps, netpol.New(e, cluster).Enforced().Gaps...)
}

// podGroup is a workload with the kinds of pods that it runs.
type podGroup struct {
	w      azward.Workload
	shapes []*shape
	ports  []podPort
	kinds  string // of its pods, as the policies tell them apart
}

type podPort struct {
	protocol string
	number   uint16
}

func (p podPort) String() string { return fmt.Sprintf("%s %d", p.protocol, p.number) }

// declaredPorts are those of all kinds of pods.
func declaredPorts(shapes []*shape) []podPort {
	var ports []podPort
	for _, s := range shapes {
		for _, p := range s.pod.Ports {
			if one := (podPort{p.Protocol, p.Number}); !slices.Contains(ports, one) {
				ports = append(ports, one)
			}
		}
	}
	slices.SortFunc(ports, func(a, b podPort) int {
		if a.number != b.number {
			return int(a.number) - int(b.number)
		}
		return strings.Compare(a.protocol, b.protocol)
	})
	return ports
}

func (k *kubeView) podFlow(from, to podGroup) PodFlow {
	f := PodFlow{Answer: azward.No, Open: []string{}, Unknown: []string{}}
	if len(to.ports) == 0 || len(from.shapes) == 0 {
		f.Answer = azward.Unknown
		return f
	}
	for _, p := range to.ports {
		switch k.anyPod(from.shapes, to.shapes, p) {
		case azward.Yes:
			f.Open, f.Answer = append(f.Open, p.String()), azward.Yes
		case azward.Unknown:
			f.Unknown = append(f.Unknown, p.String())
			if f.Answer == azward.No {
				f.Answer = azward.Unknown
			}
		}
	}
	return f
}

// anyPod answers whether some pod of a kind reaches some other on a port that
// it declares.
func (k *kubeView) anyPod(from, to []*shape, p podPort) azward.Answer {
	answer := azward.No
	for _, target := range to {
		if !slices.ContainsFunc(target.pod.Ports, func(q netpol.Port) bool { return q.Protocol == p.protocol && q.Number == p.number }) {
			continue
		}
		for _, source := range from {
			switch k.policies.Answer(netpol.AtPod(&source.pod), netpol.AtPod(&target.pod), p.protocol, p.number) {
			case azward.Yes:
				return azward.Yes
			case azward.Unknown:
				answer = azward.Unknown
			}
		}
	}
	return answer
}

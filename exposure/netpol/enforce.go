package netpol

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// enforcement is whether, and by what, policies are enforced.
type enforcement struct {
	answer   azward.Answer
	name     string // "azure", "calico", "cilium", "" when not known
	evidence []azward.Evidence
	gaps     []azward.Gap
}

const (
	policyPointer    = "/properties/networkProfile/networkPolicy"
	dataplanePointer = "/properties/networkProfile/networkDataplane"
	pluginPointer    = "/properties/networkProfile/networkPlugin"
)

// readEnforcement reads the cluster's network profile.
// Source: https://learn.microsoft.com/azure/aks/use-network-policies
func readEnforcement(e *estate.Estate, cluster azward.ResourceID) enforcement {
	r, ok := e.Resource(cluster)
	if !ok {
		return enforcement{gaps: []azward.Gap{{
			Scope: cluster, Kind: azward.GapNotRead, Reads: "Microsoft.ContainerService/managedClusters",
			Needs: "Microsoft.ContainerService/managedClusters/read",
			Error: "the cluster itself was not read, so whether it enforces network policies is not known",
		}}}
	}
	if text(r, dataplanePointer) == "cilium" {
		return enforced(r, "cilium", dataplanePointer)
	}
	name := text(r, policyPointer)
	switch name {
	case "azure", "calico", "cilium":
		return enforced(r, name, policyPointer)
	case "none", "":
		if _, read := r.At(policyPointer); name == "" && (!read || isNull(r, policyPointer)) {
			return unsure(r, policyPointer, "the property is absent")
		}
	default:
		return unsure(r, policyPointer, fmt.Sprintf("%q is not a policy engine that azward knows", name))
	}
	if text(r, pluginPointer) == "none" {
		return unsure(r, pluginPointer, "the cluster brings its own network plugin, which may enforce policies")
	}
	if by, ok := selfInstalled(e, cluster); ok {
		return unsure(r, policyPointer, "AKS installs no policy engine here, but the cluster runs "+by)
	}
	return enforcement{
		answer:   azward.No,
		evidence: []azward.Evidence{r.Evidence(policyPointer, "no engine enforces network policies in this cluster")},
	}
}

func enforced(r *estate.Resource, name, pointer string) enforcement {
	return enforcement{
		answer: azward.Yes, name: name,
		evidence: []azward.Evidence{r.Evidence(pointer, name+" enforces network policies")},
	}
}

func unsure(r *estate.Resource, pointer, cause string) enforcement {
	return enforcement{gaps: []azward.Gap{{
		Scope: r.ID, Kind: azward.GapUnparsed, Reads: pointer,
		Needs: "Microsoft.ContainerService/managedClusters/read",
		Error: cause + ", so whether network policies are enforced is not known",
	}}}
}

// selfInstalled looks for the daemon sets of engines that users install.
func selfInstalled(e *estate.Estate, cluster azward.ResourceID) (string, bool) {
	for _, at := range []struct{ namespace, name string }{
		{"kube-system", "cilium"},
		{"calico-system", "calico-node"},
		{"kube-system", "calico-node"},
		{"kube-system", "antrea-agent"},
		{"kube-system", "kube-router"},
		{"kube-system", "weave-net"},
	} {
		if _, ok := e.Resource(cluster.Kubernetes("apps", "v1", at.namespace, "daemonsets", at.name)); ok {
			return "daemon set " + at.namespace + "/" + at.name, true
		}
	}
	return "", false
}

// text returns the string at pointer in lower case, "" when there is none.
func text(r *estate.Resource, pointer string) string {
	raw, ok := r.At(pointer)
	if !ok {
		return ""
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return string(raw) // a shape that no known name has
	}
	return strings.ToLower(s)
}

func isNull(r *estate.Resource, pointer string) bool {
	raw, _ := r.At(pointer)
	return string(raw) == "null"
}

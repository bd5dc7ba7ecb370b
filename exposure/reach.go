package exposure

import (
	"fmt"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// Reach answers whether, on which ports and along which hops the internet gets
// to a workload. A kind of workload that is not modelled is Unknown.
func Reach(e *estate.Estate, w estate.Workload) Exposure {
	r := reach(e, w)
	return settle(w.Workload, r.ways, r.end)
}

// reached is every way to a workload, and what says that there is no other.
type reached struct {
	ways []*way
	end  closing
}

func reach(e *estate.Estate, w estate.Workload) reached {
	switch w.Kind {
	case azward.Deployment, azward.StatefulSet, azward.DaemonSet, azward.ReplicaSet, azward.Job, azward.CronJob, azward.Pod:
		return reachKubernetes(e, w)
	case azward.VirtualMachine, azward.VirtualMachineScaleSet:
		return reachMachine(e, w, nil)
	case azward.AppService, azward.FunctionApp:
		return reachSite(e, w)
	case azward.ContainerApp:
		return reachContainerApp(e, w)
	case azward.ContainerGroup:
		return reachContainerGroup(e, w)
	case azward.ContainerAppJob: // Source: https://learn.microsoft.com/azure/container-apps/jobs
		return reached{end: closing{none: "a job has no ingress", proof: []azward.Evidence{documented(w.Resource, "/properties/configuration", "jobs of Container Apps have no ingress")}}}
	}
	gap := azward.Gap{Scope: w.ID, Kind: azward.GapUnsupported, Reads: string(w.Kind), Error: "azward does not model this kind of workload"}
	return reached{end: closing{missing: []azward.Gap{gap}}}
}

// All answers for every workload, by key.
func All(e *estate.Estate) []Exposure {
	workloads := e.Workloads()
	all := make([]Exposure, 0, len(workloads))
	for _, w := range workloads {
		all = append(all, Reach(e, w))
	}
	return all
}

// Of answers for one workload by its ID; a workload that is not in the estate
// is an error.
func Of(e *estate.Estate, id azward.ResourceID) (Exposure, error) {
	w, ok := e.Workload(id)
	if !ok {
		return Exposure{}, &azward.Error{
			Kind: azward.KindNotFound, Op: "find workload", Subject: fmt.Sprintf("%.200q", id),
			Cause: "the estate holds no workload of this ID", Remedy: "azward exposure without --to lists them",
		}
	}
	return Reach(e, w), nil
}

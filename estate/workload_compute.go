package estate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
)

// machineView holds the power state of a machine: in the instance view of an
// ARM answer, and under extended in a Resource Graph row.
type machineView struct {
	Properties struct {
		InstanceView *struct {
			Statuses []struct {
				Code string `json:"code"`
			} `json:"statuses"`
		} `json:"instanceView"`
		Extended struct {
			InstanceView struct {
				PowerState struct {
					Code string `json:"code"`
				} `json:"powerState"`
			} `json:"instanceView"`
		} `json:"extended"`
	} `json:"properties"`
}

const powerStatePrefix = "powerstate/"

// powerState returns the power state in lower case ("running",
// "deallocated") with the pointer to it, "" when none was read.
func (v *machineView) powerState() (state, pointer string) {
	if view := v.Properties.InstanceView; view != nil {
		for i, s := range view.Statuses {
			if state, ok := strings.CutPrefix(strings.ToLower(s.Code), powerStatePrefix); ok {
				return state, fmt.Sprintf("/properties/instanceView/statuses/%d/code", i)
			}
		}
	}
	if state, ok := strings.CutPrefix(strings.ToLower(v.Properties.Extended.InstanceView.PowerState.Code), powerStatePrefix); ok {
		return state, "/properties/extended/instanceView/powerState/code"
	}
	return "", ""
}

// powered says what a power state means for code on the machine. A machine on
// its way down still runs.
//
// Source: https://learn.microsoft.com/azure/virtual-machines/states-billing#power-states-and-billing
func powered(state string) azward.Answer {
	switch state {
	case "running", "starting", "stopping", "deallocating":
		return azward.Yes
	case "stopped", "deallocated":
		return azward.No
	default:
		return azward.Unknown
	}
}

func (e *Estate) virtualMachine(r *Resource, w *Workload) bool {
	w.Kind = azward.VirtualMachine
	v, ok := view[machineView](w, r)
	if !ok {
		return true
	}
	state, pointer := v.powerState()
	switch answer := powered(state); {
	case state == "":
		w.lacks("/properties/instanceView", "Microsoft.Compute/virtualMachines/instanceView/read",
			"the machine's power state was not read", "az vm get-instance-view --ids "+string(r.ID))
	case answer == azward.Unknown:
		w.decide(answer, r.Evidence(pointer, "the power state is none that azward knows"))
		w.lacks(pointer, "", fmt.Sprintf("the power state %q is none that azward knows", state), "read the machine again")
	default:
		w.decide(answer, r.Evidence(pointer, "the machine is "+state))
	}
	return true
}

const scaleSetMachines = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines"

func (e *Estate) scaleSet(r *Resource, w *Workload) bool {
	w.Kind = azward.VirtualMachineScaleSet
	v, ok := view[struct {
		SKU struct {
			Capacity *int64 `json:"capacity"`
		} `json:"sku"`
	}](w, r)
	if !ok {
		return true
	}
	const pointer = "/sku/capacity"
	if v.SKU.Capacity != nil && *v.SKU.Capacity == 0 {
		w.decide(azward.No, r.Evidence(pointer, "it has no instances"))
		return true
	}
	var stopped []azward.Evidence
	open := false
	for _, machine := range e.instances(r) {
		m, ok := view[machineView](w, machine)
		if !ok {
			open = true
			continue
		}
		state, at := m.powerState()
		switch powered(state) {
		case azward.Yes:
			w.decide(azward.Yes, machine.Evidence(at, "an instance is "+state))
			return true
		case azward.No:
			stopped = append(stopped, machine.Evidence(at, "the instance is "+state))
		default:
			open = true
		}
	}
	proof, missing := e.Absence(r.ID, scaleSetMachines)
	switch {
	case len(missing) > 0:
		w.Gaps = append(w.Gaps, missing...)
	case open || len(stopped) == 0:
		w.lacks("/properties/instanceView", scaleSetMachines+"/instanceView/read",
			"no instance's power state was read", "az vmss get-instance-view --instance-id '*' --ids "+string(r.ID))
	default:
		w.decide(azward.No, append(stopped, proof...)...)
	}
	return true
}

// instances returns the machines of a scale set: children of a uniform one,
// machines of their own that name a flexible one.
func (e *Estate) instances(r *Resource) []*Resource {
	return slices.Concat(e.Children(r.ID, scaleSetMachines), e.Referrers(r.ID, "Microsoft.Compute/virtualMachines"))
}

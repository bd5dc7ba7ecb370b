package estate

import (
	"fmt"
	"strings"

	"github.com/azward/azward"
)

type (
	appContainer struct {
		Name  string `json:"name"`
		Image string `json:"image"`
	}
	appTemplate struct {
		Containers     []appContainer `json:"containers"`
		InitContainers []appContainer `json:"initContainers"`
	}
	containerAppView struct {
		Properties struct {
			RunningStatus string `json:"runningStatus"`
			Configuration struct {
				ActiveRevisionsMode string      `json:"activeRevisionsMode"`
				Ingress             *appIngress `json:"ingress"`
			} `json:"configuration"`
			Template appTemplate `json:"template"`
		} `json:"properties"`
	}
	appIngress struct {
		TargetPort             uint16 `json:"targetPort"`
		AdditionalPortMappings []struct {
			TargetPort uint16 `json:"targetPort"`
		} `json:"additionalPortMappings"`
	}
	revisionView struct {
		Properties struct {
			Active       *bool       `json:"active"`
			RunningState string      `json:"runningState"`
			Template     appTemplate `json:"template"`
		} `json:"properties"`
	}
	containerAppJobView struct {
		Properties struct {
			RunningStatus string `json:"runningStatus"`
			RunningState  string `json:"runningState"`
			Configuration struct {
				TriggerType string `json:"triggerType"`
			} `json:"configuration"`
			Template appTemplate `json:"template"`
		} `json:"properties"`
	}
)

const revisionType = "Microsoft.App/containerApps/revisions"

// containerApp reads a Container App. Scaled to zero it still runs: the next
// request starts it.
//
// Source: https://learn.microsoft.com/azure/container-apps/scale-app
func (e *Estate) containerApp(r *Resource, w *Workload) bool {
	w.Kind = azward.ContainerApp
	v, ok := view[containerAppView](w, r)
	if !ok {
		return true
	}
	p := v.Properties
	w.appContainers(r, p.Template, p.Configuration.Ingress)
	active := e.revisions(r, v, w)
	const pointer = "/properties/runningStatus"
	switch status := p.RunningStatus; {
	case strings.EqualFold(status, "Stopped") || strings.EqualFold(status, "Suspended"):
		w.decide(azward.No, r.Evidence(pointer, "the app is stopped"))
	case strings.EqualFold(status, "Running") || strings.EqualFold(status, "Ready"):
		w.decide(azward.Yes, r.Evidence(pointer, "the app runs, or starts on a request"))
	case status == "" && active != nil:
		w.decide(azward.Yes, active.Evidence("/properties/active", "a revision of it is active"))
	default:
		w.lacks(pointer, "Microsoft.App/containerApps/read",
			fmt.Sprintf("the app's running status is %q", status), "read it with api-version 2024-03-01 or later: az containerapp show --ids "+string(r.ID))
	}
	return true
}

// revisions files the containers of active revisions, which may run other
// images than the app's template, and returns an active one or nil. With a
// single active revision the template tells all.
func (e *Estate) revisions(r *Resource, v *containerAppView, w *Workload) (active *Resource) {
	for _, revision := range e.Children(r.ID, revisionType) {
		rv, ok := view[revisionView](w, revision)
		if !ok || rv.Properties.Active == nil || !*rv.Properties.Active {
			continue
		}
		active = revision
		w.appContainers(revision, rv.Properties.Template, v.Properties.Configuration.Ingress)
	}
	if strings.EqualFold(v.Properties.Configuration.ActiveRevisionsMode, "Multiple") {
		_, missing := e.Absence(r.ID, revisionType)
		w.Gaps = append(w.Gaps, missing...)
	}
	return active
}

func (w *Workload) appContainers(r *Resource, t appTemplate, ingress *appIngress) {
	var ports []ContainerPort
	if ingress != nil {
		if ingress.TargetPort != 0 {
			ports = append(ports, ContainerPort{Port: ingress.TargetPort, Protocol: "tcp"})
		}
		for _, m := range ingress.AdditionalPortMappings {
			ports = append(ports, ContainerPort{Port: m.TargetPort, Protocol: "tcp"})
		}
	}
	for i, c := range t.Containers {
		w.addContainer(Container{
			Name: c.Name, Image: c.Image, Digest: digestOf(c.Image), Ports: ports,
			Evidence: []azward.Evidence{r.Evidence(fmt.Sprintf("/properties/template/containers/%d/image", i), "names the image")},
		})
	}
	for i, c := range t.InitContainers {
		w.addContainer(Container{
			Name: c.Name, Image: c.Image, Digest: digestOf(c.Image), Init: true,
			Evidence: []azward.Evidence{r.Evidence(fmt.Sprintf("/properties/template/initContainers/%d/image", i), "names the image")},
		})
	}
}

// containerAppJob reads a Container Apps job: it starts on a schedule, an
// event or a call.
func (e *Estate) containerAppJob(r *Resource, w *Workload) bool {
	w.Kind = azward.ContainerAppJob
	v, ok := view[containerAppJobView](w, r)
	if !ok {
		return true
	}
	p := v.Properties
	w.appContainers(r, p.Template, nil)
	status, pointer := p.RunningStatus, "/properties/runningStatus"
	if status == "" {
		status, pointer = p.RunningState, "/properties/runningState"
	}
	switch {
	case strings.EqualFold(status, "Suspended") || strings.EqualFold(status, "Stopped"):
		w.decide(azward.No, r.Evidence(pointer, "the job is suspended"))
	case p.Configuration.TriggerType != "":
		w.decide(azward.Yes, r.Evidence("/properties/configuration/triggerType", "the job is started by this"))
	default:
		w.lacks("/properties/configuration/triggerType", "Microsoft.App/jobs/read", "what starts the job was not read", "az containerapp job show --ids "+string(r.ID))
	}
	return true
}

// containerGroupView is a group of Azure Container Instances.
type containerGroupView struct {
	Properties struct {
		Containers []struct {
			Name       string `json:"name"`
			Properties struct {
				Image string `json:"image"`
				Ports []struct {
					Port     uint16 `json:"port"`
					Protocol string `json:"protocol"`
				} `json:"ports"`
			} `json:"properties"`
		} `json:"containers"`
		InitContainers []struct {
			Name       string `json:"name"`
			Properties struct {
				Image string `json:"image"`
			} `json:"properties"`
		} `json:"initContainers"`
		InstanceView *struct {
			State string `json:"state"`
		} `json:"instanceView"`
	} `json:"properties"`
}

// containerGroup reads a container group. Its state stands in the instance
// view, which a GET returns and a LIST does not.
//
// Source: https://learn.microsoft.com/azure/container-instances/container-state
func (e *Estate) containerGroup(r *Resource, w *Workload) bool {
	w.Kind = azward.ContainerGroup
	v, ok := view[containerGroupView](w, r)
	if !ok {
		return true
	}
	w.groupContainers(r, v)
	const pointer = "/properties/instanceView/state"
	state := ""
	if v.Properties.InstanceView != nil {
		state = v.Properties.InstanceView.State
	}
	switch strings.ToLower(state) {
	case "running", "repairing", "unhealthy", "stopping":
		w.decide(azward.Yes, r.Evidence(pointer, "the group is up"))
	case "stopped", "succeeded", "failed", "terminated":
		w.decide(azward.No, r.Evidence(pointer, "the group has ended"))
	default:
		w.lacks(pointer, "Microsoft.ContainerInstance/containerGroups/read",
			fmt.Sprintf("the group's state is %q", state), "az container show --ids "+string(r.ID))
	}
	return true
}

func (w *Workload) groupContainers(r *Resource, v *containerGroupView) {
	for i, c := range v.Properties.Containers {
		var ports []ContainerPort
		for _, p := range c.Properties.Ports {
			ports = append(ports, ContainerPort{Port: p.Port, Protocol: protocolOr(p.Protocol)})
		}
		w.addContainer(Container{
			Name: c.Name, Image: c.Properties.Image, Digest: digestOf(c.Properties.Image), Ports: ports,
			Evidence: []azward.Evidence{r.Evidence(fmt.Sprintf("/properties/containers/%d/properties/image", i), "names the image")},
		})
	}
	for i, c := range v.Properties.InitContainers {
		w.addContainer(Container{
			Name: c.Name, Image: c.Properties.Image, Digest: digestOf(c.Properties.Image), Init: true,
			Evidence: []azward.Evidence{r.Evidence(fmt.Sprintf("/properties/initContainers/%d/properties/image", i), "names the image")},
		})
	}
}

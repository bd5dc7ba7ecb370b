package estate

import (
	"fmt"
	"strings"

	"github.com/azward/azward"
)

// The Kubernetes views hold what decides whether something runs, and of which
// images. Field names are those of the API reference:
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/
type (
	podSpec struct {
		Containers          []podContainer `json:"containers"`
		InitContainers      []podContainer `json:"initContainers"`
		EphemeralContainers []podContainer `json:"ephemeralContainers"`
	}
	podContainer struct {
		Name          string `json:"name"`
		Image         string `json:"image"`
		RestartPolicy string `json:"restartPolicy"`
		Ports         []struct {
			Name          string `json:"name"`
			ContainerPort uint16 `json:"containerPort"`
			HostPort      uint16 `json:"hostPort"`
			Protocol      string `json:"protocol"`
		} `json:"ports"`
	}
	containerStatus struct {
		Name    string `json:"name"`
		ImageID string `json:"imageID"`
	}
	podView struct {
		Spec   podSpec `json:"spec"`
		Status struct {
			Phase                      string            `json:"phase"`
			ContainerStatuses          []containerStatus `json:"containerStatuses"`
			InitContainerStatuses      []containerStatus `json:"initContainerStatuses"`
			EphemeralContainerStatuses []containerStatus `json:"ephemeralContainerStatuses"`
		} `json:"status"`
	}
	podTemplate struct {
		Spec podSpec `json:"spec"`
	}
	// controllerView fits Deployment, StatefulSet, DaemonSet, ReplicaSet and Job.
	controllerView struct {
		Spec struct {
			Replicas *int        `json:"replicas"`
			Suspend  *bool       `json:"suspend"`
			Template podTemplate `json:"template"`
		} `json:"spec"`
		Status struct {
			Replicas               int  `json:"replicas"`
			ReadyReplicas          int  `json:"readyReplicas"`
			Active                 int  `json:"active"`
			DesiredNumberScheduled *int `json:"desiredNumberScheduled"`
			NumberReady            int  `json:"numberReady"`
			Conditions             []struct {
				Type   string `json:"type"`
				Status string `json:"status"`
			} `json:"conditions"`
		} `json:"status"`
	}
	cronJobView struct {
		Spec struct {
			Suspend     *bool  `json:"suspend"`
			Schedule    string `json:"schedule"`
			JobTemplate struct {
				Spec struct {
					Template podTemplate `json:"template"`
				} `json:"spec"`
			} `json:"jobTemplate"`
		} `json:"spec"`
	}
)

const templatePointer = "/spec/template/spec"

func (e *Estate) deployment(r *Resource, w *Workload) bool {
	w.Kind = azward.Deployment
	e.replicated(r, w)
	return true
}

func (e *Estate) statefulSet(r *Resource, w *Workload) bool {
	w.Kind = azward.StatefulSet
	e.replicated(r, w)
	return true
}

func (e *Estate) replicaSet(r *Resource, w *Workload) bool {
	w.Kind = azward.ReplicaSet
	if e.owned(r) {
		return false
	}
	e.replicated(r, w)
	return true
}

// replicated reads a controller that keeps a number of pods.
func (e *Estate) replicated(r *Resource, w *Workload) {
	v, ok := view[controllerView](w, r)
	if !ok {
		return
	}
	w.template(v.Spec.Template.Spec, templatePointer)
	running := e.readPods(r, w)
	switch {
	case e.clusterStopped(w):
	case running != nil:
		w.decide(azward.Yes, running.Evidence("/status/phase", "a pod of it runs"))
	case v.Status.ReadyReplicas > 0:
		w.decide(azward.Yes, r.Evidence("/status/readyReplicas", "this many pods are ready"))
	case v.Spec.Replicas != nil && *v.Spec.Replicas == 0 && v.Status.Replicas == 0:
		w.atZero(e, r)
	default:
		w.asksForPods(r)
	}
}

// atZero decides for a controller without pods: an autoscaler may start it when
// there is work, and that there is none takes a look at all of them.
func (w *Workload) atZero(e *Estate, r *Resource) {
	scaler, pointer, unread := e.startsFromZero(r)
	if scaler != nil {
		w.decide(azward.Yes, scaler.Evidence(pointer, "starts it from zero when there is work"))
		return
	}
	asked := r.Evidence("/spec/replicas", "no pod is asked for")
	proof, missing := e.Absence(namespaceScope(r), "horizontalpodautoscalers.autoscaling", "scaledobjects.keda.sh")
	if missing = append(missing, unread...); len(missing) > 0 {
		w.decide(azward.Unknown, asked)
		w.Gaps = append(w.Gaps, missing...)
		return
	}
	w.decide(azward.No, append([]azward.Evidence{asked}, proof...)...)
}

// asksForPods leaves Running open: pods are asked for, and none was seen.
func (w *Workload) asksForPods(r *Resource) {
	w.Evidence = append(w.Evidence, r.Evidence("/spec/replicas", "pods are asked for (1 where the field is absent)"))
	if len(w.Gaps) == 0 {
		w.lacks("pods", "a running pod", "pods are asked for, but none was running when this was read",
			"see why with `kubectl describe`, and read the cluster again")
	}
}

func (e *Estate) daemonSet(r *Resource, w *Workload) bool {
	w.Kind = azward.DaemonSet
	v, ok := view[controllerView](w, r)
	if !ok {
		return true
	}
	w.template(v.Spec.Template.Spec, templatePointer)
	running := e.readPods(r, w)
	switch desired := v.Status.DesiredNumberScheduled; {
	case e.clusterStopped(w):
	case running != nil:
		w.decide(azward.Yes, running.Evidence("/status/phase", "a pod of it runs"))
	case v.Status.NumberReady > 0:
		w.decide(azward.Yes, r.Evidence("/status/numberReady", "this many pods are ready"))
	case desired != nil && *desired == 0:
		w.decide(azward.No, r.Evidence("/status/desiredNumberScheduled", "no node matches it"))
	default:
		if len(w.Gaps) == 0 {
			w.lacks("pods", "a running pod", "no pod of it was running when this was read",
				"see why with `kubectl describe daemonset`, and read the cluster again")
		}
	}
	return true
}

func (e *Estate) job(r *Resource, w *Workload) bool {
	w.Kind = azward.Job
	if e.owned(r) {
		return false
	}
	v, ok := view[controllerView](w, r)
	if !ok {
		return true
	}
	w.template(v.Spec.Template.Spec, templatePointer)
	running := e.readPods(r, w)
	switch ended := endedCondition(v); {
	case e.clusterStopped(w):
	case running != nil:
		w.decide(azward.Yes, running.Evidence("/status/phase", "a pod of it runs"))
	case v.Status.Active > 0:
		w.decide(azward.Yes, r.Evidence("/status/active", "this many pods are active"))
	case ended >= 0:
		w.decide(azward.No, r.Evidence(fmt.Sprintf("/status/conditions/%d", ended), "the job has ended"))
	case v.Spec.Suspend != nil && *v.Spec.Suspend:
		w.decide(azward.No, r.Evidence("/spec/suspend", "the job is suspended"))
	default:
		w.lacks("/status", "jobs/status", "the job's status tells neither an active pod nor an end", "export it with `kubectl get jobs -o json`")
	}
	return true
}

// endedCondition returns the index of the condition Complete or Failed, or -1.
//
// Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/#terminal-job-conditions
func endedCondition(v *controllerView) int {
	for i, c := range v.Status.Conditions {
		if (c.Type == "Complete" || c.Type == "Failed") && c.Status == "True" {
			return i
		}
	}
	return -1
}

func (e *Estate) cronJob(r *Resource, w *Workload) bool {
	w.Kind = azward.CronJob
	v, ok := view[cronJobView](w, r)
	if !ok {
		return true
	}
	w.template(v.Spec.JobTemplate.Spec.Template.Spec, "/spec/jobTemplate/spec/template/spec")
	running := e.readPods(r, w)
	switch suspended := v.Spec.Suspend != nil && *v.Spec.Suspend; {
	case e.clusterStopped(w):
	case running != nil:
		w.decide(azward.Yes, running.Evidence("/status/phase", "a pod of it runs"))
	case suspended:
		w.decide(azward.No, r.Evidence("/spec/suspend", "no job is started while it is suspended"))
	case v.Spec.Schedule != "":
		w.decide(azward.Yes, r.Evidence("/spec/schedule", "starts a job at these times"))
	default:
		w.lacks("/spec/schedule", "", "it has no schedule", "")
	}
	return true
}

func (e *Estate) pod(r *Resource, w *Workload) bool {
	w.Kind = azward.Pod
	if e.owned(r) {
		return false
	}
	v, ok := view[podView](w, r)
	if !ok {
		return true
	}
	w.Pods = []*Resource{r}
	w.podContainers(r, v)
	switch phase := v.Status.Phase; {
	case e.clusterStopped(w):
	case phase == "Running":
		w.decide(azward.Yes, r.Evidence("/status/phase", "the pod runs"))
	case phase == "Succeeded" || phase == "Failed":
		w.decide(azward.No, r.Evidence("/status/phase", "the pod has ended for good"))
	default:
		w.lacks("/status/phase", "a running pod", fmt.Sprintf("its phase is %q", phase),
			"read the cluster again, or export with `kubectl get pods -o json`")
	}
	return true
}

// clusterStopped decides No for everything in a cluster that is shut down, and
// leaves open what a cluster in a state that nobody knows does.
//
// Source: https://learn.microsoft.com/azure/aks/start-stop-cluster
func (e *Estate) clusterStopped(w *Workload) bool {
	if w.Cluster == nil {
		return false
	}
	const pointer = "/properties/powerState/code"
	switch code, _ := w.Cluster.At(pointer); strings.ToLower(string(code)) {
	case "", "null", `"running"`:
		return false
	case `"stopped"`:
		w.decide(azward.No, w.Cluster.Evidence(pointer, "the cluster is stopped"))
	default:
		w.decide(azward.Unknown, w.Cluster.Evidence(pointer, "the power state is none that azward knows"))
		w.Gaps = append(w.Gaps, azward.Gap{
			Scope: w.Cluster.ID, Kind: azward.GapUnparsed, Reads: pointer, Error: "the cluster's power state is none that azward knows", Remedy: "read the cluster again",
		})
	}
	return true
}

// readPods joins the pods that a controller owns, files their containers, and
// returns one that runs, or nil. Unless all pods of the namespace were listed,
// there may be more of them: that is a gap.
func (e *Estate) readPods(r *Resource, w *Workload) (running *Resource) {
	w.Pods = e.podsOf(r)
	keepEnded := r.Kind == "Job.batch" || r.Kind == "CronJob.batch"
	for _, pod := range w.Pods {
		v, ok := view[podView](w, pod)
		if !ok {
			continue
		}
		if v.Status.Phase == "Running" && running == nil {
			running = pod
		}
		if ended := v.Status.Phase == "Succeeded" || v.Status.Phase == "Failed"; !ended || keepEnded {
			w.podContainers(pod, v)
		}
	}
	_, missing := e.Absence(namespaceScope(r), "pods")
	w.Gaps = append(w.Gaps, missing...)
	return running
}

// namespaceScope is the scope of a listing of one namespace, and lies within
// that of the whole cluster.
func namespaceScope(r *Resource) azward.ResourceID {
	if r.Namespace == "" {
		return r.Cluster
	}
	return r.Cluster.Kubernetes("", "v1", "", "namespaces", r.Namespace)
}

// template files the containers that a controller's pod template asks for.
func (w *Workload) template(spec podSpec, pointer string) {
	w.specContainers(w.Resource, spec, pointer, nil)
}

// podContainers files the containers of a pod with the digests in its status.
func (w *Workload) podContainers(pod *Resource, v *podView) {
	w.specContainers(pod, v.Spec, "/spec", func(list, name string) (azward.Digest, string) {
		statuses := v.Status.ContainerStatuses
		switch list {
		case "initContainers":
			statuses = v.Status.InitContainerStatuses
		case "ephemeralContainers":
			statuses = v.Status.EphemeralContainerStatuses
		}
		for i, s := range statuses {
			if s.Name == name {
				return digestOf(s.ImageID), fmt.Sprintf("/status/%sStatuses/%d/imageID", strings.TrimSuffix(list, "s"), i)
			}
		}
		return "", ""
	})
}

func (w *Workload) specContainers(r *Resource, spec podSpec, pointer string, status func(list, name string) (azward.Digest, string)) {
	for _, part := range []struct {
		list string
		of   []podContainer
	}{
		{"containers", spec.Containers},
		{"initContainers", spec.InitContainers},
		{"ephemeralContainers", spec.EphemeralContainers},
	} {
		for i, c := range part.of {
			container := Container{
				Name: c.Name, Image: c.Image, Digest: digestOf(c.Image), Ports: declaredPorts(c),
				Init:     part.list == "initContainers" && c.RestartPolicy != "Always",
				Evidence: []azward.Evidence{r.Evidence(fmt.Sprintf("%s/%s/%d/image", pointer, part.list, i), "names the image")},
			}
			if status != nil {
				if digest, at := status(part.list, c.Name); digest != "" {
					container.Digest = digest
					container.Evidence = append(container.Evidence, r.Evidence(at, "runs this digest"))
				}
			}
			w.addContainer(container)
		}
	}
}

func declaredPorts(c podContainer) []ContainerPort {
	ports := make([]ContainerPort, 0, len(c.Ports))
	for _, p := range c.Ports {
		ports = append(ports, ContainerPort{
			Name: p.Name, Port: p.ContainerPort, HostPort: p.HostPort, Protocol: protocolOr(p.Protocol),
		})
	}
	return ports
}

// protocolOr gives the protocol in lower case; TCP is the documented default
// of container ports in Kubernetes and in Azure Container Instances.
func protocolOr(protocol string) string {
	if protocol == "" {
		return "tcp"
	}
	return strings.ToLower(protocol)
}

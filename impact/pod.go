package impact

import (
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// The part of a pod that decides what its containers may do outside of it.
//
// Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
type (
	podTemplate struct {
		Metadata struct {
			Labels map[string]string `json:"labels"`
		} `json:"metadata"`
		Spec podSpec `json:"spec"`
	}
	podSpec struct {
		ServiceAccountName           string          `json:"serviceAccountName"`
		AutomountServiceAccountToken *bool           `json:"automountServiceAccountToken"`
		HostNetwork                  bool            `json:"hostNetwork"`
		HostPID                      bool            `json:"hostPID"`
		HostIPC                      bool            `json:"hostIPC"`
		SecurityContext              securityContext `json:"securityContext"`
		Containers                   []podContainer  `json:"containers"`
		Volumes                      []struct {
			Name     string `json:"name"`
			HostPath *struct {
				Path string `json:"path"`
			} `json:"hostPath"`
		} `json:"volumes"`
	}
	podContainer struct {
		Name            string          `json:"name"`
		SecurityContext securityContext `json:"securityContext"`
		VolumeMounts    []struct {
			Name     string `json:"name"`
			ReadOnly bool   `json:"readOnly"`
		} `json:"volumeMounts"`
	}
	securityContext struct {
		Privileged               *bool  `json:"privileged"`
		AllowPrivilegeEscalation *bool  `json:"allowPrivilegeEscalation"`
		ReadOnlyRootFilesystem   *bool  `json:"readOnlyRootFilesystem"`
		RunAsNonRoot             *bool  `json:"runAsNonRoot"`
		RunAsUser                *int64 `json:"runAsUser"`
		Capabilities             struct {
			Add  []string `json:"add"`
			Drop []string `json:"drop"`
		} `json:"capabilities"`
		SeccompProfile *struct {
			Type string `json:"type"`
		} `json:"seccompProfile"`
	}
	controller struct {
		Metadata podMetadata `json:"metadata"`
		Spec     struct {
			podSpec
			Template    *podTemplate `json:"template"`
			JobTemplate *struct {
				Spec struct {
					Template podTemplate `json:"template"`
				} `json:"spec"`
			} `json:"jobTemplate"`
		} `json:"spec"`
	}
	podMetadata struct {
		Labels map[string]string `json:"labels"`
	}
)

// templateOf finds the pod that a workload makes, and where it stands.
func templateOf(w estate.Workload) (podTemplate, string, error) {
	v, err := estate.Decode[controller](w.Resource)
	if err != nil {
		return podTemplate{}, "", err
	}
	switch {
	case v.Spec.JobTemplate != nil:
		return v.Spec.JobTemplate.Spec.Template, "/spec/jobTemplate/spec/template", nil
	case v.Spec.Template != nil:
		return *v.Spec.Template, "/spec/template", nil
	}
	t := podTemplate{Spec: v.Spec.podSpec}
	t.Metadata.Labels = v.Metadata.Labels
	return t, "", nil
}

func (r *radius) pod() {
	t, pointer, err := templateOf(r.w)
	if err != nil {
		r.doubt(NodeControl, "what the pod may do is not known", []azward.Gap{{Scope: r.w.ID, Kind: azward.GapUnparsed, Reads: "the pod template", Error: err.Error()}})
		return
	}
	r.node(t.Spec, pointer+"/spec")
	r.hardening(t.Spec, pointer+"/spec")
	r.serviceAccount(t, pointer)
	r.nodeIdentity()
}

// dangerous capabilities are those that lead out of a container.
//
// Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline (what may be added),
// https://man7.org/linux/man-pages/man7/capabilities.7.html
var dangerous = []string{"ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "DAC_READ_SEARCH", "BPF", "NET_ADMIN", "SYS_BOOT", "MAC_ADMIN"}

// ownPaths are host paths that lead to nothing of others when mounted.
var ownPaths = []string{"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/etc/localtime", "/usr/share/zoneinfo", "/etc/ssl/certs", "/etc/pki", "/usr/share/ca-certificates"}

// node is what the pod's settings reach on its node.
func (r *radius) node(spec podSpec, pointer string) {
	cite := func(at, meaning string) azward.Evidence { return r.w.Resource.Evidence(pointer+at, meaning) }
	for i, c := range spec.Containers {
		at := fmt.Sprintf("/containers/%d/securityContext", i)
		if c.SecurityContext.Privileged != nil && *c.SecurityContext.Privileged {
			r.add(Lateral, NodeControl, fmt.Sprintf("container %s is privileged: it controls its node and all pods there", c.Name), cite(at+"/privileged", "no isolation from the node"))
			continue
		}
		for j, name := range c.SecurityContext.Capabilities.Add {
			if slices.Contains(dangerous, strings.TrimPrefix(strings.ToUpper(name), "CAP_")) {
				r.add(Lateral, NodeControl, fmt.Sprintf("container %s has the capability %s, which leads out of it", c.Name, name), cite(fmt.Sprintf("%s/capabilities/add/%d", at, j), "a capability beyond the default set"))
			}
		}
	}
	for _, shared := range []struct {
		set          bool
		field, words string
	}{
		{spec.HostPID, "/hostPID", "it sees and may trace the node's processes"},
		{spec.HostNetwork, "/hostNetwork", "it has the node's network, and network policies do not hold for it"},
		{spec.HostIPC, "/hostIPC", "it shares memory with the node's processes"},
	} {
		if shared.set {
			r.add(Data, NodeControl, "the pod shares "+strings.TrimPrefix(shared.field, "/host")+" with its node: "+shared.words, cite(shared.field, "shared with the node"))
		}
	}
	for i, v := range spec.Volumes {
		if v.HostPath == nil || slices.Contains(ownPaths, strings.TrimRight(v.HostPath.Path, "/")) {
			continue
		}
		readOnly := !slices.ContainsFunc(spec.Containers, func(c podContainer) bool {
			return slices.ContainsFunc(c.VolumeMounts, func(m struct {
				Name     string `json:"name"`
				ReadOnly bool   `json:"readOnly"`
			},
			) bool {
				return m.Name == v.Name && !m.ReadOnly
			})
		})
		rank, words := Lateral, "it can change the node's "
		if readOnly {
			rank, words = Data, "it can read the node's "
		}
		r.add(rank, NodeControl, words+v.HostPath.Path, cite(fmt.Sprintf("/volumes/%d/hostPath/path", i), "a directory of the node"))
	}
}

// hardening is what makes an attack harder. All containers must have it.
func (r *radius) hardening(spec podSpec, pointer string) {
	if len(spec.Containers) == 0 {
		return
	}
	cite := func(at, meaning string) azward.Evidence { return r.w.Resource.Evidence(pointer+at, meaning) }
	every := func(of func(securityContext) bool) bool {
		return !slices.ContainsFunc(spec.Containers, func(c podContainer) bool { return !of(c.SecurityContext) })
	}
	pod := spec.SecurityContext
	yes := func(b *bool) bool { return b != nil && *b }
	no := func(b *bool) bool { return b != nil && !*b }
	if every(func(c securityContext) bool {
		if c.RunAsNonRoot != nil || c.RunAsUser != nil {
			return yes(c.RunAsNonRoot) || c.RunAsUser != nil && *c.RunAsUser > 0
		}
		return yes(pod.RunAsNonRoot) || pod.RunAsUser != nil && *pod.RunAsUser > 0
	}) {
		r.mitigated(NonRoot, "no container runs as root", cite("", "runAsNonRoot or a user other than 0 for each container"))
	}
	if every(func(c securityContext) bool { return yes(c.ReadOnlyRootFilesystem) }) {
		r.mitigated(ReadOnlyRoot, "the containers' root file systems are read-only", cite("/containers", "readOnlyRootFilesystem for each container"))
	}
	if every(func(c securityContext) bool { return no(c.AllowPrivilegeEscalation) }) {
		r.mitigated(NoEscalation, "no process gains more rights than its parent has", cite("/containers", "allowPrivilegeEscalation false for each container"))
	}
	if every(func(c securityContext) bool {
		return slices.ContainsFunc(c.Capabilities.Drop, func(name string) bool { return strings.EqualFold(name, "ALL") })
	}) {
		r.mitigated(NoCapabilities, "all capabilities are dropped", cite("/containers", "capabilities.drop has ALL for each container"))
	}
	confined := func(c securityContext) bool {
		return c.SeccompProfile != nil && (c.SeccompProfile.Type == "RuntimeDefault" || c.SeccompProfile.Type == "Localhost")
	}
	if every(func(c securityContext) bool { return confined(c) || c.SeccompProfile == nil && confined(pod) }) {
		r.mitigated(SeccompProfile, "system calls are filtered by a seccomp profile", cite("", "seccompProfile for each container"))
	}
}

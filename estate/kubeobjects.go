package estate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// The views below decode what engines ask of Kubernetes objects; get one with
// [Decode]. Field names are Kubernetes' own.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/

// ObjectMeta is the part of metadata that engines ask for.
type ObjectMeta struct {
	Name              string            `json:"name"`
	Namespace         string            `json:"namespace"`
	Labels            map[string]string `json:"labels"`
	Annotations       map[string]string `json:"annotations"`
	UID               string            `json:"uid"`
	OwnerReferences   []OwnerReference  `json:"ownerReferences"`
	DeletionTimestamp string            `json:"deletionTimestamp"`
}

// OwnerReference names the object that made this one.
type OwnerReference struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	Controller bool   `json:"controller"`
}

// LabelSelector picks objects by label. An empty one picks all; a nil one
// picks none, unless the field says otherwise.
type LabelSelector struct {
	MatchLabels      map[string]string  `json:"matchLabels"`
	MatchExpressions []LabelRequirement `json:"matchExpressions"`
}

// LabelRequirement is one expression of a selector.
type LabelRequirement struct {
	Key      string   `json:"key"`
	Operator string   `json:"operator"` // In, NotIn, Exists, DoesNotExist
	Values   []string `json:"values"`
}

// Matches reports whether the labels satisfy every requirement. An error
// means that the API server would have refused the selector: it selects
// nothing that can be told.
func (s *LabelSelector) Matches(labels map[string]string) (bool, error) {
	matched := true
	for key, want := range s.MatchLabels {
		if got, ok := labels[key]; !ok || got != want {
			matched = false
		}
	}
	for _, r := range s.MatchExpressions {
		ok, err := r.matches(labels)
		if err != nil {
			return false, err
		}
		matched = matched && ok
	}
	return matched, nil
}

func (r LabelRequirement) matches(labels map[string]string) (bool, error) {
	value, has := labels[r.Key]
	switch r.Operator {
	case "In", "NotIn":
		if len(r.Values) == 0 {
			return false, fmt.Errorf("operator %s on key %q without values", r.Operator, r.Key)
		}
		// NotIn also holds where the key is missing.
		return (has && slices.Contains(r.Values, value)) == (r.Operator == "In"), nil
	case "Exists", "DoesNotExist":
		if len(r.Values) > 0 {
			return false, fmt.Errorf("operator %s on key %q with values", r.Operator, r.Key)
		}
		return has == (r.Operator == "Exists"), nil
	}
	return false, fmt.Errorf("operator %q on key %q is none of In, NotIn, Exists and DoesNotExist", r.Operator, r.Key)
}

// Empty reports whether the selector has no requirement.
func (s *LabelSelector) Empty() bool {
	return s != nil && len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 0
}

// IntOrString is a port number or a port's name; the zero value is neither.
type IntOrString struct {
	Int  int
	Name string
}

// UnmarshalJSON reads 80, "80" (the form some tools write) or "http".
func (p *IntOrString) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &p.Name)
	}
	return json.Unmarshal(b, &p.Int)
}

// String prints the number or the name.
func (p IntOrString) String() string {
	if p.Name != "" {
		return p.Name
	}
	return fmt.Sprint(p.Int)
}

// KubernetesNamespace is a namespace.
type KubernetesNamespace struct {
	Metadata ObjectMeta `json:"metadata"`
}

// KubernetesPod is a pod.
type KubernetesPod struct {
	Metadata ObjectMeta `json:"metadata"`
	Spec     PodSpec    `json:"spec"`
	Status   struct {
		Phase  string        `json:"phase"`
		PodIP  string        `json:"podIP"`
		PodIPs []PodIPStatus `json:"podIPs"`
		HostIP string        `json:"hostIP"`
	} `json:"status"`
}

// PodIPStatus is one address of a pod.
type PodIPStatus struct {
	IP string `json:"ip"`
}

// PodSpec is what a pod asks for, as far as the network is concerned.
type PodSpec struct {
	NodeName       string            `json:"nodeName"`
	HostNetwork    bool              `json:"hostNetwork"`
	Containers     []PodContainer    `json:"containers"`
	InitContainers []PodContainer    `json:"initContainers"`
	NodeSelector   map[string]string `json:"nodeSelector"`
}

// PodContainer is one container of a pod with its declared ports and command
// line (an ingress controller is told its class there).
type PodContainer struct {
	Name          string             `json:"name"`
	Image         string             `json:"image"`
	Args          []string           `json:"args"`
	Command       []string           `json:"command"`
	RestartPolicy string             `json:"restartPolicy"` // Always makes an init container a sidecar
	Ports         []PodContainerPort `json:"ports"`
}

// PodContainerPort is a declared port.
type PodContainerPort struct {
	Name          string `json:"name"`
	ContainerPort int    `json:"containerPort"`
	HostPort      int    `json:"hostPort"`
	HostIP        string `json:"hostIP"`
	Protocol      string `json:"protocol"` // "" means TCP
}

// KubernetesController is a Deployment, StatefulSet, DaemonSet, ReplicaSet,
// Job or CronJob: something with a pod template.
type KubernetesController struct {
	Metadata ObjectMeta `json:"metadata"`
	Spec     struct {
		Replicas    *int           `json:"replicas"`
		Selector    *LabelSelector `json:"selector"`
		Template    PodTemplate    `json:"template"`
		JobTemplate struct {
			Spec struct {
				Template PodTemplate `json:"template"`
			} `json:"spec"`
		} `json:"jobTemplate"` // CronJob
	} `json:"spec"`
}

// PodTemplate is what a controller makes pods from.
type PodTemplate struct {
	Metadata ObjectMeta `json:"metadata"`
	Spec     PodSpec    `json:"spec"`
}

// KubernetesService is a Service.
type KubernetesService struct {
	Metadata ObjectMeta `json:"metadata"`
	Spec     struct {
		Type                          string            `json:"type"` // "" means ClusterIP
		Selector                      map[string]string `json:"selector"`
		ClusterIP                     string            `json:"clusterIP"`
		ClusterIPs                    []string          `json:"clusterIPs"`
		ExternalIPs                   []string          `json:"externalIPs"`
		ExternalName                  string            `json:"externalName"`
		LoadBalancerIP                string            `json:"loadBalancerIP"`
		LoadBalancerClass             string            `json:"loadBalancerClass"`
		LoadBalancerSourceRanges      []string          `json:"loadBalancerSourceRanges"`
		ExternalTrafficPolicy         string            `json:"externalTrafficPolicy"` // "" means Cluster
		AllocateLoadBalancerNodePorts *bool             `json:"allocateLoadBalancerNodePorts"`
		Ports                         []ServicePort     `json:"ports"`
	} `json:"spec"`
	Status LoadBalancerStatus `json:"status"`
}

// ServicePort is one port of a Service.
type ServicePort struct {
	Name       string       `json:"name"`
	Protocol   string       `json:"protocol"` // "" means TCP
	Port       int          `json:"port"`
	TargetPort *IntOrString `json:"targetPort"` // nil means Port
	NodePort   int          `json:"nodePort"`
}

// LoadBalancerStatus is the status of a Service or an Ingress.
type LoadBalancerStatus struct {
	LoadBalancer struct {
		Ingress []LoadBalancerIngress `json:"ingress"`
	} `json:"loadBalancer"`
}

// LoadBalancerIngress is one address at which a load balancer listens.
type LoadBalancerIngress struct {
	IP       string `json:"ip"`
	Hostname string `json:"hostname"`
}

// KubernetesEndpointSlice holds addresses behind a Service, which its label
// kubernetes.io/service-name names.
type KubernetesEndpointSlice struct {
	Metadata    ObjectMeta `json:"metadata"`
	AddressType string     `json:"addressType"`
	Endpoints   []struct {
		Addresses  []string `json:"addresses"`
		Conditions struct {
			Ready *bool `json:"ready"` // nil means ready
		} `json:"conditions"`
		TargetRef *struct {
			Kind      string `json:"kind"`
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
		} `json:"targetRef"`
	} `json:"endpoints"`
	Ports []struct {
		Name     string `json:"name"`
		Port     int    `json:"port"`
		Protocol string `json:"protocol"`
	} `json:"ports"`
}

// KubernetesIngress is an Ingress of networking.k8s.io/v1.
type KubernetesIngress struct {
	Metadata ObjectMeta `json:"metadata"`
	Spec     struct {
		IngressClassName string          `json:"ingressClassName"`
		DefaultBackend   *IngressBackend `json:"defaultBackend"`
		Rules            []struct {
			Host string `json:"host"`
			HTTP *struct {
				Paths []struct {
					Path     string         `json:"path"`
					PathType string         `json:"pathType"`
					Backend  IngressBackend `json:"backend"`
				} `json:"paths"`
			} `json:"http"`
		} `json:"rules"`
	} `json:"spec"`
	Status LoadBalancerStatus `json:"status"`
}

// IngressBackend is a Service, or a resource that only its controller knows.
type IngressBackend struct {
	Service *struct {
		Name string `json:"name"`
		Port struct {
			Name   string `json:"name"`
			Number int    `json:"number"`
		} `json:"port"`
	} `json:"service"`
	Resource json.RawMessage `json:"resource"`
}

// KubernetesIngressClass names the controller of a class.
type KubernetesIngressClass struct {
	Metadata ObjectMeta `json:"metadata"`
	Spec     struct {
		Controller string `json:"controller"`
	} `json:"spec"`
}

// KubernetesNode is a node.
type KubernetesNode struct {
	Metadata ObjectMeta `json:"metadata"`
	Spec     struct {
		ProviderID string `json:"providerID"` // "azure://" and the machine's ARM ID
		PodCIDR    string `json:"podCIDR"`
	} `json:"spec"`
	Status struct {
		Addresses []struct {
			Type    string `json:"type"` // InternalIP, ExternalIP, Hostname
			Address string `json:"address"`
		} `json:"addresses"`
	} `json:"status"`
}

// NetworkPolicy is a NetworkPolicy of networking.k8s.io/v1.
type NetworkPolicy struct {
	Metadata ObjectMeta `json:"metadata"`
	Spec     struct {
		PodSelector *LabelSelector      `json:"podSelector"` // nil, like empty, selects all pods of the namespace
		PolicyTypes []string            `json:"policyTypes"`
		Ingress     []NetworkPolicyRule `json:"ingress"`
		Egress      []NetworkPolicyRule `json:"egress"`
	} `json:"spec"`
}

// NetworkPolicyRule is an ingress rule (From) or an egress rule (To).
type NetworkPolicyRule struct {
	From  []NetworkPolicyPeer `json:"from"`
	To    []NetworkPolicyPeer `json:"to"`
	Ports []NetworkPolicyPort `json:"ports"`
}

// NetworkPolicyPeer is one element of from or to.
type NetworkPolicyPeer struct {
	PodSelector       *LabelSelector
	NamespaceSelector *LabelSelector
	IPBlock           *IPBlock
	// Unknown holds the names of fields that azward does not know; what such a
	// peer matches cannot be told.
	Unknown []string
}

// IPBlock is a CIDR without some of its parts.
type IPBlock struct {
	CIDR   string   `json:"cidr"`
	Except []string `json:"except"`
}

// NetworkPolicyPort is one element of ports.
type NetworkPolicyPort struct {
	Protocol string       `json:"protocol"` // "" means TCP
	Port     *IntOrString `json:"port"`     // nil means all ports
	EndPort  int          `json:"endPort"`
}

// UnmarshalJSON keeps the names of fields it does not know.
func (p *NetworkPolicyPeer) UnmarshalJSON(b []byte) error {
	unknown, err := fields(b, map[string]any{
		"podSelector": &p.PodSelector, "namespaceSelector": &p.NamespaceSelector, "ipBlock": &p.IPBlock,
	})
	p.Unknown = unknown
	return err
}

// AdminNetworkPolicy is an AdminNetworkPolicy or BaselineAdminNetworkPolicy of
// policy.networking.k8s.io/v1alpha1.
// Source: https://network-policy-api.sigs.k8s.io/reference/spec/
type AdminNetworkPolicy struct {
	Metadata ObjectMeta `json:"metadata"`
	Spec     struct {
		Priority *int                     `json:"priority"` // 0 first; a baseline policy has none
		Subject  AdminPolicySubject       `json:"subject"`
		Ingress  []AdminNetworkPolicyRule `json:"ingress"`
		Egress   []AdminNetworkPolicyRule `json:"egress"`
	} `json:"spec"`
}

// AdminPolicySubject picks the pods that a policy is about.
type AdminPolicySubject struct {
	Namespaces *LabelSelector
	Pods       *NamespacedPodSelector
	Unknown    []string
}

// NamespacedPodSelector picks pods by the labels of both.
type NamespacedPodSelector struct {
	NamespaceSelector LabelSelector `json:"namespaceSelector"`
	PodSelector       LabelSelector `json:"podSelector"`
}

// AdminNetworkPolicyRule is one rule; the first that matches decides.
type AdminNetworkPolicyRule struct {
	Name   string                    `json:"name"`
	Action string                    `json:"action"` // Allow, Deny, Pass
	From   []AdminNetworkPolicyPeer  `json:"from"`
	To     []AdminNetworkPolicyPeer  `json:"to"`
	Ports  *[]AdminNetworkPolicyPort `json:"ports"` // nil means all
}

// AdminNetworkPolicyPeer is one element of from or to.
type AdminNetworkPolicyPeer struct {
	Namespaces *LabelSelector
	Pods       *NamespacedPodSelector
	Nodes      *LabelSelector
	Networks   []string
	Unknown    []string
}

// AdminNetworkPolicyPort is one element of ports: exactly one field is set.
type AdminNetworkPolicyPort struct {
	PortNumber *struct {
		Protocol string `json:"protocol"`
		Port     int    `json:"port"`
	}
	PortRange *struct {
		Protocol string `json:"protocol"`
		Start    int    `json:"start"`
		End      int    `json:"end"`
	}
	NamedPort *string
	Unknown   []string
}

// UnmarshalJSON keeps the names of fields it does not know.
func (s *AdminPolicySubject) UnmarshalJSON(b []byte) error {
	unknown, err := fields(b, map[string]any{"namespaces": &s.Namespaces, "pods": &s.Pods})
	s.Unknown = unknown
	return err
}

// UnmarshalJSON keeps the names of fields it does not know.
func (p *AdminNetworkPolicyPeer) UnmarshalJSON(b []byte) error {
	unknown, err := fields(b, map[string]any{
		"namespaces": &p.Namespaces, "pods": &p.Pods, "nodes": &p.Nodes, "networks": &p.Networks,
	})
	p.Unknown = unknown
	return err
}

// UnmarshalJSON keeps the names of fields it does not know.
func (p *AdminNetworkPolicyPort) UnmarshalJSON(b []byte) error {
	unknown, err := fields(b, map[string]any{
		"portNumber": &p.PortNumber, "portRange": &p.PortRange, "namedPort": &p.NamedPort,
	})
	p.Unknown = unknown
	return err
}

// fields decodes the known members of a JSON object into their targets and
// returns the names of the others in order.
func fields(b []byte, known map[string]any) ([]string, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return nil, err
	}
	var unknown []string
	for name, value := range members {
		target, ok := known[name]
		if !ok {
			if !strings.EqualFold(string(value), "null") {
				unknown = append(unknown, name)
			}
			continue
		}
		if err := json.Unmarshal(value, target); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	slices.Sort(unknown)
	return unknown, nil
}

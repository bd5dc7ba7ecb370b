package estate

import (
	"github.com/azward/azward"
)

// Workload is one deployed thing that runs code, with what is known of whether
// it runs and of which images.
type Workload struct {
	azward.Workload
	// Resource is the thing itself: the Deployment, the site, the machine.
	Resource *Resource
	// Cluster is the AKS cluster of a Kubernetes workload, else nil.
	Cluster *Resource
	// Pods of a Kubernetes workload, as far as they were read.
	Pods []*Resource
	// Running is Yes when it runs now or starts on a request (scale to zero),
	// No when its state says that it does not (stopped, zero replicas), Unknown
	// when that was not read.
	Running  azward.Answer
	Evidence []azward.Evidence // for Running
	Gaps     []azward.Gap
	// Containers by name; empty for a machine or a code-only site, whose
	// packages azward cannot see.
	Containers []Container
}

// Container is one container of a workload.
type Container struct {
	Name string
	// Image as the workload's own object names it: "contoso.azurecr.io/shop/cart:1.4".
	Image string
	// Digest that runs, "" while only the tag is known. A pod's status gives
	// it; other services tell the tag alone.
	Digest azward.Digest
	// Ports that the container declares. Declaring is documentation in
	// Kubernetes: a container may listen on others.
	Ports    []ContainerPort
	Evidence []azward.Evidence // for Image and Digest
}

// ContainerPort is a declared port.
type ContainerPort struct {
	Name     string // "" where unnamed
	Port     uint16
	Protocol string // "tcp", "udp" or "sctp"
	HostPort uint16 // 0 where none
}

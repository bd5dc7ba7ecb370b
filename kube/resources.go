package kube

// resource is one kind of object that azward reads.
type resource struct {
	group, version, plural, kind string
	custom                       bool // the server may not have it, which says that there are none
}

// listed names the resource as "plural.group", as `kubectl api-resources` does.
func (r resource) listed() string {
	if r.group == "" {
		return r.plural
	}
	return r.plural + "." + r.group
}

func (r resource) path() string {
	if r.group == "" {
		return "/api/" + r.version + "/" + r.plural
	}
	return "/apis/" + r.group + "/" + r.version + "/" + r.plural
}

// dataAction is what Azure RBAC calls reading the resource.
//
// Source: https://learn.microsoft.com/azure/role-based-access-control/permissions/containers#microsoftcontainerservice
func (r resource) dataAction() string {
	const prefix = "Microsoft.ContainerService/managedClusters/"
	switch {
	case r.custom:
		return prefix + "customresources/read"
	case r.group == "":
		return prefix + r.plural + "/read"
	default:
		return prefix + r.group + "/" + r.plural + "/read"
	}
}

// beyondReader are built-in resources that the role Azure Kubernetes Service
// RBAC Reader leaves out.
//
// Source: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/containers#azure-kubernetes-service-rbac-reader
var beyondReader = map[string]bool{
	"nodes": true, "ingressclasses.networking.k8s.io": true,
	"clusterroles.rbac.authorization.k8s.io": true, "clusterrolebindings.rbac.authorization.k8s.io": true,
	"roles.rbac.authorization.k8s.io": true, "rolebindings.rbac.authorization.k8s.io": true,
}

// resources are what exposure and verdicts ask of a cluster. Secrets and
// ConfigMaps are left out on purpose: azward has no use for what they hold.
var resources = []resource{
	{"", "v1", "namespaces", "Namespace", false},
	{"", "v1", "nodes", "Node", false},
	{"", "v1", "pods", "Pod", false},
	{"", "v1", "services", "Service", false},
	{"", "v1", "serviceaccounts", "ServiceAccount", false},
	{"apps", "v1", "deployments", "Deployment", false},
	{"apps", "v1", "replicasets", "ReplicaSet", false},
	{"apps", "v1", "statefulsets", "StatefulSet", false},
	{"apps", "v1", "daemonsets", "DaemonSet", false},
	{"batch", "v1", "jobs", "Job", false},
	{"batch", "v1", "cronjobs", "CronJob", false},
	{"autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", false},
	{"discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", false},
	{"networking.k8s.io", "v1", "ingresses", "Ingress", false},
	{"networking.k8s.io", "v1", "ingressclasses", "IngressClass", false},
	{"networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", false},
	{"rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false},
	{"rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", false},
	{"rbac.authorization.k8s.io", "v1", "roles", "Role", false},
	{"rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", false},
	{"gateway.networking.k8s.io", "v1", "gatewayclasses", "GatewayClass", true},
	{"gateway.networking.k8s.io", "v1", "gateways", "Gateway", true},
	{"gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute", true},
	{"gateway.networking.k8s.io", "v1", "grpcroutes", "GRPCRoute", true},
	{"gateway.networking.k8s.io", "v1alpha2", "tcproutes", "TCPRoute", true},
	{"gateway.networking.k8s.io", "v1alpha2", "tlsroutes", "TLSRoute", true},
	{"policy.networking.k8s.io", "v1alpha1", "adminnetworkpolicies", "AdminNetworkPolicy", true},
	{"policy.networking.k8s.io", "v1alpha1", "baselineadminnetworkpolicies", "BaselineAdminNetworkPolicy", true},
	{"cilium.io", "v2", "ciliumnetworkpolicies", "CiliumNetworkPolicy", true},
	{"cilium.io", "v2", "ciliumclusterwidenetworkpolicies", "CiliumClusterwideNetworkPolicy", true},
	{"crd.projectcalico.org", "v1", "networkpolicies", "NetworkPolicy", true},
	{"crd.projectcalico.org", "v1", "globalnetworkpolicies", "GlobalNetworkPolicy", true},
	{"policy.networking.k8s.io", "v1alpha2", "clusternetworkpolicies", "ClusterNetworkPolicy", true},
	{"crd.projectcalico.org", "v1", "tiers", "Tier", true},
	{"networking.istio.io", "v1", "gateways", "Gateway", true},
	{"networking.istio.io", "v1", "virtualservices", "VirtualService", true},
	{"security.istio.io", "v1", "authorizationpolicies", "AuthorizationPolicy", true},
	{"security.istio.io", "v1", "peerauthentications", "PeerAuthentication", true},
	{"traefik.io", "v1alpha1", "ingressroutes", "IngressRoute", true},
	{"traefik.io", "v1alpha1", "ingressroutetcps", "IngressRouteTCP", true},
	{"traefik.io", "v1alpha1", "ingressrouteudps", "IngressRouteUDP", true},
	{"traefik.containo.us", "v1alpha1", "ingressroutes", "IngressRoute", true},
	{"projectcontour.io", "v1", "httpproxies", "HTTPProxy", true},
	{"k8s.nginx.org", "v1", "virtualservers", "VirtualServer", true},
	{"k8s.nginx.org", "v1", "virtualserverroutes", "VirtualServerRoute", true},
	{"k8s.nginx.org", "v1", "transportservers", "TransportServer", true},
	{"getambassador.io", "v2", "mappings", "Mapping", true},
	{"keda.sh", "v1alpha1", "scaledobjects", "ScaledObject", true},
}

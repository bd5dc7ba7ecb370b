package estate

// Views of the Gateway API: what stands between a route and the internet.
//
// Source: https://gateway-api.sigs.k8s.io/reference/spec/

// KubernetesGatewayClass is a GatewayClass of gateway.networking.k8s.io.
type KubernetesGatewayClass struct {
	Spec struct {
		ControllerName string `json:"controllerName"`
	} `json:"spec"`
}

// KubernetesGateway is a Gateway of gateway.networking.k8s.io.
type KubernetesGateway struct {
	Metadata ObjectMeta `json:"metadata"`
	Spec     struct {
		GatewayClassName string `json:"gatewayClassName"`
		Listeners        []struct {
			Name     string `json:"name"`
			Port     int    `json:"port"`
			Protocol string `json:"protocol"`
			Hostname string `json:"hostname"`
		} `json:"listeners"`
	} `json:"spec"`
	Status struct {
		Addresses []struct {
			Type  string `json:"type"` // "IPAddress", "Hostname"
			Value string `json:"value"`
		} `json:"addresses"`
	} `json:"status"`
}

// RouteParents is what a route of the Gateway API says of its gateways, and
// what their controllers say of the route.
type RouteParents struct {
	Spec struct {
		Hostnames  []string      `json:"hostnames"`
		ParentRefs []RouteParent `json:"parentRefs"`
		Rules      []struct {
			BackendRefs []struct {
				Kind      *string `json:"kind"`
				Name      string  `json:"name"`
				Namespace string  `json:"namespace"`
				Port      int     `json:"port"`
			} `json:"backendRefs"`
		} `json:"rules"`
	} `json:"spec"`
	Status struct {
		Parents []struct {
			ParentRef  RouteParent `json:"parentRef"`
			Conditions []struct {
				Type   string `json:"type"`
				Status string `json:"status"` // "True", "False", "Unknown"
			} `json:"conditions"`
		} `json:"parents"`
	} `json:"status"`
}

// RouteParent names a gateway, or one listener of it.
type RouteParent struct {
	Kind        *string `json:"kind"` // nil: Gateway
	Name        string  `json:"name"`
	Namespace   string  `json:"namespace"` // "": the route's own
	SectionName string  `json:"sectionName"`
	Port        int     `json:"port"`
}

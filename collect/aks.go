package collect

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

const (
	clusterType      = "Microsoft.ContainerService/managedClusters"
	clusterVersion   = "2024-09-01"
	credentialAction = clusterType + "/listClusterUserCredential/action"
	// entraServer is the application that AKS clusters take tokens for, the
	// same in every tenant.
	//
	// Source: https://learn.microsoft.com/azure/aks/kubelogin-authentication
	entraServer = "6dae42f8-4368-4678-94ff-3960e28e3630/.default"
)

// Source: https://learn.microsoft.com/rest/api/aks/managed-clusters/list
var kubernetes = service{name: "kubernetes", kinds: []kind{
	{resourceType: clusterType, version: clusterVersion, decisive: true, children: []child{diagnostics}},
	// Add-ons and GitOps of clusters, Arc-enabled ones too.
	// Source: https://learn.microsoft.com/azure/governance/resource-graph/reference/supported-tables-resources
	{resourceType: "Microsoft.KubernetesConfiguration/extensions", table: "kubernetesconfigurationresources"},
	{resourceType: "Microsoft.KubernetesConfiguration/fluxConfigurations", table: "kubernetesconfigurationresources"},
}}

// cluster is one AKS cluster to be read.
type cluster struct {
	id      azward.ResourceID
	stopped bool
}

func clusterOf(id azward.ResourceID, body json.RawMessage) cluster {
	var v struct {
		Properties struct {
			PowerState struct {
				Code string `json:"code"`
			} `json:"powerState"`
		} `json:"properties"`
	}
	c := cluster{id: id}
	c.stopped = json.Unmarshal(body, &v) == nil && strings.EqualFold(v.Properties.PowerState.Code, "Stopped")
	return c
}

// readCluster reads the objects of a cluster into the estate. What cannot be
// read is one gap for the cluster.
func (r *run) readCluster(ctx context.Context, c cluster) error {
	gap := azward.Gap{Scope: c.id, Kind: azward.GapNotRead, Reads: estate.AllTypes}
	switch {
	case r.o.Clusters == nil:
		gap.Needs, gap.Error, gap.Remedy = "list of the cluster's objects", "the clusters' API servers were not asked", "collect without leaving clusters out"
		r.sink.gap(gap)
		return nil
	case c.stopped:
		gap.Kind, gap.Needs, gap.Error = azward.GapUnreachable, "a running API server", "the cluster is stopped"
		gap.Remedy = "az aks start --ids " + string(c.id)
		r.sink.gap(gap)
		return nil
	}
	kubeconfig, err := r.kubeconfig(ctx, c.id)
	if err != nil {
		if fatal(err) {
			return err
		}
		r.sink.gap(r.credentialGap(c.id, err))
		return nil
	}
	var b estate.Builder
	token := func(ctx context.Context) (string, error) {
		t, err := r.client.Token(ctx, entraServer)
		return t.Token, err
	}
	err = r.o.Clusters(ctx, c.id, kubeconfig, token, r.readAt, &b)
	r.sink.add(b.Build()) // what was read before an error stays
	if err != nil {
		if fatal(err) {
			return err
		}
		gap.Kind, gap.Error, gap.Remedy = gapKind(err), causeOf(err), remedyOf(err)
		r.sink.gap(gap)
	}
	return nil
}

// kubeconfig asks for the user's kubeconfig: the address and the authority of
// the API server. It is no admin's, and with Entra sign-in holds no secret.
//
// Source: https://learn.microsoft.com/rest/api/aks/managed-clusters/list-cluster-user-credentials
func (r *run) kubeconfig(ctx context.Context, id azward.ResourceID) ([]byte, error) {
	raw, err := r.client.Post(ctx, string(id)+"/listClusterUserCredential", clusterVersion, nil)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Kubeconfigs []struct {
			Value string `json:"value"`
		} `json:"kubeconfigs"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, fmt.Errorf("read the cluster's credential: %w", err)
	}
	if len(answer.Kubeconfigs) == 0 {
		return nil, errors.New("the answer holds no kubeconfig")
	}
	kubeconfig, err := base64.StdEncoding.DecodeString(answer.Kubeconfigs[0].Value)
	if err != nil {
		return nil, fmt.Errorf("read the cluster's credential: %w", err)
	}
	return kubeconfig, nil
}

func (r *run) credentialGap(id azward.ResourceID, err error) azward.Gap {
	gap := azward.Gap{Scope: id, Kind: gapKind(err), Reads: estate.AllTypes, Needs: credentialAction, Error: causeOf(err), Remedy: remedyOf(err)}
	if gap.Kind == azward.GapDenied {
		gap.Remedy = r.grant("Azure Kubernetes Service Cluster User Role", id)
	}
	return gap
}

package collect

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/kube"
)

// clusterScope is the token scope of every Entra-integrated AKS API server.
//
// Source: https://learn.microsoft.com/azure/aks/kubelogin-authentication
const clusterScope = "6dae42f8-4368-4678-94ff-3960e28e3630/.default"

// clusterObjects adds what runs in a cluster, read from its API server with
// the user's kubeconfig (never the administrator's) and an Entra token.
func clusterObjects(r *run, o object) error {
	r.add(o.body, o.id, r.from(o.apiVersion))
	var cluster struct {
		Properties struct {
			PowerState struct {
				Code string `json:"code"`
			} `json:"powerState"`
		} `json:"properties"`
	}
	if json.Unmarshal(o.body, &cluster) == nil && strings.EqualFold(cluster.Properties.PowerState.Code, "Stopped") {
		r.gap(azward.Gap{Scope: o.id, Kind: azward.GapUnreachable, Reads: estate.AllTypes, Needs: "a running cluster", Error: "the cluster is stopped"})
		return nil
	}
	config, err := r.kubeconfig(o)
	if err != nil {
		const action = "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action"
		g, end := gapOf(o.id, estate.AllTypes, action, err)
		if end != nil {
			return end
		}
		if g.Kind == azward.GapDenied {
			g.Remedy = "az role assignment create --role \"Azure Kubernetes Service Cluster User Role\" --assignee PRINCIPAL --scope " + string(o.id)
		}
		r.gap(g)
		return nil
	}
	// Read beside, so that the shared builder is not held while the cluster answers.
	var objects estate.Builder
	reader := kube.Reader{Config: config, Cluster: o.id, ReadAt: r.now(), Token: func(ctx context.Context) (string, error) {
		token, err := r.client.Token(ctx, clusterScope)
		return token.Token, err
	}}
	if err := r.limited(o.ctx, func() error { return reader.Read(o.ctx, &objects) }); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.builder.Add(objects.Build())
	return nil
}

func (r *run) kubeconfig(o object) (*kube.Config, error) {
	var raw json.RawMessage
	err := r.limited(o.ctx, func() (err error) {
		raw, err = r.client.Post(o.ctx, string(o.id)+"/listClusterUserCredential", o.apiVersion, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Kubeconfigs []struct {
			Value string `json:"value"`
		} `json:"kubeconfigs"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil || len(answer.Kubeconfigs) == 0 {
		return nil, errors.New("the answer holds no kubeconfig")
	}
	text, err := base64.StdEncoding.DecodeString(answer.Kubeconfigs[0].Value)
	if err != nil {
		return nil, errors.New("the kubeconfig is not in base64")
	}
	return kube.ParseConfig(text)
}

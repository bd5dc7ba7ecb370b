package policy

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/azward/azward"
)

// kubernetesFunctions look into Kubernetes objects and sites.
func kubernetesFunctions() []cel.EnvOption {
	list := cel.ListType(cel.DynType)
	return []cel.EnvOption{
		ofResource("pod_spec", cel.DynType, func(_ *run, o *object) ref.Val {
			if spec := podSpec(o); spec != nil {
				return spec
			}
			return types.NullValue
		}),
		ofResource("containers", list, (*run).containers),
		ofResource("site_config", cel.DynType, (*run).siteConfig),
	}
}

// podSpec is the pod that an object is or makes; nil where there is none.
//
// Source: https://kubernetes.io/docs/concepts/workloads/controllers/
func podSpec(o *object) *object {
	spec := o.inner("spec")
	for _, path := range [][]string{{"jobTemplate", "spec", "template", "spec"}, {"template", "spec"}} {
		at := spec
		for _, name := range path {
			at = at.inner(name)
		}
		if at != nil {
			return at
		}
	}
	if spec.inner("template") == nil {
		return spec
	}
	return nil
}

// inner is the object that a member is, without a note that it was read.
func (o *object) inner(name string) *object {
	if o == nil {
		return nil
	}
	i := o.find(name)
	if i < 0 {
		return nil
	}
	found, _ := o.at(i).(*object)
	return found
}

// containers are all containers of a pod, those that start before and those
// that were added to look at it among them.
func (r *run) containers(o *object) ref.Val {
	l := &related{}
	spec := podSpec(o)
	if spec == nil {
		return types.NewErr("%s makes no pods", o.id())
	}
	for _, name := range []string{"containers", "initContainers", "ephemeralContainers"} {
		i := spec.find(name)
		if i < 0 {
			continue
		}
		if list, ok := spec.at(i).(*array); ok {
			r.step(len(list.values()))
			l.values = append(l.values, list.values()...)
		}
	}
	return l
}

// siteConfig are the properties of a site's record config/web: lists of sites
// leave most of siteConfig out.
//
// Source: https://learn.microsoft.com/rest/api/appservice/web-apps/get-configuration
func (r *run) siteConfig(o *object) ref.Val {
	id := o.id().Child("config", "web")
	one, ok := r.checker.estate.Resource(id)
	if !ok {
		return r.lacks(azward.Gap{
			Scope: o.id(), Kind: azward.GapNotRead, Reads: o.resource().Type + "/config", Needs: o.resource().Type + "/config/read",
			Error: "the record config/web of the site was not read",
		})
	}
	root, ok := r.object(one).(*object)
	if !ok {
		return unknown
	}
	if found := root.inner("properties"); found != nil {
		return found
	}
	return root.member("properties")
}
